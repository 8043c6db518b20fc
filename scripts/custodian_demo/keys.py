"""The main job: keys under the KEK, data under a DEK."""

import base64
import hashlib
import os

from . import screen
from .calls import expect, until

FILE_CONTEXT = {"application": "payroll", "file": "application.key"}
DATA = b'{"station":"north-7","celsius":21.5}'
DATA_CONTEXT = {"tenant": "acme", "kind": "measurement"}
READY_SECONDS = 15


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def ready(state):
    """Is it ready, and what can it do?"""
    screen.say("The custodian asks its token for a real wrap and unwrap each second; readiness is what that says.")
    wait_until_ready(state)
    answer = state.client.call(None, "GET", "/v1/health/ready")
    for name, state_of in sorted(answer["checks"].items()):
        screen.value(name, "ok" if state_of["ok"] else "not ok")
    expect(answer["status"] == "ready", "KEK, store and audit log are ready")
    answer = state.client.call("auditor", "GET", "/v1/capabilities", show=["version"])
    for name in ("provider", "mechanism", "keys_in_token"):
        screen.value(f"kek.{name}", answer["kek"].get(name))
    expect(answer["kek"]["keys_in_token"] is True, "the KEK is in the token, and stays there")


def wait_until_ready(state):
    until(READY_SECONDS, "it is ready", lambda: state.client.send(None, "GET", "/v1/health/ready").status == 200)


def wrap_a_key_file(state):
    """Wrap a key file, unwrap it and compare"""
    path = state.folder / "application.key"
    path.touch(mode=0o600)
    path.write_bytes(os.urandom(32))
    state.key = path.read_bytes()
    state.secrets.append(b64(state.key))
    screen.say(
        f"{path.name} holds 32 random bytes, SHA-256 {hashlib.sha256(state.key).hexdigest()[:16]}... "
        "The context is not secret; it must be the same at unwrap. Nothing is stored by the custodian."
    )
    body = {"plaintext": b64(state.key), "context": FILE_CONTEXT}
    answer = state.client.call("app", "POST", "/v1/wrap", body)
    state.wrapped = answer["wrapped"]
    expect(state.wrapped.startswith(f"cst1:kek:{answer['kek']}:"), "the blob names the KEK version that wrapped it")
    answer = unwrap(state, state.wrapped)
    expect(unb64(answer["plaintext"]) == state.key, "the file came back, byte for byte")


def unwrap(state, wrapped, **expected):
    body = {"wrapped": wrapped, "context": FILE_CONTEXT}
    return state.client.call(expected.pop("who", "app"), "POST", "/v1/unwrap", body, **expected)


def create_a_dek(state):
    """Create a DEK"""
    screen.say("An operator makes the DEK `telemetry`: a data key that the custodian keeps, wrapped under the KEK.")
    body = {"name": "telemetry", "algorithm": "aes-256-gcm"}
    answer = state.client.call("operator", "POST", "/v1/deks", body, status=201)
    state.first = answer["current"]
    expect(answer.headers.get("Location") == "/v1/deks/telemetry", "Location says where it is")
    expect(state.first.startswith("dek-v1-"), "its first version is the current one")


def encrypt_and_decrypt(state):
    """Encrypt and decrypt with a context"""
    screen.say(f"The application encrypts a measurement, {DATA.decode()}. It never sees the DEK.")
    body = {"plaintext": b64(DATA), "context": DATA_CONTEXT}
    answer = state.client.call("app", "POST", "/v1/deks/telemetry/encrypt", body)
    state.ciphertext = answer["ciphertext"]
    expect(answer["version"] == state.first, "the current version encrypted it")
    expect(state.ciphertext.startswith(f"cst1:dek:telemetry/{state.first}:"), "the ciphertext names its DEK version")
    answer = decrypt(state, state.ciphertext)
    expect(unb64(answer["plaintext"]) == DATA, "the measurement came back, byte for byte")


def decrypt(state, ciphertext, context=None, **expected):
    body = {"ciphertext": ciphertext, "context": DATA_CONTEXT if context is None else context}
    return state.client.call("app", "POST", "/v1/deks/telemetry/decrypt", body, **expected)


def rotate(state):
    """Rotate the DEK, decrypt the old ciphertext"""
    screen.say("From now on a new version encrypts. The old one only decrypts, so nothing has to be encrypted again.")
    answer = state.client.call("operator", "POST", "/v1/deks/telemetry/rotate", status=201)
    second = answer["version"]
    expect(second.startswith("dek-v2-"), "there is a second version")
    answer = state.client.call("operator", "GET", "/v1/deks/telemetry")
    for version in answer["versions"]:
        screen.value("version", f"{version['version']}  {version['state']}")
    expect(answer["current"] == second and len(answer["versions"]) == 2, "it is the current one of two")
    answer = decrypt(state, state.ciphertext)
    expect(answer["version"] == state.first, "the old version opened the old ciphertext")
    expect(unb64(answer["plaintext"]) == DATA, "and the measurement is still the same")
    body = {"plaintext": b64(DATA), "context": DATA_CONTEXT}
    answer = state.client.call("app", "POST", "/v1/deks/telemetry/encrypt", body)
    expect(answer["version"] == second, "the new version encrypts")


def rewrap(state):
    """Rewrap a blob without reading it"""
    screen.say(
        "An operator moves wrapped blobs to the current KEK version. Only the one-time key is wrapped anew: "
        "no context is needed, and the operator cannot read what is inside."
    )
    answer = state.client.call("operator", "POST", "/v1/rewrap", {"wrapped": state.wrapped})
    rewrapped = answer["wrapped"]
    expect(rewrapped != state.wrapped, "it is another blob")
    unwrap(state, rewrapped, who="operator", status=403, code="forbidden")
    expect(True, "the operator may not unwrap it")
    answer = unwrap(state, rewrapped)
    expect(unb64(answer["plaintext"]) == state.key, "the application gets the same key file from it")
