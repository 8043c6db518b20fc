"""What the custodian refuses, and how it says so."""

import base64

from . import screen
from .calls import expect
from .keys import FILE_CONTEXT, b64, decrypt, unb64, unwrap


def flip_a_byte(blob):
    """The same blob with one byte of its body changed: the last, which is part of the tag."""
    head, body = blob.rsplit(":", 1)
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[-1] ^= 1
    return f"{head}:{base64.urlsafe_b64encode(bytes(raw)).decode().rstrip('=')}"


def tampering(state):
    """Tamper with a ciphertext"""
    screen.say("One bit of one byte is flipped. The answer says that something differs, and nothing more.")
    decrypt(state, flip_a_byte(state.ciphertext), status=422, code="integrity_failure")
    screen.line()
    screen.say("The right ciphertext with another context: somebody else's record does not open either.")
    decrypt(state, state.ciphertext, context={"tenant": "other"}, status=422, code="integrity_failure")
    unwrap(state, flip_a_byte(state.wrapped), status=422, code="integrity_failure")
    expect(True, "a flipped byte, a wrong context and a flipped byte under the KEK are each refused")


def wrong_role_and_token(state):
    """Come with the wrong role, or with no right token"""
    screen.say("Each principal may do what its roles say. An auditor reads; it does not wrap.")
    body = {"plaintext": b64(b"not for auditors")}
    state.client.call("auditor", "POST", "/v1/wrap", body, status=403, code="forbidden")
    unknown = "cst_" + base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    state.client.call("unknown token", "POST", "/v1/wrap", body, status=401, code="unauthenticated", token=unknown)
    state.client.call(None, "POST", "/v1/wrap", body, status=401, code="unauthenticated")
    expect(True, "wrong role 403, unknown token 401, no token 401")


def separation_of_duties(state):
    """Ask for two roles that one person must not have"""
    screen.say(
        "Who makes principals must not use keys. The rule counts all roles of one subject, and has no exception."
    )
    body = {"name": "both", "subject": "alex", "roles": ["admin", "app"]}
    state.client.call("admin", "POST", "/v1/admin/principals", body, status=422, code="two_person_rule")
    expect(True, "no principal was made")


def batch_with_one_bad_item(state):
    """Send a batch with one bad item"""
    screen.say("Order is kept, and one bad item harms no other.")
    blobs = {"first": state.wrapped, "second": flip_a_byte(state.wrapped), "third": state.wrapped}
    items = [{"wrapped": blob, "context": FILE_CONTEXT, "reference": name} for name, blob in blobs.items()]
    answer = state.client.call("app", "POST", "/v1/unwrap", {"items": items})
    results = answer["items"]
    for result in results:
        error = result.get("error")
        screen.value(result.get("reference"), error["code"] if error else "unwrapped")
    expect([result.get("reference") for result in results] == list(blobs), "three answers, in order")
    expect(results[1].get("error", {}).get("code") == "integrity_failure", "the second says what is wrong with it")
    good = [unb64(results[index].get("plaintext", "")) for index in (0, 2)]
    expect(good == [state.key, state.key], "the first and the third are the key file")
