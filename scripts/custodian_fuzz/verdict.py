"""What must hold after the run: the service lives, its log knows of no failure, the audit log of each request."""

import re
from collections import Counter

from custodian_demo.calls import Mismatch

PAGE = 500
# Answered before anyone signed in; strangers are counted, and have no entries of their own.
STRANGERS = (401, 405, 429)


def of_log(text):
    """What the service's own log says of failures."""
    found = [line for line in text.splitlines() if re.search(r"panic|\bstatus=5\d\d\b", line)]
    return [f"the log has {len(found)} lines with a panic or a 5xx, the first is: {found[0]}"] if found else []


def of_audit(client, notes):
    """Whether each request has the entries that it must have."""
    try:
        count = Counter(entry["request_id"] for entry in _entries(client) if entry["request_id"])
    except Mismatch as error:
        return [f"the audit log cannot be read: {error}"]
    wrong = {}
    for note in notes:
        if count[note["id"]] not in _wanted(note):
            kind = f"{note['operation']} answered {note['status']} and has {count[note['id']]} audit entries"
            wrong.setdefault(kind, []).append(note["id"])
    ours = {note["id"] for note in notes} | set(client.audited)
    unknown = [name for name in count if name not in ours]
    said = [f"{kind}: {len(ids)} requests, for example {ids[0]}" for kind, ids in wrong.items()]
    if unknown:
        said.append(f"{len(unknown)} audit entries name a request that nobody made, for example {unknown[0]}")
    return said


def counted(notes):
    """How many requests had to have exactly one entry."""
    return sum(_wanted(note) == (1,) for note in notes)


def _wanted(note):
    if not note["audited"] or not note["declared"] or note["status"] in STRANGERS:
        return (0,)
    # A segment that can be no name is refused before anyone signs in: what the path was is not for sure.
    return (1,) if note["possible"] or note["status"] != 404 else (0, 1)


def _entries(client):
    read = []
    while True:
        answer = client.send("auditor", "GET", f"/v1/audit/entries?from={len(read)}&limit={PAGE}")
        read += answer["items"]
        if len(read) >= answer["size"] or not answer["items"]:
            return read
