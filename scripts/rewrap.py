#!/usr/bin/env python3
"""Moves a million client blobs to a new KEK version with `custodian rewrap`, killed in the middle and given again.

`make rewrap`. REWRAP_LINES (1,000,000) is how many there are. Prints lines a second beside the raw token's decrypts in
the same run: each line costs the token one decryption and one encryption. A thousand blobs are opened afterwards.
"""

import base64
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import load

LINES = int(os.environ.get("REWRAP_LINES", "1000000"))
BATCH = 256
SAMPLE = 1000


def main():
    load.build()
    raw = load.raw_rate()
    print(f"raw token: {raw:,.0f} decrypts/s (bare session, one thread, 32 bytes)", flush=True)
    with tempfile.TemporaryDirectory() as home, load.Service(pathlib.Path(home), []) as service:
        measure(service, pathlib.Path(home), raw)


def measure(service, home, raw):
    old, new = home / "old", home / "new"
    wrap_all(service, old)
    service.post("operator", "/v1/kek/rotate", {})
    kill_halfway(move(service, old, new), home / "new.partial", old.stat().st_size // 2)
    begun, done = time.monotonic(), (home / "new.partial").stat().st_size / old.stat().st_size
    ended = move(service, old, new).wait()
    took = time.monotonic() - begun
    if ended:
        sys.exit(f"custodian rewrap ended with {ended}")
    rate = LINES * (1 - done) / took
    print(f"killed after {done:.0%}; the rest in {took:,.0f} s: {rate:,.0f} lines/s, {rate / raw:.0%} of the raw token")
    check(service, old, new)


def plaintext(number):
    return base64.b64encode(f"{number:032}".encode()).decode()


def wrap_all(service, path):
    """A blob a line, whose plaintext is the number of the line."""

    def wrapped(first):
        numbers = range(first, min(first + BATCH, LINES))
        items = [{"plaintext": plaintext(number)} for number in numbers]
        answer = service.post("app", "/v1/wrap", {"items": items})
        return "".join(item["wrapped"] + "\n" for item in answer["items"])

    with open(path, "w") as out, ThreadPoolExecutor(4) as pool:
        out.writelines(pool.map(wrapped, range(0, LINES, BATCH)))


def move(service, old, new):
    token = {"CUSTODIAN_URL": service.url, "CUSTODIAN_TOKEN_FILE": str(service.home / "operator.token")}
    return subprocess.Popen([service.binary, "rewrap", "--in", old, "--out", new], env=os.environ | token)


def kill_halfway(moving, partial, size):
    while not partial.exists() or partial.stat().st_size < size:
        if moving.poll() is not None:
            sys.exit(f"custodian rewrap ended with {moving.returncode} before it was killed")
        time.sleep(0.05)
    moving.kill()
    moving.wait()


def check(service, old, new):
    """Every line was moved, and a sample of them opens."""
    before, after = (path.read_text().splitlines() for path in (old, new))
    if len(after) != LINES or any(one == other for one, other in zip(before, after)):
        sys.exit("a line is missing, or is as it was")
    for number in random.sample(range(LINES), min(SAMPLE, LINES)):
        if service.post("app", "/v1/unwrap", {"wrapped": after[number]})["plaintext"] != plaintext(number):
            sys.exit(f"line {number} does not hold its plaintext")
    print(f"{LINES:,} lines, all moved; a sample opens")


if __name__ == "__main__":
    main()
