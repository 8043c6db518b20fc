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
MLKEM_BYTES = 1184
# What encrypting adds: both shares of the key, and a tag.
ADDED_BYTES = 1120 + 16
VERSION = r"dek-v[1-9][0-9]*-[0-9]{8}"
SPACE = re.compile(r"[ \t\n\r]*")
# What the custodian takes: levels of an event that is alone in its request (in a batch one less), values, and bytes of
# the encrypted event, which leave room for the rest of the request that decrypts it.
LEVELS, VALUES, EVENT_BYTES = 126, 4096, 8 * 1024 * 1024 - 64 * 1024


class EventEncryptor:
    """Encrypts to one version of one hybrid DEK. `public` is what `public-key` answered."""

    def __init__(self, dek: str, public: dict[str, Any], fields: Iterable[str] = FIELDS) -> None:
        version = _text(public, "version")
        if _text(public, "algorithm") != "mlkem768-x25519" or not re.fullmatch(VERSION, version):
            raise ValueError("this is not the public key of a hybrid DEK: take the answer of public-key as it is")
        self._key = _read_key(_text(public, "public_key"))
        self._reference = f"{dek}/{version}"
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
        if len(found) > VALUES:
            raise ValueError("an event has at most 4,096 values to encrypt: make several of it")
        parts, done = [], 0
        for name, start, end in found:
            parts += [text[done:start], self._changed(name, text[start:end])]
            done = end
        return _small_enough("".join([*parts, text[done:]]))

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
    """Refuses what the custodian refuses: no object, one that is nested too deep, a key that stands twice, NaN, half of
    a surrogate pair."""
    try:
        event = DECODER.decode(text)
    except RecursionError:
        raise ValueError(DEEP) from None
    if not isinstance(event, dict):
        raise ValueError("an event is one JSON object")
    if _levels(event) > LEVELS:
        raise ValueError(DEEP)
    json.dumps(event, ensure_ascii=False).encode()


DEEP = f"an event is nested at most {LEVELS} levels deep: nobody could decrypt this one"


def _levels(event: dict[str, Any]) -> int:
    """How deep it is nested, its own braces counted."""
    levels, within = 0, [event]
    while within:
        levels += 1
        inner = (item for value in within for item in (value.values() if isinstance(value, dict) else value))
        within = [item for item in inner if isinstance(item, (dict, list))]
    return levels


def _small_enough(encrypted: str) -> str:
    if len(encrypted.encode()) > EVENT_BYTES:
        raise ValueError("encrypted, this event would be larger than may be sent to be decrypted: make several of it")
    return encrypted


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


def _text(public: Any, name: str) -> str:
    """A member that is a text; an empty one if there is none."""
    value = public.get(name) if isinstance(public, dict) else None
    return value if isinstance(value, str) else ""


def _read_key(text: str) -> hpke.MLKEM768X25519PublicKey:
    try:
        key = base64.b64decode(text, validate=True)
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(key[:MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(key[MLKEM_BYTES:]),
        )
    except ValueError:
        raise ValueError(
            "public_key is no key of 1,216 bytes in base64: take the answer of public-key as it is"
        ) from None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read_public(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except (ValueError, RecursionError):
            raise ValueError(f"{path} is not JSON: put into it what public-key answered") from None


def main() -> None:
    parser = argparse.ArgumentParser(description="Encrypts the personal data in an event read from standard input.")
    parser.add_argument("--public-key", required=True, metavar="FILE", help="what /v1/deks/NAME/public-key answered")
    parser.add_argument("--dek", required=True, metavar="NAME", help="the name of the DEK")
    parser.add_argument("--field", action="append", metavar="NAME", help="encrypt this field, and not the usual twelve")
    arguments = parser.parse_args()
    try:
        encryptor = EventEncryptor(arguments.dek, _read_public(arguments.public_key), arguments.field or FIELDS)
        encrypted = encryptor.encrypt_text(sys.stdin.buffer.read().decode())
    except (OSError, ValueError) as error:
        sys.exit(f"encrypt_event: {error}")
    sys.stdout.buffer.write(encrypted.encode())


if __name__ == "__main__":
    main()
