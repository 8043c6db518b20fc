"""Judges override certificates with AEGIS's own verifier, and checks every hash and signature by the formats page alone.

Reads a JSON object on standard input, writes one on standard output; tests/interop/certificate.rs compares. `judge` is
a list of certificates for the verifier of PyPI's `aegis-governance`, `check` a list of valid ones to take apart.
"""

import base64
import hashlib
import json
import sys
import unicodedata
from datetime import datetime

import rfc8785
from aegis import AttestationVerifyKey, verify_attestation_locally
from aegis.types import DSSEEnvelope
from coincurve import PublicKeyXOnly
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey, MLDSA65PublicKey


def unb64(text):
    return base64.b64decode(text, validate=True)


def sha256(data):
    return hashlib.sha256(data).digest()


def nfc(value):
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {nfc(key): nfc(item) for key, item in value.items()}
    return [nfc(item) for item in value] if isinstance(value, list) else value


def jcs(value):
    return rfc8785.dumps(nfc(value))


def keys_of(given):
    """The two public keys for overrides, by algorithm; each key id is checked on the way."""
    for item in given["items"]:
        digest = hashlib.sha256(unb64(item["public_key"])).hexdigest()
        assert item["key_id"] == f"{item['algorithm']}:{digest[:16]}"
    return {item["algorithm"]: unb64(item["public_key"]) for item in given["items"] if item["purpose"] == "override"}


def judge(job, keys):
    """The word of AEGIS's verifier, null for valid; what it raises, if it does."""
    try:
        valid, word = verify_attestation_locally(
            envelope=DSSEEnvelope.from_response(job["envelope"]),
            expected_digest=job["message_hash"],
            expected_environment=job["environment"],
            keys=AttestationVerifyKey(ed25519_public=keys["ed25519"], mldsa65_public=keys["ml-dsa-65"]),
            now=datetime.fromisoformat(job["at"].replace("Z", "+00:00")),
        )
    except Exception as error:  # its caller would see it
        return f"raises {type(error).__name__}"
    assert valid == (word is None)
    return word


def verify_bip340(key, message, signature):
    tag = sha256(b"BIP0322-signed-message")
    assert PublicKeyXOnly(key).verify(signature, sha256(tag + tag + message))


def verify_ed25519(key, message, signature):
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def verify_hybrid(key, message, signature):
    assert (len(key), len(signature)) == (32 + 1312, 64 + 2420)
    verify_ed25519(key[:32], message, signature[:64])
    MLDSA44PublicKey.from_public_bytes(key[32:]).verify(signature[64:], message)


SCHEMES = {"bip340": verify_bip340, "ed25519": verify_ed25519, "ed25519+ml-dsa-44": verify_hybrid}


def countersigned(envelope, keys):
    """The statement, if it is canonical and both keys of the service signed it."""
    body = unb64(envelope["payload"])
    statement = json.loads(body)
    assert jcs(statement) == body
    pae = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(body) + body
    digest = sha256(b"aegis-attestation-v1" + pae)
    first, second = envelope["signatures"]
    assert first["keyid"] == "ed25519:" + hashlib.sha256(keys["ed25519"]).hexdigest()[:16]
    assert second["keyid"] == "ml-dsa-65:" + hashlib.sha256(keys["ml-dsa-65"]).hexdigest()[:16]
    verify_ed25519(keys["ed25519"], digest, unb64(first["sig"]))
    MLDSA65PublicKey.from_public_bytes(keys["ml-dsa-65"]).verify(unb64(second["sig"]), digest)
    return statement


def signing_hash(governance, approval, message_hash):
    if approval["binding"] == "aegis":
        return message_hash
    bound = {
        "environment": governance["environment"],
        "expires_at": governance["expires_at"],
        "instance": approval["instance"],
        "message_hash": message_hash.hex(),
        "on_behalf_of": approval["on_behalf_of"],
        "override_id": governance["decision_id"],
        "requested_by": approval["requested_by"],
    }
    return sha256(b"aegis-custodian/override/v1\0" + jcs(bound))


def members(governance, approval, message_hash, m):
    """The whole statement from its free values: nothing in it is missing and nothing more is there."""
    kind = "urn:aegis-custodian:override:v1"
    fixed = {"risk_class": "high", "repository": "", "workflow_ref": "", "run_id": "", "run_attempt": 0}
    states = {gate: "fail" for gate in approval["failed_gates"]}
    free = ["decision_id", "environment", "policy_version", "issued_at", "expires_at", "nonce"]
    governance = {name: governance[name] for name in free}
    governance |= fixed | {"artifact_digest": message_hash.hex(), "gate_pass_states": states}
    free = ["proposal_id", "justification", "failed_gates", "requested_by", "on_behalf_of", "binding", "instance", "signatures"]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": approval["proposal_id"], "digest": {"sha256": message_hash.hex()}}],
        "predicateType": kind,
        "predicate": {
            "buildDefinition": {"buildType": kind, "externalParameters": {}},
            "runDetails": {"builder": {"id": approval["instance"]}},
            "governance": governance,
            "override": {name: approval[name] for name in free} | {"signing_hash": m.hex()},
        },
    }


def check(envelope, keys):
    """The hashes, and which schemes' signatures hold; fails loudly if anything is not as the page says."""
    statement = countersigned(envelope, keys)
    governance, approval = statement["predicate"]["governance"], statement["predicate"]["override"]
    asked = {name: approval[name] for name in ["failed_gates", "justification", "proposal_id"]}
    assert asked["failed_gates"] == sorted(set(asked["failed_gates"]))
    message_hash = sha256(jcs(asked))
    m = signing_hash(governance, approval, message_hash)
    assert statement == members(governance, approval, message_hash, m)
    assert len(bytes.fromhex(governance["nonce"])) == 16
    verified = []
    for signature in approval["signatures"]:
        if signature["scheme"] in SCHEMES:
            SCHEMES[signature["scheme"]](unb64(signature["public_key"]), m, unb64(signature["signature"]))
            verified.append(signature["scheme"])
    return {"message_hash": message_hash.hex(), "signing_hash": m.hex(), "verified": verified}


def main():
    given = json.load(sys.stdin)
    keys = keys_of(given["keys"])
    judged = [judge(job, keys) for job in given.get("judge", [])]
    checked = [check(envelope, keys) for envelope in given.get("check", [])]
    json.dump({"judged": judged, "checked": checked}, sys.stdout)


main()
