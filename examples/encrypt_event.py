"""Encrypts the personal data in an event, with nothing but a public key: for whoever writes events and reads none.

    python3 examples/encrypt_event.py --public-key FILE --dek NAME < event.json

FILE holds what `/v1/deks/NAME/public-key` answered. Only the custodian can decrypt what comes out. Python 3.9 or newer
with `cryptography` 50 or newer; made to be copied, as a program or as a module:

    encryptor = EventEncryptor("telemetry", json.load(file))
    encryptor.encrypt({"actor_email": "ada@example.org", "count": 1})

It does what `/v1/pii/encrypt` does, to the byte: docs/telemetry.md says what that is worth, and what it is not.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import re
import sys
import unicodedata
from typing import Any, Iterable

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

FIELDS = (
    "actor_id actor_name actor_email requested_by approved_by reviewer_id override_justification "
    "proposal_title proposal_description proposal_context client_ip user_agent"
).split()

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
MLKEM_BYTES, X25519_BYTES = 1184, 32
# What encrypting adds: both shares of the key, and a tag.
ADDED_BYTES = 1120 + 16
VERSION = r"dek-v[1-9][0-9]*-[0-9]{8}"
SPACE = re.compile(r"[ \t\n\r]*")


class EventEncryptor:
    """Encrypts to one version of one hybrid DEK. `public` is what `public-key` answered."""

    def __init__(self, dek: str, public: dict[str, Any], fields: Iterable[str] = FIELDS) -> None:
        if public.get("algorithm") != "mlkem768-x25519" or not re.fullmatch(VERSION, public.get("version", "")):
            raise ValueError("this is not the public key of a hybrid DEK: take the answer of public-key as it is")
        self._key = _read_key(base64.b64decode(public["public_key"], validate=True))
        self._reference = f"{dek}/{public['version']}"
        self._blob = re.compile(rf"cst1:hpke:{re.escape(dek)}/{VERSION}:([A-Za-z0-9_-]+)")
        self._fields = frozenset(fields)

    def encrypt(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event of plain Python values, as `json` makes them."""
        return json.loads(self.encrypt_text(json.dumps(event, allow_nan=False)))

    def encrypt_text(self, text: str) -> str:
        """An event as JSON. Each field is encrypted, at any depth, and all else stays to the byte: 1.0 is still 1.0,
        and 12345678901234567890 is not rounded. What this DEK encrypted before stays too."""
        _check(text)
        found: list[tuple[str, int, int]] = []
        self._find(text, _skip(text, 0), found)
        parts, done = [], 0
        for name, start, end in found:
            parts += [text[done:start], self._changed(name, text[start:end])]
            done = end
        return "".join([*parts, text[done:]])

    def _find(self, text: str, at: int, found: list[tuple[str, int, int]]) -> int:
        """Adds the name and place of each field within the value at `at`; answers where the value ends."""
        if text[at] == "{":
            return self._find_in_object(text, _skip(text, at + 1), found)
        if text[at] != "[":
            return DECODER.raw_decode(text, at)[1]
        at = _skip(text, at + 1)
        while text[at] != "]":
            at = _next(text, self._find(text, at, found))
        return at + 1

    def _find_in_object(self, text: str, at: int, found: list[tuple[str, int, int]]) -> int:
        while text[at] != "}":
            name, end = DECODER.raw_decode(text, at)
            start = _skip(text, _skip(text, end) + 1)
            if name in self._fields:
                end = DECODER.raw_decode(text, start)[1]
                found.append((name, start, end))
            else:
                end = self._find(text, start, found)
            at = _next(text, end)
        return at + 1

    def _changed(self, name: str, value: str) -> str:
        return value if self._is_encrypted(DECODER.decode(value)) else f'"{self._seal(name, value.encode())}"'

    def _seal(self, name: str, value: bytes) -> str:
        info = b"\0".join([b"aegis-custodian/hpke/v1", self._reference.encode(), name.encode()])
        return f"cst1:hpke:{self._reference}:{_base64url(SUITE.encrypt(value, self._key, info))}"

    def _is_encrypted(self, value: Any) -> bool:
        """Whether it is a whole blob of this DEK, of any version, in the one form that its bytes have."""
        blob = self._blob.fullmatch(value) if isinstance(value, str) else None
        if blob is None:
            return False
        try:
            body = base64.urlsafe_b64decode(blob[1] + "=" * (-len(blob[1]) % 4))
        except binascii.Error:
            return False
        return len(body) > ADDED_BYTES and _base64url(body) == blob[1]


def _check(text: str) -> None:
    """Refuses what the custodian refuses: no object, a key that stands twice, NaN, half of a surrogate pair."""
    event = DECODER.decode(text)
    if not isinstance(event, dict):
        raise ValueError("an event is one JSON object")
    json.dumps(event, ensure_ascii=False).encode()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({unicodedata.normalize("NFC", key) for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice in an object (after Unicode NFC): it would say two things")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Numbers are looked at only: their text is what stays.
DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant, parse_int=float)


def _skip(text: str, at: int) -> int:
    """Where white space ends."""
    return SPACE.match(text, at).end()


def _next(text: str, end: int) -> int:
    """Where the next member or item begins after one that ends there, or the bracket that closes them all."""
    at = _skip(text, end)
    return _skip(text, at + 1) if text[at] == "," else at


def _read_key(key: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(key) != MLKEM_BYTES + X25519_BYTES:
        raise ValueError("the public key is not 1,216 bytes: take the answer of public-key as it is")
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(key[:MLKEM_BYTES]),
        X25519PublicKey.from_public_bytes(key[MLKEM_BYTES:]),
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Encrypts the personal data in an event read from standard input.")
    parser.add_argument("--public-key", required=True, metavar="FILE", help="what /v1/deks/NAME/public-key answered")
    parser.add_argument("--dek", required=True, metavar="NAME", help="the name of the DEK")
    parser.add_argument("--field", action="append", metavar="NAME", help="encrypt this field, and not the usual twelve")
    arguments = parser.parse_args()
    try:
        with open(arguments.public_key, encoding="utf-8") as file:
            encryptor = EventEncryptor(arguments.dek, json.load(file), arguments.field or FIELDS)
        encrypted = encryptor.encrypt_text(sys.stdin.buffer.read().decode())
    except (OSError, ValueError, RecursionError) as error:
        sys.exit(f"encrypt_event: {error}")
    sys.stdout.buffer.write(encrypted.encode())


if __name__ == "__main__":
    main()
