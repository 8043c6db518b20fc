"""One entry proven to be in the log by nothing but SHA-256, and the whole log judged offline."""

import base64
import hashlib

from . import commands, screen
from .calls import Mismatch, expect

# Whom the entry names, and whom somebody would like it to name.
CULPRIT, ANOTHER = b'"dev-operator"', b'"dev-admin"'


def inclusion(state):
    """Prove that an entry is in the log"""
    screen.say("Who destroyed the DEK version? Entries are the leaves of a Merkle tree whose root the token signs.")
    said = commands.run(state, "audit", "tail", "--from", "0", "--action", "dek.destroy", role="auditor")
    state.index = int(said.splitlines()[-1].split()[0])
    logged = _read(state, f"/v1/audit/entries?from={state.index}&limit=1", show=[]).raw
    # The entry in the bytes that were logged, without what stands around them.
    state.entry = logged[len(b'{"items":[') : logged.rindex(b'],"size":')]
    origin, size, signed = _read(state, "/v1/audit/checkpoint").raw.decode().splitlines()[:3]
    screen.value("checkpoint", f"{origin}, {size} entries, root {signed}")
    proof = _read(state, f"/v1/audit/proof/inclusion?index={state.index}&size={size}")
    hashes = [bytes.fromhex(text) for text in proof["hashes"]]
    root = _root(state.index, int(size), _hash(b"\0", state.entry), hashes)
    screen.value("computed", base64.b64encode(root).decode())
    expect(base64.b64encode(root).decode() == signed, f"entry {state.index} and {len(hashes)} hashes give that root")


def export(state):
    """Take the log away, judge it offline, and find a changed one out"""
    keys, good, bad = (state.folder / name for name in ("signing-keys.json", "audit.log", "changed.log"))
    commands.run(state, "audit", "export", "--out", good, role="auditor")
    commands.verify(state, "audit", good, keys, 0)
    screen.line()
    screen.say("Somebody lets the entry name somebody else.")
    bad.write_bytes(good.read_bytes().replace(state.entry, forged(state)))
    said = commands.verify(state, "audit", bad, keys, 3)
    expect("EntryChanged" in said, "it is refused by its word")


def forged(state):
    """The entry as it would have to be for another to be blamed."""
    if CULPRIT not in state.entry:
        raise Mismatch(f"the entry does not name {CULPRIT.decode()}")
    return state.entry.replace(CULPRIT, ANOTHER)


def _root(index, size, leaf, hashes):
    """The root over `size` entries of which the one at `index` is known (RFC 9162 section 2.1.3.2)."""
    last, node = size - 1, leaf
    for sibling in hashes:
        if index % 2 or index == last:
            node = _hash(b"\1", sibling, node)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            node = _hash(b"\1", node, sibling)
        index, last = index // 2, last // 2
    if last != 0:
        raise Mismatch("the proof has too few hashes")
    return node


def _hash(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def _read(state, path, show=None):
    return state.client.call("auditor", "GET", path, show=show)
