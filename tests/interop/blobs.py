"""Opens and makes `kek` and `dek` blobs by the formats page alone: AES-GCM and JCS of other people.

Reads a JSON object on standard input, writes one on standard output; tests/interop.rs compares.
"""

import base64
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from formats import jcs, open_dek, pad, unpad, wrap_aad


def payload_aad(head, context, scope=None):
    parts = [head.encode()] + ([scope.encode()] if scope else []) + [jcs(context)]
    return b"\0".join(parts)


def open_kek(given):
    """`cst1:kek:{version}:` u16be length, record, nonce, ciphertext, tag."""
    prefix, kind, version, body = given["wrapped"].split(":")
    assert (prefix, kind, version) == ("cst1", "kek", given["kek_version"])
    body = unpad(body)
    length = int.from_bytes(body[:2], "big")
    record, payload = body[2 : 2 + length], body[2 + length :]
    name, rest = record[1 : 1 + record[0]], record[1 + record[0] :]
    nonce, sealed = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    assert name == b"aes-gcm" and len(nonce) == 12 and len(sealed) == 48
    one_time = AESGCM(bytes.fromhex(given["kek"])).decrypt(nonce, sealed, wrap_aad("one-time", "", version))
    aad = payload_aad("cst1:kek:", given["context"], given["wrap_scope"])
    return AESGCM(one_time).decrypt(payload[:12], payload[12:], aad)


def make_kek(given, plaintext):
    version, one_time = given["kek_version"], os.urandom(32)
    nonce = os.urandom(12)
    sealed = AESGCM(bytes.fromhex(given["kek"])).encrypt(nonce, one_time, wrap_aad("one-time", "", version))
    record = b"\x07aes-gcm" + b"\x0c" + nonce + sealed
    payload = os.urandom(12)
    aad = payload_aad("cst1:kek:", given["context"], given["wrap_scope"])
    payload += AESGCM(one_time).encrypt(payload, plaintext, aad)
    return f"cst1:kek:{version}:" + pad(len(record).to_bytes(2, "big") + record + payload)


def open_ciphertext(given, dek):
    head, body = given["ciphertext"].rsplit(":", 1)
    assert head == "cst1:dek:" + given["reference"]
    body = unpad(body)
    return AESGCM(dek).decrypt(body[:12], body[12:], payload_aad(head + ":", given["context"]))


def make_ciphertext(given, dek, plaintext):
    head, nonce = f"cst1:dek:{given['reference']}:", os.urandom(12)
    return head + pad(nonce + AESGCM(dek).encrypt(nonce, plaintext, payload_aad(head, given["context"])))


def main():
    given = json.load(sys.stdin)
    dek = open_dek(given["kek"], given["reference"], given["row"])
    answer = {
        "unwrapped": base64.b64encode(open_kek(given)).decode(),
        "decrypted": base64.b64encode(open_ciphertext(given, dek)).decode(),
        "wrapped": make_kek(given, b"made elsewhere"),
        "ciphertext": make_ciphertext(given, dek, b"made elsewhere"),
    }
    json.dump(answer, sys.stdout)


main()
