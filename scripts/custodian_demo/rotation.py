"""The KEK replaced while applications work, their blobs moved, and the old version retired."""

import json
import os
import time

from . import commands, screen
from .calls import Mismatch, expect, until
from .keys import FILE_CONTEXT, b64, unb64, unwrap
from .load import THREADS, Load, together

VERSIONS_EACH = 120
BLOBS = 600
BATCH = 200
DONE_SECONDS = 30
BREATH_SECONDS = 0.5


def rotate(state):
    """Rotate the KEK under load"""
    screen.say(
        f"There is to be something to move: {THREADS} DEKs get {VERSIONS_EACH} versions each, "
        f"and an application keeps a file of {BLOBS} keys, wrapped."
    )
    together(state, "make", _make_versions)
    state.blobs = _wrap_many(state)
    screen.say(f"{THREADS} threads encrypt, decrypt, wrap and unwrap from here on. The token makes a new KEK.")
    with Load(state) as load:
        time.sleep(BREATH_SECONDS)
        before = load.served()
        commands.run(state, "kek", "rotate", "--detach", role="operator")
        screen.line("\n   custodian kek status, again and again:")
        kek = _follow(state)
        during = load.served() - before
        time.sleep(BREATH_SECONDS)
    count = f"none of {load.served()} requests failed, {during} of them while records moved"
    expect(during and not load.failed, count, load.failed[:3])
    commands.run(state, "kek", "status", role="operator")
    state.old, new = (version["version"] for version in kek["versions"])
    records = {version["version"]: version["records"] for version in kek["versions"]}
    expect(records[state.old] == 0 and kek["current"] == new, f"all {records[new]} stored records are under {new}")


def move_blobs(state):
    """Move an application's blobs, by an operator who can read none, and retire the old KEK"""
    before, after = (state.folder / f"keys.{name}" for name in ("wrapped", "moved"))
    before.write_text("".join(f"{blob}\n" for blob in state.blobs.values()))
    commands.run(state, "rewrap", "--in", before, "--out", after, role="operator")
    moved = after.read_text().splitlines()
    expect(not any(state.old in blob for blob in moved), f"no blob is under {state.old} any more")
    expect(_unwrap_many(state, moved) == list(state.blobs), f"the application gets its {BLOBS} keys from it, in order")
    for change, expected in (("retire", {"status": 410, "code": "destroyed"}), ("restore", {})):
        commands.run(state, "kek", change, state.old, "--confirm", state.old, role="operator")
        answer = unwrap(state, state.wrapped, **expected)
    expect(unb64(answer["plaintext"]) == state.key, "what was not moved is refused, and opens again after `restore`")


def _make_versions(client, number):
    made = client.send("operator", "POST", "/v1/deks", {"name": f"archive-{number}", "algorithm": "aes-256-gcm"})
    for _ in range(VERSIONS_EACH - 1):
        if made.status == 201:
            made = client.send("operator", "POST", f"/v1/deks/archive-{number}/rotate")
    if made.status != 201:
        raise Mismatch(f"a DEK version was not made: {made.status}")


def _wrap_many(state):
    """Keys of an application, each with its blob."""
    keys = [b64(os.urandom(32)) for _ in range(BLOBS)]
    state.secrets += keys
    items = [{"plaintext": key, "context": FILE_CONTEXT} for key in keys]
    return dict(zip(keys, _in_batches(state, "/v1/wrap", items, "wrapped")))


def _unwrap_many(state, blobs):
    items = [{"wrapped": blob, "context": FILE_CONTEXT} for blob in blobs]
    return _in_batches(state, "/v1/unwrap", items, "plaintext")


def _in_batches(state, path, items, wanted):
    found = []
    for first in range(0, len(items), BATCH):
        answer = state.client.send("app", "POST", path, {"items": items[first : first + BATCH]})
        found += [item.get(wanted) for item in answer["items"]]
    return found


def _follow(state):
    """Shows how far it is until all is moved; answers the KEK's state then."""
    said = []

    def ended():
        kek = json.loads(commands.ask(state, "kek", "status", "--output", "json", role="operator").stdout)
        job = kek["job"]
        if job is None:
            return kek
        progress = f"{job['done']} of {job['total']} records"
        if progress not in said:
            said.append(progress)
            screen.value("moved", progress)
        return None

    return until(DONE_SECONDS, "all records are moved", ended)
