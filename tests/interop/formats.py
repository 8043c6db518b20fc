"""What formats.md sections 1 and 2 say of names, AADs and stored records, with AES-GCM and JCS of other people."""

import base64
import unicodedata

import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def nfc(text):
    return unicodedata.normalize("NFC", text)


def jcs(context):
    return rfc8785.dumps({nfc(key): nfc(value) for key, value in context.items()})


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pad(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def wrap_aad(purpose, reference, kek_version, algorithm="aes-256-gcm"):
    parts = ["aegis-custodian/wrap/v1", purpose, reference, algorithm, kek_version]
    return "\0".join(parts).encode()


def open_dek(kek, reference, row, algorithm="aes-256-gcm"):
    """The 32 bytes of a DEK version, out of its row in the database, with the KEK in hex."""
    aad = wrap_aad("dek", reference, row["kek"], algorithm)
    return AESGCM(bytes.fromhex(kek)).decrypt(bytes.fromhex(row["nonce"]), bytes.fromhex(row["sealed"]), aad)
