"""A small client of Aegis Custodian, for applications to copy and to change.

Python 3.9 or newer and the standard library; only `hybrid_encrypt` needs more: `cryptography` 50 or newer.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import unicodedata
import urllib.parse
import uuid
from typing import Any, Optional

Context = Optional[dict[str, str]]


class Refused(Exception):
    """An answer that is no success. `code` is stable, so programs decide by it; `detail` is for people."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}: {problem['detail']} ({problem['request_id']})")
        self.status, self.code, self.request_id = problem["status"], problem["code"], problem["request_id"]


class Custodian:
    """Calls one service as one principal. The token is read from its file at each call, so a new one is taken up."""

    def __init__(self, url: str, token_file: str, attempts: int = 10, timeout: float = 30) -> None:
        parts = urllib.parse.urlsplit(url)
        secure = parts.scheme == "https"
        self._connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._address, self._token_file = parts.netloc, token_file
        self._attempts, self._timeout = attempts, timeout

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call, sent again while the service says 503 or 429 or cannot be reached."""
        with open(self._token_file, encoding="ascii") as file:
            headers = {"Authorization": f"Bearer {file.read().strip()}"}
        headers.update({"Content-Type": "application/json", "Accept": "application/json"})
        if method == "POST":
            # Only calls that create something use it: sent again, they answer the first thing and make no second.
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None if body is None else json.dumps(body).encode()
        for left in reversed(range(self._attempts)):
            try:
                status, wait, answer = self._once(method, path, data, headers)
            except (OSError, http.client.HTTPException):
                if not left:
                    raise
                time.sleep(1)
                continue
            if status not in (429, 503) or not left:
                break
            time.sleep(wait)
        if status >= 400:
            raise Refused(answer)
        return answer

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, int, Any]:
        connection = self._connection(self._address, timeout=self._timeout)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            raw = response.read()
            return response.status, int(response.headers.get("Retry-After", 1)), json.loads(raw) if raw else None
        finally:
            connection.close()

    def wrap(self, key: bytes, context: Context = None) -> str:
        """Wraps key material under the KEK; keep the blob, nothing of it is stored there."""
        return self.call("POST", "/v1/wrap", {"plaintext": _b64(key), "context": context or {}})["wrapped"]

    def unwrap(self, wrapped: str, context: Context = None) -> bytes:
        answer = self.call("POST", "/v1/unwrap", {"wrapped": wrapped, "context": context or {}})
        return base64.b64decode(answer["plaintext"])

    def encrypt(self, dek: str, plaintext: bytes, context: Context = None) -> str:
        body = {"plaintext": _b64(plaintext), "context": context or {}}
        return self.call("POST", f"/v1/deks/{dek}/encrypt", body)["ciphertext"]

    def decrypt(self, dek: str, ciphertext: str, context: Context = None) -> bytes:
        body = {"ciphertext": ciphertext, "context": context or {}}
        return base64.b64decode(self.call("POST", f"/v1/deks/{dek}/decrypt", body)["plaintext"])

    def rewrap(self, dek: str, ciphertext: str, context: Context = None) -> str:
        """The same plaintext under the DEK's newest version, without seeing it."""
        body = {"ciphertext": ciphertext, "context": context or {}}
        return self.call("POST", f"/v1/deks/{dek}/rewrap", body)["ciphertext"]

    def data_key(self, dek: str, context: Context = None, length: int = 32) -> tuple[bytes, str]:
        """A fresh key for a cipher of one's own, and the blob that brings it back."""
        answer = self.call("POST", f"/v1/deks/{dek}/data-key", {"bytes": length, "context": context or {}})
        return base64.b64decode(answer["plaintext"]), answer["ciphertext"]


def hybrid_encrypt(dek: str, shown: dict[str, Any], plaintext: bytes, context: Context = None) -> str:
    """Encrypts to a hybrid DEK with what `public-key` answered; needs neither a token nor the service."""
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    key = base64.b64decode(shown["public_key"])
    recipient = hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(key[:1184]), X25519PublicKey.from_public_bytes(key[1184:])
    )
    reference = f"{dek}/{shown['version']}"
    info = b"\0".join([b"aegis-custodian/hpke/v1", reference.encode(), _canonical(context or {})])
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    body = base64.urlsafe_b64encode(suite.encrypt(plaintext, recipient, info)).rstrip(b"=").decode()
    return f"cst1:hpke:{reference}:{body}"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(context: dict[str, str]) -> bytes:
    """The context's bytes by RFC 8785, after Unicode NFC: enough for an object of strings, as a context is."""
    nfc = [[unicodedata.normalize("NFC", text) for text in pair] for pair in context.items()]
    ordered = dict(sorted(nfc, key=lambda pair: pair[0].encode("utf-16-be")))
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()
