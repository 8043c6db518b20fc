"""An event of telemetry: its personal fields before, encrypted, and after; what was changed, and the token away."""

import json

from . import screen
from .calls import expect

EVENT = {
    "event": "gate.failed",
    "score": 0.30,
    "sequence": 9007199254740993,
    "actor_id": "ada",
    "actor_email": "ada@example.org",
    "context": [{"client_ip": "192.0.2.7", "user_agent": None, "attempt": 2}],
}
PERSONAL = ["actor_id", "actor_email", "client_ip", "user_agent"]


def protect(state):
    """Encrypt what is personal in an event, and decrypt it"""
    screen.say(
        "Twelve field names are personal unless configured otherwise, at any depth. Their values go to the public key "
        "of the hybrid DEK `events`; the rest stays as it is. This is the event:"
    )
    _print(EVENT)
    answer = _encrypt(state, EVENT)
    _print(answer["event"])
    expect(answer["encrypted"] == PERSONAL, "four fields are encrypted, two of them in an object in an array")
    text = json.dumps(answer["event"])
    expect("ada" not in text and "192.0" not in text, "nothing personal is left in it")
    state.event = answer["event"]
    again = _encrypt(state, state.event)
    expect(again["event"] == state.event, "encrypting it again changes nothing")
    back = state.client.call("app", "POST", "/v1/pii/decrypt", {"event": state.event})
    _print(back["event"])
    expect(back["event"] == EVENT, "what comes back is what was sent, types and numbers too")


def rename_a_field(state):
    """Give an encrypted value to another field"""
    swapped = {**state.event, "actor_id": state.event["actor_email"]}
    shown = ["code", "field", "pointer"]
    body = {"event": swapped}
    answer = state.client.call("app", "POST", "/v1/pii/decrypt", body, status=422, code="integrity_failure", show=shown)
    expect(answer["field"] == "actor_id", "the refusal names the field")


def _encrypt(state, event):
    return state.client.call("app", "POST", "/v1/pii/encrypt", {"dek": "events", "event": event}, show=["version"])


def _print(event):
    for name, value in event.items():
        screen.value(name, value if isinstance(value, str) else json.dumps(value))
