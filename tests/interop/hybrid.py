"""Makes and opens `hpke` blobs by the formats page alone, with the HPKE of Python's `cryptography` (50 or newer).

Reads a JSON object on standard input, writes one on standard output; tests/interop/hybrid.rs compares. `seal` is a
list of what to encrypt to a public key, `open` a list of blobs with the stored record that holds their seed.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from formats import jcs, open_dek, pad, unpad

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def info(reference, label):
    return b"\0".join([b"aegis-custodian/hpke/v1", reference.encode(), label])


def seal(job):
    key = base64.b64decode(job["public_key"], validate=True)
    assert len(key) == 1216
    parts = MLKEM768PublicKey.from_public_bytes(key[:1184]), X25519PublicKey.from_public_bytes(key[1184:])
    label = job["label"].encode() if "label" in job else jcs(job["context"])
    plaintext = base64.b64decode(job["plaintext"], validate=True)
    body = SUITE.encrypt(plaintext, hpke.MLKEM768X25519PublicKey(*parts), info(job["reference"], label))
    return f"cst1:hpke:{job['reference']}:{pad(body)}"


def parts_of(seed):
    """X-Wing's key expansion: 96 bytes of SHAKE256 are ML-KEM's d and z, then the X25519 secret."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


def unseal(job):
    """What was encrypted, and the public key that belongs to the stored seed."""
    head, body = job["ciphertext"].rsplit(":", 1)
    assert head == "cst1:hpke:" + job["reference"]
    seed = open_dek(job["kek"], job["reference"], job["row"], "mlkem768-x25519")
    parts = parts_of(seed)
    bound = info(job["reference"], jcs(job["context"]))
    plaintext = SUITE.decrypt(unpad(body), hpke.MLKEM768X25519PrivateKey(*parts), bound)
    public = b"".join(part.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for part in parts)
    return {"plaintext": base64.b64encode(plaintext).decode(), "public_key": base64.b64encode(public).decode()}


def main():
    given = json.load(sys.stdin)
    sealed = [seal(job) for job in given.get("seal", [])]
    opened = [unseal(job) for job in given.get("open", [])]
    json.dump({"sealed": sealed, "opened": opened}, sys.stdout)


if __name__ == "__main__":
    main()
