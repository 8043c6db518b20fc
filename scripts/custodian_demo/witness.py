"""What happens when the token goes away, and what the audit log says of it all."""

import time
from collections import Counter

from . import screen
from .calls import Mismatch, expect
from .keys import FILE_CONTEXT, unb64, unwrap

AWAY_SECONDS = 2
FORGOTTEN_SECONDS = 4
BACK_SECONDS = 15


def token_away(state):
    """Take the token away, and give it back"""
    process = state.service.process.pid
    directory = state.service.token_directory()
    away = directory.with_name("tokens-away")
    screen.say(f"The folder {directory.relative_to(state.folder)} is SoftHSM's token. It is moved away.")
    started = time.monotonic()
    directory.rename(away)
    try:
        _until(state, 503, started, AWAY_SECONDS, *_unwrapping(state))
        seconds = time.monotonic() - started
        answer = unwrap(state, state.wrapped, status=503, code="kek_unavailable")
        expect(seconds <= AWAY_SECONDS, f"the refusal came {seconds:.2f} s after the token had gone")
        expect(answer.headers.get("Retry-After", "").isdigit(), "Retry-After says when to come again")
        _events_go_on(state, started)
    finally:
        away.rename(directory)
    screen.line()
    screen.say("It is moved back. Nothing is restarted.")
    started = time.monotonic()
    _until(state, 200, started, BACK_SECONDS, *_unwrapping(state))
    seconds = time.monotonic() - started
    answer = unwrap(state, state.wrapped)
    expect(unb64(answer["plaintext"]) == state.key, f"it works again after {seconds:.2f} s")
    expect(state.service.process.poll() is None, f"in the same process ({process})")


def _events_go_on(state, started):
    """Keys that were opened before are forgotten within a second or so; then no event is decrypted either."""
    body = {"dek": "events", "event": {"actor_id": "ada"}}
    answer = state.client.call("app", "POST", "/v1/pii/encrypt", body, show=["version"])
    expect(answer["encrypted"] == ["actor_id"], "events are still encrypted: a public key is enough for that")
    _until(state, 503, started, FORGOTTEN_SECONDS, "/v1/pii/decrypt", {"event": state.event})
    expect(True, f"none is decrypted, {time.monotonic() - started:.2f} s after the token had gone")


def _unwrapping(state):
    return "/v1/unwrap", {"wrapped": state.wrapped, "context": FILE_CONTEXT}


def _until(state, status, started, seconds, path, body):
    """Sends it again and again until the answer has this status."""
    while True:
        answer = state.client.send("app", "POST", path, body)
        late = time.monotonic() - started > seconds
        if answer.status == status and not late:
            return
        if late or answer.status not in (200, 503):
            text = screen.trim(answer.raw.decode(errors="replace"), 300)
            raise Mismatch(f"expected {status} within {seconds} s; the last answer was {answer.status}: {text}")
        time.sleep(0.1)


def audit(state):
    """Read the audit log"""
    screen.say(
        "Each change and each use of a key has one entry, refusals too, on disk before its answer was sent. "
        "No secret is in it."
    )
    entries, text = _entries(state)
    ours = [entry for entry in entries if str(entry["request_id"]).startswith("demo-")]
    screen.line()
    screen.table(["index", "at", "request", "subject", "action", "object", "outcome"], _rows(ours))
    screen.line()
    count = Counter(entry["request_id"] for entry in entries)
    wrong = [request for request in state.client.audited if count[request] != 1]
    expect(not wrong, f"each of the {len(state.client.audited)} requests that count has exactly one entry", wrong)
    expect([entry["index"] for entry in entries] == list(range(len(entries))), "no index is missing")
    secrets = [*state.secrets, *state.client.tokens.values()]
    expect(not any(secret in text for secret in secrets), "neither a key nor a token is in it")


def _entries(state):
    entries, text = [], ""
    while True:
        path = f"/v1/audit/entries?from={len(entries)}&limit=200"
        answer = state.client.call("auditor", "GET", path)
        entries += answer["items"]
        text += answer.raw.decode()
        if len(entries) >= answer["size"]:
            return entries, text
        if not answer["items"]:
            raise Mismatch(f"the audit log has {answer['size']} entries, but gives only {len(entries)}")


def _rows(entries):
    """One row an entry; of a long run of the same, only the first and the last."""
    rows = []
    for entry in entries:
        actor = entry.get("actor") or {}
        cells = (
            entry["index"], str(entry["at"])[11:19], entry["request_id"], actor.get("subject"),
            entry["action"], entry.get("object"), entry["outcome"],
        )
        row = [screen.trim("-" if cell is None else cell, 34) for cell in cells]
        if len(rows) > 1 and rows[-1][3:] == rows[-2][3:] == row[3:]:
            rows[-1] = ["...", *row[1:]]
        else:
            rows.append(row)
    return rows
