"""Custodians' Ed25519 keys, each from a seed in hex, and the messages that they sign (formats.md section 3)."""

import base64
import hashlib
import json
import unicodedata

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEME = "ed25519"


def public_key(seed):
    return base64.b64encode(_key(seed).public_key().public_bytes_raw()).decode()


def proof(seed, enrolled):
    """Over the challenge of an enrolment, as it was answered."""
    members = ("challenge", "instance", "public_key", "role", "scheme", "subject")
    message = {name: enrolled[name] for name in members} | {"custodian_id": enrolled["id"]}
    return _sign(seed, _under("aegis-custodian/enrol/v1", message))


def signature(seed, signing_hash):
    """Over an override."""
    return _sign(seed, bytes.fromhex(signing_hash))


def rejection(seed, custodian_id, override_id, reason):
    message = {"custodian_id": custodian_id, "override_id": override_id, "reason": unicodedata.normalize("NFC", reason)}
    return _sign(seed, _under("aegis-custodian/reject/v1", message))


def _key(seed):
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def _sign(seed, message):
    return base64.b64encode(_key(seed).sign(message)).decode()


def _under(domain, message):
    # Texts of our own and of what the service takes: for these it is canonical JSON (RFC 8785).
    text = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(domain.encode() + b"\0" + text.encode(errors="surrogatepass")).digest()
