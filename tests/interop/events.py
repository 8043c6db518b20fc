"""Events by the formats page (section 6): encrypted with the reference client of `examples/`, which has the public key
alone, and decrypted with the stored seed, by Python's `cryptography`.

Reads a JSON object on standard input, writes one on standard output; tests/interop/events.rs compares. Events travel
as texts, since every byte of them counts.
"""

import json
import pathlib
import re
import sys

from formats import open_dek, unpad
from hybrid import SUITE, info, parts_of

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples"))
from encrypt_event import EventEncryptor  # noqa: E402

from cryptography.hazmat.primitives import hpke  # noqa: E402

# No name of a field has an escape or a quote in it, and a blob neither. What is shorter only looks like one.
FIELD = re.compile(r'("([A-Za-z0-9_.-]+)"\s*:\s*)"cst1:hpke:([^:"]+):([^"]{1515,})"')


def encrypt(job):
    encryptor = EventEncryptor(job["dek"], job["public"])
    return [encryptor.encrypt_text(event) for event in job["events"]]


def refusals(job):
    """What the client says of events that it must not take; nothing, if it took one."""
    return [refusal(EventEncryptor(job["dek"], job["public"]), event) for event in job["events"]]


def refusal(encryptor, event):
    try:
        encryptor.encrypt_text(event)
        return None
    except ValueError as error:
        return str(error)


def decrypt(job):
    keys = {reference: key_of(job["kek"], reference, row) for reference, row in job["rows"].items()}
    return [FIELD.sub(lambda found: found[1] + opened(found, keys), event) for event in job["events"]]


def key_of(kek, reference, row):
    seed = open_dek(kek, reference, row, "mlkem768-x25519")
    return hpke.MLKEM768X25519PrivateKey(*parts_of(seed))


def opened(found, keys):
    _, name, reference, body = found.groups()
    return SUITE.decrypt(unpad(body), keys[reference], info(reference, name.encode())).decode()


def main():
    given = json.load(sys.stdin)
    work = {"encrypt": encrypt, "decrypt": decrypt, "refusals": refusals}
    json.dump({name: work[name](job) for name, job in given.items()}, sys.stdout)


main()
