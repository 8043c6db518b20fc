#!/usr/bin/env python3
"""Measures two builds in turn, so that whatever else the machine does falls on both: requests a second, and the ratio.

scripts/compare.py BEFORE [AFTER]: binaries of release builds; AFTER is this folder's unless given. LOAD_SECONDS (5) is
the time of each measurement, COMPARE_ROUNDS (3) how often each is made; the median counts.
"""

import os
import pathlib
import statistics
import sys
import tempfile

import load

ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "3"))
CONNECTIONS = (1, 8, 32)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    before = pathlib.Path(sys.argv[1]).resolve()
    after = pathlib.Path(sys.argv[2]).resolve() if sys.argv[2:] else load.BINARY
    print(f"{'operation':<28}{'connections':>12}{'before':>10}{'after':>10}{'ratio':>8}{'p99 before':>12}{'p99 after':>11}")
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        load.Service(pathlib.Path(one), [], before) as first,
        load.Service(pathlib.Path(other), [], after) as second,
    ):
        for known, new in zip(load.keys_and_blobs(first), load.keys_and_blobs(second)):
            for connections in CONNECTIONS:
                row(known[0], connections, (first, *known[1:]), (second, *new[1:]))


def row(name, connections, before, after):
    rates = [[], []]
    tails = [[], []]
    for _ in range(ROUNDS):
        for side, (service, path, body) in enumerate((before, after)):
            rate, refused, p99 = service.load(path, body, connections)
            if refused:
                sys.exit(f"{refused} requests were refused or failed")
            rates[side].append(rate)
            tails[side].append(p99)
    (old, new), (slow, slower) = (map(statistics.median, sides) for sides in (rates, tails))
    print(f"{name:<28}{connections:>12}{old:>10,.0f}{new:>10,.0f}{new / old:>8.2f}{slow:>12.2f}{slower:>11.2f}", flush=True)


if __name__ == "__main__":
    main()
