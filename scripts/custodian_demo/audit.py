"""What the audit log says of it all."""

from collections import Counter

from . import screen
from .calls import Mismatch, expect


def read(state):
    """Read the audit log"""
    screen.say(
        "Each change and each use of a key has one entry, refusals too, on disk before its answer was sent. "
        "No secret is in it."
    )
    state.client.call("auditor", "GET", "/v1/audit/entries?from=0&limit=500")
    entries, text = entries_from(state, 0)
    screen.say("The rest is read in the same way. Shown is what came of the calls of this demo, without the load.")
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


def entries_from(state, first):
    """All entries from this number on, and the text of their answers; quietly."""
    entries, text = [], ""
    while True:
        answer = state.client.send("auditor", "GET", f"/v1/audit/entries?from={first + len(entries)}&limit=500")
        entries += answer["items"]
        text += answer.raw.decode()
        if first + len(entries) >= answer["size"]:
            return entries, text
        if not answer["items"]:
            raise Mismatch(f"the audit log has {answer['size']} entries, but gives no more than {len(entries)}")


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
