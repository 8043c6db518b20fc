"""Encrypts the personal data in an event, with nothing but a public key: for whoever writes events and reads none.

    python3 examples/encrypt_event.py --public-key FILE --dek NAME < event.json

FILE holds what `/v1/deks/NAME/public-key` answered. Only the custodian can decrypt what comes out. Python 3.9 or newer
with `cryptography` 50 or newer; made to be copied, as a program or as a module:

    event_encryptor = EventEncryptor("telemetry", json.load(file))
    event_encryptor.encrypt({"actor_email": "ada@example.org", "count": 1})

What it makes is what `/v1/pii/encrypt` makes: docs/telemetry.md says what that is worth, and what it is not.
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
# What an empty text needs: both shares of the key, and a tag.
SHORTEST_BODY = 1120 + 16
VERSION = r"dek-v[1-9][0-9]*-[0-9]{8}"


class EventEncryptor:
    """Encrypts to one version of one hybrid DEK. `public` is what `public-key` answered."""

    def __init__(self, dek: str, public: dict[str, Any], fields: Iterable[str] = FIELDS) -> None:
        if public.get("algorithm") != "mlkem768-x25519" or not re.fullmatch(VERSION, public.get("version", "")):
            raise ValueError("this is not the public key of a hybrid DEK: take the answer of public-key as it is")
        self._key = _read_key(base64.b64decode(public["public_key"], validate=True))
        self._reference = f"{dek}/{public['version']}"
        self._blob = re.compile(rf"cst1:hpke:{re.escape(dek)}/{VERSION}:([A-Za-z0-9_-]+)")
        self._fields = frozenset(fields)

    def encrypt(self, event: Any) -> Any:
        """The event with each field encrypted, at any depth; what is encrypted already stays as it is."""
        if isinstance(event, dict):
            return {name: self._member(name, value) for name, value in event.items()}
        if isinstance(event, (list, tuple)):
            return [self.encrypt(item) for item in event]
        return event

    def _member(self, name: str, value: Any) -> Any:
        if name not in self._fields:
            return self.encrypt(value)
        return value if self._is_encrypted(value) else self._seal(name, value)

    def _seal(self, name: str, value: Any) -> str:
        info = b"\0".join([b"aegis-custodian/hpke/v1", self._reference.encode(), name.encode()])
        body = SUITE.encrypt(write_json(value).encode(), self._key, info)
        return f"cst1:hpke:{self._reference}:{_base64url(body)}"

    def _is_encrypted(self, value: Any) -> bool:
        """Whether it is a whole blob of this DEK, of any version, in the one form that its bytes have."""
        blob = self._blob.fullmatch(value) if isinstance(value, str) else None
        if blob is None:
            return False
        try:
            body = base64.urlsafe_b64decode(blob[1] + "=" * (-len(blob[1]) % 4))
        except binascii.Error:
            return False
        return len(body) >= SHORTEST_BODY and _base64url(body) == blob[1]


class Number(float):
    """A number that keeps the text it was written with: 1.0 stays 1.0, and 12345678901234567890 is not rounded."""

    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


def read_json(text: str) -> Any:
    """Reads JSON as the custodian does: no key twice (after Unicode NFC), no NaN, and numbers keep their text."""
    return json.loads(
        text, parse_int=Number, parse_float=Number, parse_constant=_refuse_constant, object_pairs_hook=_read_object
    )


def write_json(value: Any) -> str:
    """The JSON text of what `read_json` gave, or of plain Python values."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join([f"{_write_key(key)}:{write_json(member)}" for key, member in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([write_json(item) for item in value]) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _write_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError("the keys of an object are texts")
    return json.dumps(key, ensure_ascii=False)


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({unicodedata.normalize("NFC", key) for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice in an object: it would say two things")
    return dict(pairs)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


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
        event = read_json(sys.stdin.buffer.read().decode())
        if not isinstance(event, dict):
            raise ValueError("an event is one JSON object")
        encrypted = write_json(encryptor.encrypt(event)).encode()
    except (OSError, ValueError, RecursionError) as error:
        sys.exit(f"encrypt_event: {error}")
    sys.stdout.buffer.write(encrypted + b"\n")


if __name__ == "__main__":
    main()
