"""A hybrid DEK with its public key, a data key, and the states of a DEK version."""

from . import screen
from .calls import expect
from .keys import DATA, DATA_CONTEXT, b64, decrypt, unb64


def hybrid(state):
    """Encrypt to a hybrid post-quantum DEK"""
    screen.say(
        "The DEK `events` has a public key, X25519 with ML-KEM-768. Whoever has it can encrypt, with any HPKE "
        "library and without the custodian; only the custodian decrypts."
    )
    body = {"name": "events", "algorithm": "mlkem768-x25519"}
    version = state.client.call("operator", "POST", "/v1/deks", body, status=201)["current"]
    answer = state.client.call("app", "GET", "/v1/deks/events/public-key", show=["algorithm", "public_key"])
    expect(len(unb64(answer["public_key"])) == 1216 and answer["version"] == version, "a public key of 1,216 bytes")
    body = {"plaintext": b64(DATA), "context": DATA_CONTEXT}
    blob = state.client.call("app", "POST", "/v1/deks/events/encrypt", body)["ciphertext"]
    expect(blob.startswith(f"cst1:hpke:events/{version}:"), "the ciphertext says that it is HPKE")
    body = {"ciphertext": blob, "context": DATA_CONTEXT}
    answer = state.client.call("app", "POST", "/v1/deks/events/decrypt", body)
    expect(unb64(answer["plaintext"]) == DATA, "the measurement came back, byte for byte")


def data_key(state):
    """Take a data key for a large file"""
    screen.say("A fresh key for a cipher of the application's own. It keeps the blob beside the file, not the key.")
    body = {"bytes": 32, "context": DATA_CONTEXT}
    answer = state.client.call("app", "POST", "/v1/deks/telemetry/data-key", body)
    key = unb64(answer["plaintext"])
    answer = decrypt(state, answer["ciphertext"])
    expect(len(key) == 32 and unb64(answer["plaintext"]) == key, "the blob brings the same 32 bytes back")
    state.secrets.append(b64(key))


def disable_and_enable(state):
    """Disable a DEK version, and enable it again"""
    screen.say("The first version of `telemetry`, which only decrypts by now, may not be used for a while.")
    path = f"/v1/deks/telemetry/versions/{state.first}"
    state.client.call("operator", "POST", f"{path}/disable", show=["version", "state"])
    decrypt(state, state.ciphertext, status=409, code="conflict")
    state.client.call("operator", "POST", f"{path}/enable", show=["version", "state"])
    answer = decrypt(state, state.ciphertext)
    expect(unb64(answer["plaintext"]) == DATA, "disabled 409, enabled again as before")


def destroy(state):
    """Destroy a DEK version"""
    screen.say("For ever, so it takes the version's full name. `dev` does it at once, without the days to think again.")
    path = f"/v1/deks/telemetry/versions/{state.first}/destroy"
    state.client.call("operator", "POST", path, {"confirm": "yes"}, status=400, code="invalid_request")
    body = {"confirm": f"telemetry/{state.first}"}
    state.client.call("operator", "POST", path, body, show=["version", "state"])
    decrypt(state, state.ciphertext, status=410, code="destroyed")
    expect(True, "wrong confirmation 400; once it is destroyed, what it encrypted is lost")
