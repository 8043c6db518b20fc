"""The order of `make fuzz-api`: a service, something in it, each role and nobody, a verdict; then all is gone."""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter

from custodian_demo import screen
from custodian_demo.calls import Client, Mismatch
from custodian_demo.service import ROLES, ROOT, Service, prepare

from . import campaign, description, verdict
from .council import CALLER
from .state import State

CALLERS = (*ROLES, CALLER, campaign.NOBODY)


def main():
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="custodian-fuzz-"))
    service = None
    try:
        binary = arguments.binary.resolve() if arguments.binary else prepare()
        service = Service(binary, folder / "data")
        wrong = _drive(service, folder, arguments)
    except Mismatch as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        wrong = ["interrupted"]
    except Exception:  # an answer of a shape that nothing here foresaw: say where
        wrong = [traceback.format_exc()]
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if service:
            service.kill()
    return _end(wrong, service, folder, arguments)


def _arguments():
    parser = argparse.ArgumentParser(prog="fuzz-api.sh", description="Drive the whole API by schemathesis.")
    parser.add_argument("--binary", type=pathlib.Path, help="use this `custodian`; install and build nothing")
    parser.add_argument("--max-examples", type=int, default=300, help="generated requests an operation and role")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="repeat a run")
    parser.add_argument("--role", choices=CALLERS, help="only as this one")
    return parser.parse_args()


def _results():
    place = ROOT / (os.environ.get("CARGO_TARGET_DIR") or "target") / "fuzz-api"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _drive(service, folder, arguments):
    """Answers what was wrong, in sentences."""
    screen.line(f"seed {arguments.seed}, {arguments.max_examples} examples an operation and role")
    url = f"http://127.0.0.1:{service.wait_until_listening()}"
    client = Client(int(url.rsplit(":", 1)[1]), service.tokens())
    document = client.send(None, "GET", "/openapi.json").body
    wrong = [f"/openapi.json: {fault}" for fault in description.faults(document)]
    screen.line(f"/openapi.json is {'not ' if wrong else ''}valid OpenAPI {document['openapi']}")
    (folder / "openapi.json").write_text(json.dumps(document))
    state = State(client)
    screen.line(f"DEKs, blobs, principals and custodians are there; algorithms: {', '.join(state.algorithms)}")
    runs = _runs(url, state, folder, arguments)
    wrong += [f"{run.role}: schemathesis ended with {run.code}, see {run.text}" for run in runs if run.code]
    wrong += _afterwards(service, client, state, runs)
    _summary(runs, description.operations(document))
    return wrong


def _runs(url, state, folder, arguments):
    plan = campaign.Plan(url, folder, _results(), arguments.max_examples, arguments.seed)
    finished = []
    for role in [arguments.role] if arguments.role else CALLERS:
        # Afresh for each: what the one before it made and spent is to be known.
        state.save(folder / "state.json")
        run = campaign.run(role, state.client.tokens.get(role), plan)
        screen.line(f"{role}: {run.cases} cases in {run.seconds:.0f} s, {run.failures} failures")
        finished.append(run)
    return finished


def _afterwards(service, client, state, runs):
    """What is wrong with the service once all is over."""
    wrong = []
    if service.process.poll() is None:
        notes = [note for run in runs for note in run.notes]
        wrong = verdict.of_audit(client, notes) + state.lost()
        screen.line(f"{verdict.counted(notes)} of {len(notes)} requests had to have exactly one audit entry")
    code, _ = service.stop()
    if code:
        wrong.append(f"the service ended with exit code {code}")
    return wrong + verdict.of_log(service.log.read_text(errors="replace"))


def _summary(runs, operations):
    head = ["role", "cases", "requests", "2xx", "401 403 429", "other 4xx", "5xx", "operations", "failures", "seconds"]
    screen.line()
    screen.table(head, [_row(run) for run in runs])
    rows = [[operation, *_answers(runs, operation)] for operation in operations]
    screen.line()
    screen.table(["operation", "answers", "of them"], rows)
    screen.line()
    for reason, number in sum((run.set_aside for run in runs), Counter()).most_common():
        screen.line(f"set aside, {number} times: {reason}")
    missed = [row[0] for row in rows if not re.search(r"\b2\d\d:", row[2])]
    screen.line(f"{len(rows) - len(missed)} of {len(rows)} operations were done with success")
    for operation in missed:
        screen.line(f"   never: {operation}")


def _answers(runs, operation):
    """How many requests one operation had from all, and with which statuses they were answered."""
    notes = [note for run in runs for note in run.notes if note["operation"] == operation and note["declared"]]
    count = Counter(note["status"] for note in notes)
    return str(len(notes)), "  ".join(f"{status}: {count[status]}" for status in sorted(count))


def _row(run):
    count = run.statuses()
    refused = sum(count[status] for status in (401, 403, 429))
    of_class = [sum(number for status, number in count.items() if status // 100 == wanted) for wanted in (2, 4, 5)]
    cells = [run.role, run.cases, len(run.notes), of_class[0], refused, of_class[1] - refused, of_class[2]]
    return [str(cell) for cell in [*cells, run.tested, run.failures, round(run.seconds)]]


def _end(wrong, service, folder, arguments):
    if wrong and service and service.log.exists():
        shutil.copy(service.log, _results() / "custodian.log")
    shutil.rmtree(folder, ignore_errors=True)
    for sentence in wrong[:20]:
        screen.wrong(sentence)
    if wrong:
        print(f"{len(wrong)} things are wrong; repeat with --seed {arguments.seed}", file=sys.stderr)
        return 1
    screen.line("Nothing wrong was found.")
    return 0
