"""Signed lists of MCP tools, judged and made by formats.md section 7 with nothing of ours: `cryptography` and `rfc8785`."""

import base64
import hashlib
import json
import sys
import unicodedata

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

META = "aegis-custodian/amtss"


def nfc(value):
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [nfc(item) for item in value]
    if isinstance(value, dict):
        return {nfc(key): nfc(item) for key, item in value.items()}
    return value


def check(value):
    """Refuses doubles whose canonical form is an integer that is refused."""
    if isinstance(value, float) and 2**53 <= abs(value) < 1e21:
        raise rfc8785.FloatDomainError(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check(item)


def jcs(value):
    check(value)
    return rfc8785.dumps(nfc(value))


def message(manifest):
    return b"aegis-custodian/amtss/v1\0" + jcs(manifest)


def digests(tools):
    return {nfc(tool["name"]): hashlib.sha256(jcs(tool)).hexdigest() for tool in tools}


def judge(text, public_key):
    """What a client of another make would find out."""
    result = json.loads(text)
    amtss = result["_meta"][META]
    key = base64.b64decode(public_key, validate=True)
    try:
        signature = base64.b64decode(amtss["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message(amtss["manifest"]))
        signed = True
    except InvalidSignature:
        signed = False
    return {
        "signed": signed,
        "same": digests(result["tools"]) == amtss["manifest"]["tools"],
        "keyid": amtss["keyid"] == "ed25519:" + hashlib.sha256(key).hexdigest()[:16],
        "manifest_sha256": hashlib.sha256(jcs(amtss["manifest"])).hexdigest(),
    }


def sign(seed, tools, server, issued_at, expires_at):
    """A list as a service with this seed would answer it, in the text that Python makes of it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    manifest = {
        "version": 1,
        "server": server,
        "issued_at": issued_at,
        "expires_at": expires_at,
        "tools": digests(json.loads(tools)),
    }
    keyid = "ed25519:" + hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]
    signature = base64.b64encode(key.sign(message(manifest))).decode()
    amtss = {"alg": "ed25519", "keyid": keyid, "manifest": manifest, "signature": signature}
    return json.dumps({"tools": json.loads(tools), "_meta": {META: amtss}}, indent=1)


def canonical(text):
    """RFC 8785 of a value, or null for one that it cannot carry."""
    try:
        return jcs(json.loads(text)).decode()
    except rfc8785.CanonicalizationError:
        return None


def main():
    given = json.load(sys.stdin)
    answer = {
        "judged": [judge(text, given["public_key"]) for text in given.get("judge", [])],
        "signed": [sign(**job) for job in given.get("sign", [])],
        "canonical": [canonical(text) for text in given.get("canonical", [])],
    }
    json.dump(answer, sys.stdout)


main()
