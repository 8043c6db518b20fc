"""What happens when the token goes away, and when it is back."""

import time

from . import screen
from .audit import entries_from
from .calls import Mismatch, expect, until
from .keys import FILE_CONTEXT, unb64, unwrap

AWAY_SECONDS = 2
FORGOTTEN_SECONDS = 4
BACK_SECONDS = 5
TOLD_SECONDS = 5
CHANGES = ("kek.down", "kek.degraded", "kek.up")


def token_away(state):
    """Take the token away, and give it back"""
    process = state.service.process.pid
    directory = state.service.token_directory()
    away = directory.parent.with_name(directory.name)
    first = state.client.send("auditor", "GET", "/v1/audit/entries?limit=1")["size"]
    screen.say(f"{directory.relative_to(state.folder)} is SoftHSM's token. It is moved away.")
    started = time.monotonic()
    directory.rename(away)
    try:
        _until(state, 503, AWAY_SECONDS, *_unwrapping(state))
        seconds = time.monotonic() - started
        answer = unwrap(state, state.wrapped, status=503, code="kek_unavailable")
        expect(True, f"the refusal came {seconds:.2f} s after the token had gone")
        expect(answer.headers.get("Retry-After", "").isdigit(), "Retry-After says when to come again")
        _events_go_on(state, started)
        about = state.client.call("operator", "GET", "/v1/capabilities", show=[])["kek"]["state"]
        for name in ("state", "cause", "todo"):
            screen.value(name, about[name])
        expect(about["cause"] == "token_missing", "an operator is told what is the matter, and what to do")
        _told(state, first, ["kek.down"])
    finally:
        away.rename(directory)
    screen.line()
    screen.say("It is moved back. Nothing is restarted.")
    started = time.monotonic()
    _until(state, 200, BACK_SECONDS, *_unwrapping(state))
    seconds = time.monotonic() - started
    answer = unwrap(state, state.wrapped)
    expect(unb64(answer["plaintext"]) == state.key, f"it works again after {seconds:.2f} s")
    expect(state.service.process.poll() is None, f"in the same process ({process})")
    _told(state, first, ["kek.down", "kek.up"])


def _events_go_on(state, started):
    """Keys that were opened before are forgotten within a second or so; then no event is decrypted either."""
    body = {"dek": "events", "event": {"actor_id": "ada"}}
    answer = state.client.call("app", "POST", "/v1/pii/encrypt", body, show=["version"])
    expect(answer["encrypted"] == ["actor_id"], "events are still encrypted: a public key is enough for that")
    _until(state, 503, FORGOTTEN_SECONDS, "/v1/pii/decrypt", {"event": state.event})
    expect(True, f"none is decrypted, {time.monotonic() - started:.2f} s after the token had gone")


def _told(state, first, wanted):
    """The audit log has these changes of the token, once each, however many requests were refused."""

    def told():
        entries, _ = entries_from(state, first)
        found = [entry["action"] for entry in entries if entry["action"] in CHANGES]
        return found if len(found) >= len(wanted) else None

    changes = until(TOLD_SECONDS, "the audit log says so", told)
    expect(changes == wanted, f"in the audit log, once each: {', '.join(wanted)}", changes)


def _unwrapping(state):
    return "/v1/unwrap", {"wrapped": state.wrapped, "context": FILE_CONTEXT}


def _until(state, status, seconds, path, body):
    """Sends it again and again until the answer has this status."""

    def answered():
        answer = state.client.send("app", "POST", path, body)
        if answer.status not in (200, 503):
            raise Mismatch(f"{path} answered {answer.status}: {screen.trim(answer.raw.decode(errors='replace'), 300)}")
        return answer.status == status

    until(seconds, f"{path} is answered {status}", answered)
