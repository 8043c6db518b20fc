"""The custodian as the KEK provider of an application: the application keeps its own keys, wrapped, in a file.

    python3 examples/kek_provider.py --token-file FILE --store keys.json make reports
    python3 examples/kek_provider.py --token-file FILE --store keys.json encrypt reports < report > report.sealed
    python3 examples/kek_provider.py --token-file FILE --store keys.json decrypt reports < report.sealed
    python3 examples/kek_provider.py --token-file FILE --store keys.json rewrap

This is envelope encryption. A key is made here and encrypts here; the custodian wraps it under the KEK, which never
leaves its token, and keeps nothing. So the store may lie beside the data and in its backups: it opens nothing without
the custodian. Python 3.9 or newer with `cryptography`; `custodian_client.py` lies beside this file.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from pathlib import Path
from typing import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custodian_client import Custodian, Refused

KEY_BYTES, NONCE_BYTES = 32, 12
BATCH = 256


class KekProvider:
    """Wraps and unwraps the keys of one application. Change this class to use another KEK."""

    def __init__(self, custodian: Custodian, application: str) -> None:
        self._custodian, self._application = custodian, application

    def wrap(self, name: str, key: bytes) -> str:
        return self._custodian.wrap(key, self._context(name))

    def unwrap(self, name: str, wrapped: str) -> bytes:
        return self._custodian.unwrap(wrapped, self._context(name))

    def rewrap(self, wrapped: list[str]) -> list[str]:
        """The same keys under the newest KEK, in order. It needs no context, and nothing is unwrapped for it."""
        return [blob for part in _parts(wrapped) for blob in self._rewrapped(part)]

    def _rewrapped(self, blobs: list[str]) -> list[str]:
        body = {"items": [{"wrapped": blob} for blob in blobs]}
        items = self._custodian.call("POST", "/v1/rewrap", body)["items"]
        for item in items:
            if "error" in item:
                raise Refused(item["error"])
        return [item["wrapped"] for item in items]

    def _context(self, name: str) -> dict[str, str]:
        """Ties a blob to its place: put under another name, or into another application's store, it does not open."""
        return {"application": self._application, "key": name}


class KeyStore:
    """Wrapped keys by name, in a JSON file that is replaced as a whole: a crash leaves the old one or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def write(self, wrapped: dict[str, str]) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with open(new, "w", encoding="ascii") as file:
            json.dump(wrapped, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)


class Keys:
    """The application's keys. An unwrapped key is kept as long as this object, so that each is asked for once."""

    def __init__(self, provider: KekProvider, store: KeyStore) -> None:
        self._provider, self._store = provider, store
        self._open: dict[str, bytes] = {}

    def make(self, name: str) -> None:
        wrapped = self._store.read()
        if name in wrapped:
            raise ValueError(f"there is a key `{name}` already: what it encrypted needs it")
        wrapped[name] = self._provider.wrap(name, AESGCM.generate_key(8 * KEY_BYTES))
        self._store.write(wrapped)

    def encrypt(self, name: str, plaintext: bytes) -> bytes:
        """AES-256-GCM with a random nonce: one key is good for 2^32 of these, so make a new one long before."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(name).encrypt(nonce, plaintext, name.encode())

    def decrypt(self, name: str, sealed: bytes) -> bytes:
        if len(sealed) < NONCE_BYTES:
            raise InvalidTag
        return self._cipher(name).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())

    def rewrap(self) -> int:
        """Moves all keys to the newest KEK; what they encrypted stays as it is."""
        wrapped = self._store.read()
        moved = self._provider.rewrap(list(wrapped.values()))
        self._store.write(dict(zip(wrapped, moved)))
        return len(moved)

    def _cipher(self, name: str) -> AESGCM:
        if name not in self._open:
            wrapped = self._store.read()
            if name not in wrapped:
                raise ValueError(f"there is no key `{name}`: make it first")
            self._open[name] = self._provider.unwrap(name, wrapped[name])
        return AESGCM(self._open[name])


def _parts(all_of_them: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(all_of_them), BATCH):
        yield all_of_them[start : start + BATCH]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Keeps an application's keys, wrapped by the custodian.")
    parser.add_argument("--url", default="http://127.0.0.1:8700", help="the custodian's address (%(default)s)")
    parser.add_argument("--token-file", required=True, help="the file that holds the application's token")
    parser.add_argument("--store", required=True, type=Path, help="the file for the wrapped keys")
    parser.add_argument("--application", default="example", help="the application's name (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ["make", "encrypt", "decrypt"]:
        commands.add_parser(command).add_argument("name", help="the name of the key")
    commands.add_parser("rewrap")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, keys: Keys) -> None:
    if arguments.command == "make":
        keys.make(arguments.name)
    elif arguments.command == "rewrap":
        print(f"{keys.rewrap()} keys are under the newest KEK")
    else:
        change = keys.encrypt if arguments.command == "encrypt" else keys.decrypt
        sys.stdout.buffer.write(change(arguments.name, sys.stdin.buffer.read()))


def main() -> None:
    arguments = _arguments()
    provider = KekProvider(Custodian(arguments.url, arguments.token_file), arguments.application)
    try:
        _run(arguments, Keys(provider, KeyStore(arguments.store)))
    except InvalidTag:
        sys.exit("kek_provider: this was not encrypted with that key, or it was changed")
    except (OSError, ValueError, Refused) as error:
        sys.exit(f"kek_provider: {error}")


if __name__ == "__main__":
    main()
