"""Which failed checks are no failures: where the contract is right and a schema cannot say it. Each has its reason."""

import json
import re

from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import IgnoredAuth, MissingHeaderNotRejected, RejectedPositiveData

# Refusals (400, 413) of bodies and queries that are as their schema says: what `detail` begins with, and why.
REFUSALS = {
    "each key of an object once": "no schema knows of Unicode NFC; generated keys may be equal after it",
    "two keys of the context are equal": "no schema knows of Unicode NFC; generated keys may be equal after it",
    "a name that no tool before it has": "no schema asks for names that differ",
    "integers from -9007199254740991": "of the integers in a tool RFC 8785 carries those that a double does",
    "name has 1 to 128 characters": "the characters of a name are counted after Unicode NFC, which makes some of them more",
    "numbers that a 64-bit double": "no schema says how large a number may be that stands anywhere",
    "a context has at most": "the bytes of a context are counted in its canonical form",
    "cursor is the next_cursor": "a cursor is good if a page gave it",
    "index must be that of an entry": "no schema knows how long the log is",
    "the log has fewer entries": "no schema knows how long the log is",
    "from must not be greater than to": "no schema compares two parameters",
    "expires_in is a whole number": "a duration is at most 3650d, whichever unit it has",
    "expires_in is a duration": "how long an override may stay open is the operator's to decide",
    "rotation_period is a whole number": "a duration is at most 3650d, whichever unit it has",
    "plaintext is standard base64": "`format: byte` does not ask for canonical base64",
    "confirm is": "what confirms is a good version, but not the one in the path",
    "the role custodian and a custodian_id": "a custodian's principal names the custodian, and no other does",
    "custodian_id names no custodian": "a principal's custodian has to be enrolled first",
    "the subject of a principal with": "a principal's custodian is the same person",
} | {
    beginning: "what a key looks like depends on its scheme, and not every number is a key"
    for beginning in (
        "a bip340 key",
        "an ed25519 key",
        "an ed25519+ml-dsa-44 key",
        "the BIP-340 key",
        "the Ed25519 key",
        "the ML-DSA-44 key",
        "the address is",
        "this is not a Bitcoin address",
    )
}


def reason(failure, response):
    """Why a failed check says nothing against the service; `None` if it does."""
    if isinstance(failure, (IgnoredAuth, MissingHeaderNotRejected)):
        limited = re.search(r"\bgot `?429\b", failure.message, re.IGNORECASE)
        return "a stranger got 429 for 401: strangers are limited, and a run has many" if limited else None
    if isinstance(failure, RejectedPositiveData) and response.status_code in (400, 413):
        detail = _detail(response)
        return next((why for beginning, why in REFUSALS.items() if detail.startswith(beginning)), None)
    if isinstance(failure, AcceptedNegativeData) and response.status_code == 200 and _has_a_refused_item(response):
        return "in a batch bad base64, blob or context refuses only its item (api.md section 6)"
    return None


def _json(response):
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _detail(response):
    """Without the place in the text or in a list, which is in front."""
    body = _json(response)
    detail = str(body.get("detail")) if isinstance(body, dict) else ""
    return re.sub(r"^(line \d+, column \d+|item \d+ of the list): ", "", detail)


def _has_a_refused_item(response):
    body = _json(response)
    items = body.get("items") if isinstance(body, dict) else None
    return isinstance(items, list) and any(isinstance(item, dict) and "error" in item for item in items)
