"""Judges signed lists of tools with `examples/signed_tools.py`, which knows the formats page (section 7), `rfc8785` and
`cryptography`. Reads a JSON object on standard input, writes one on standard output; tests/examples/signed_tools.rs compares.
"""

import json
import pathlib
import sys
from datetime import datetime

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples"))
from signed_tools import PinnedKeys, verify  # noqa: E402


def main():
    given = json.load(sys.stdin)
    pinned = PinnedKeys(given["keys"]["items"])
    at = datetime.fromisoformat(given["at"].replace("Z", "+00:00"))
    results = [json.loads(text) for text in given["results"]]
    verdicts = [verify(result.get("tools"), result.get("_meta"), pinned, given["server"], at) for result in results]
    names = ["error", "changed", "missing", "added"]
    json.dump([{name: getattr(verdict, name) for name in names} for verdict in verdicts], sys.stdout)


main()
