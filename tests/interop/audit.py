"""The audit log judged by the texts of C2SP (signed-note, tlog-checkpoint, tlog-tiles) and RFC 6962 and 9162, with nothing
of ours: `hashlib` and `cryptography`.

Standard input: {"keys": the answer of /v1/signing-keys, "export": an export that is known to be right, "cases": [...]}.
Answers {"judged": [whether each case holds]}.
"""

import base64
import functools
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def node(left, right):
    return sha256(b"\1", left, right)


class Tree:
    """RFC 6962 section 2.1 over entries."""

    def __init__(self, entries):
        self.entries = entries
        self.leaves = [sha256(b"\0", entry) for entry in entries]
        self.hash = functools.lru_cache(None)(self._hash)

    def _hash(self, begin, end):
        """MTH of leaves begin to end."""
        if begin == end:
            return sha256()
        if end - begin == 1:
            return self.leaves[begin]
        k = 1
        while k * 2 < end - begin:
            k *= 2
        return node(self.hash(begin, begin + k), self.hash(begin + k, end))

    def root(self, size):
        if not 0 <= size <= len(self.leaves):
            raise ValueError("no such size")
        return self.hash(0, size)


def log_key(keys):
    """Name and public key of the log: of the checkpoint key, whose vkey must say the same as its public_key."""
    (key,) = [key for key in keys["items"] if key["purpose"] == "checkpoint"]
    name, named, encoded = key["vkey"].split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    if typed[:1] != b"\1" or typed[1:] != base64.b64decode(key["public_key"]):
        raise ValueError("vkey")
    if sha256(name.encode(), b"\n", typed)[:4].hex() != named:
        raise ValueError("key hash")
    return name, typed[1:], bytes.fromhex(named)


def note(keys, text):
    """Size and root that a signed note commits to."""
    name, public_key, key_hash = log_key(keys)
    body, signatures = text[: text.rindex("\n\n") + 1], text[text.rindex("\n\n") + 2 :]
    if not signatures.endswith("\n"):
        raise ValueError("no line")
    for line in signatures[:-1].split("\n"):
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if (dash, signer, raw[:4]) == ("\u2014", name, key_hash):
            Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4:], body.encode())
            break
    else:
        raise ValueError("not signed by the log")
    origin, size, root = body[:-1].split("\n")
    if origin != name or size != str(int(size)):
        raise ValueError("origin or size")
    return int(size), base64.b64decode(root, validate=True)


def export(keys, text):
    """The entries of an export whose checkpoint commits to just them."""
    head, *lines = text.split("\n")
    head = json.loads(head)
    if set(head) != {"format", "checkpoint"} or head["format"] != "aegis-custodian/audit/v1" or lines.pop() != "":
        raise ValueError("form")
    size, root = note(keys, head["checkpoint"])
    entries = [line.encode() for line in lines]
    if len(entries) != size or Tree(entries).root(size) != root:
        raise ValueError("root")
    for place, entry in enumerate(entries):
        if json.loads(entry)["index"] != place:
            raise ValueError("order")
    return entries


def inclusion(tree, proof):
    """RFC 9162 section 2.1.3.2."""
    index, size, root = proof["index"], proof["size"], bytes.fromhex(proof["root"])
    leaf = bytes.fromhex(proof["leaf_hash"])
    if index >= size or root != tree.root(size) or leaf != tree.leaves[index]:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in map(bytes.fromhex, proof["hashes"]):
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency(tree, proof):
    """RFC 9162 section 2.1.4.2."""
    first, second, root = proof["from"], proof["to"], bytes.fromhex(proof["root"])
    path = [bytes.fromhex(hash) for hash in proof["hashes"]]
    if first > second or root != tree.root(second):
        return False
    if first == second or first == 0:
        return not path
    if first & (first - 1) == 0:
        path = [tree.root(first), *path]
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == tree.root(first) and sr == root


def tile(tree, path, data):
    """c2sp.org/tlog-tiles: hashes of a level, or entries after their lengths."""
    path, _, width = path.partition(".p/")
    level, *places = path.split("/")
    number = 0
    for at, place in enumerate(places):
        last = at == len(places) - 1
        if place.startswith("x") == last or len(place.lstrip("x")) != 3:
            raise ValueError("path")
        number = number * 1000 + int(place.lstrip("x"))
    wanted = range(number * WIDTH, number * WIDTH + int(width or WIDTH))
    if level == "entries":
        entries = [tree.entries[at] for at in wanted]
        return data == b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    span = WIDTH ** int(level)
    if wanted.stop * span > len(tree.leaves):
        raise ValueError("beyond the tree")
    return data == b"".join(tree.hash(at * span, (at + 1) * span) for at in wanted)


def holds(tree, keys, case):
    kind, of = case["kind"], case["of"]
    try:
        if kind == "note":
            size, root = note(case.get("keys", keys), of)
            return tree.root(size) == root
        if kind == "export":
            return bool(export(keys, of))
        if kind == "tile":
            return tile(tree, of["path"], bytes.fromhex(of["bytes"]))
        return {"inclusion": inclusion, "consistency": consistency}[kind](tree, of)
    except (ValueError, IndexError, KeyError, InvalidSignature):
        return False


def main():
    given = json.load(sys.stdin)
    tree = Tree(export(given["keys"], given["export"]))
    judged = [holds(tree, given["keys"], case) for case in given["cases"]]
    print(json.dumps({"judged": judged}))


main()
