"""One run of schemathesis as one of the roles or as nobody, and what it noted."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from collections import Counter

from . import description

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = "nobody"
# Whoever may not call an operation, or none, sees little of it: these parts of the requests are enough.
REFUSED_PART = 8
NOBODYS_PART = 4
# What they make is followed by what can be done with it. An application's overrides are not: `proposal_id` looks to
# schemathesis like the id of something else, so that a request for one begins nothing.
MAKERS = ("admin", "operator")
# Far beyond what a run takes: for a service that does not answer any more.
LONGEST_SECONDS = 1800


@dataclasses.dataclass
class Plan:
    """What is the same for all: where the service is, where to write what, how much."""

    url: str
    folder: pathlib.Path
    results: pathlib.Path
    examples: int
    seed: int


class Campaign:
    """A finished run: its notes, one for each request, and its failures."""

    def __init__(self, role, seconds, code, notes, report, text):
        self.role = role
        self.seconds = seconds
        self.code = code
        self.notes = [note for note in notes if "id" in note]
        self.set_aside = Counter(note["set aside"] for note in notes if "set aside" in note)
        self.text = text
        self.cases = report.get("test_cases", {}).get("generated", 0)
        self.failures = report.get("test_cases", {}).get("unique_failures", 0)
        self.tested = report.get("operations", {}).get("tested", 0)

    def statuses(self):
        return Counter(note["status"] for note in self.notes)


def run(role, token, plan):
    """Drives the whole API as `role`; `token` is `None` for nobody. The folder has openapi.json and state.json."""
    notes, report, text = plan.folder / f"{role}.notes", plan.folder / f"{role}.json", plan.results / f"{role}.txt"
    examples = plan.examples if token else _part(plan.examples, NOBODYS_PART)
    document = json.loads((plan.folder / "openapi.json").read_text())
    (plan.folder / "schemathesis.toml").write_text(_settings(role, document, examples))
    # From a file: the operation that it fetches the description from, schemathesis leaves out.
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
    command += ["openapi.json", "--url", plan.url, "--max-examples", str(examples), "--seed", str(plan.seed)]
    command += ["--phases", "examples,coverage,fuzzing" + (",stateful" if role in MAKERS else "")]
    # Wrong credentials are nobody's part: from who has a token they would be most of all requests.
    command += ["--generation-with-security-parameters", str(not token).lower()]
    command += ["--no-color", "--report-json-path", str(report)]
    started = time.monotonic()
    code = _call(command, _environment(role, token, notes), plan.folder, text)
    seconds = time.monotonic() - started
    noted = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    found = json.loads(report.read_text()) if report.exists() else {}
    return Campaign(role, seconds, code, noted, found, text)


def _part(examples, part):
    return max(1, examples // part)


def _settings(role, document, examples):
    """The file for one role. A token's place is the environment: it stands in no file and in no command line."""
    text = (HERE / "schemathesis.toml").read_text()
    if role == NOBODY:
        return text
    refused = json.dumps(description.closed_to(document, role))
    return text + f"""
[auth.openapi.bearer]
bearer = "${{FUZZ_TOKEN}}"

[[operations]]
include-operation-id = {refused}
generation.max-examples = {_part(examples, REFUSED_PART)}
phases.stateful.enabled = false
"""


def _environment(role, token, notes):
    ours = {
        "FUZZ_NOTES": str(notes),
        "FUZZ_ROLE": role,
        "FUZZ_STATE": "state.json",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(HERE.parent),
        "SCHEMATHESIS_HOOKS": "custodian_fuzz.hooks",
    }
    return os.environ | ours | ({"FUZZ_TOKEN": token} if token else {})


def _call(command, environment, folder, path):
    with open(path, "w") as text:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": text, "stderr": subprocess.STDOUT}
        try:
            return subprocess.run(command, env=environment, cwd=folder, timeout=LONGEST_SECONDS, **pipes).returncode
        except subprocess.TimeoutExpired:
            text.write(f"\nended after {LONGEST_SECONDS} seconds\n")
            return -1
