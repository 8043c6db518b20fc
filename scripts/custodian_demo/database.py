"""The database in other hands: one entry changed, and an older copy of all of it put back."""

import contextlib
import shutil
import sqlite3

from . import screen
from .calls import expect, until
from .keys import unb64, unwrap, wait_until_ready
from .proof import forged

NOTICED_SECONDS = 10


def tamper(state):
    """Change an entry in the database"""
    screen.say(f"The service is stopped. Somebody who can write the file changes entry {state.index} in the same way.")
    with _stopped(state) as file:
        state.older = state.folder / "older.db"
        shutil.copy(file, state.older)
        _write(file, state.index, state.entry, forged(state))
    _is_shut(state, "EntryChanged", state.index)
    screen.line()
    screen.say("The entry is put back as it was.")
    with _stopped(state) as file:
        _write(file, state.index, forged(state), state.entry)
    _is_open(state)


def roll_back(state):
    """Put an older copy of the whole database back"""
    screen.say("Everything in the copy is genuine, its checkpoint too; but the token has kept a newer one.")
    with _stopped(state) as file:
        newest = state.folder / "newest.db"
        shutil.copy(file, newest)
        shutil.copy(state.older, file)
    _is_shut(state, "RolledBack")
    screen.line()
    screen.say("The right database is put back.")
    with _stopped(state) as file:
        shutil.copy(newest, file)
    _is_open(state)


@contextlib.contextmanager
def _stopped(state):
    """The database file while the service does not run, which is started again afterwards."""
    code, _ = state.service.stop()
    expect(code == 0, "it is stopped")
    yield state.service.folder / "custodian.db"
    state.service.start()
    state.client.port = state.service.wait_until_listening()


def _write(file, index, old, new):
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        sql = "UPDATE audit_entries SET entry = ? WHERE number = ? AND entry = ?"
        changed = database.execute(sql, (new, index, old)).rowcount
    expect(changed == 1, f"one row is changed in {file.name}")


def _is_shut(state, word, entry=None):
    """The log is found not to be what was signed, so no key is used."""
    shown = ["valid", "error"] if entry is None else ["valid", "error", "entry"]
    verdict = state.client.call("auditor", "POST", "/v1/audit/verify", {}, show=shown)
    expect((verdict["error"], verdict["entry"]) == (word, entry), f"it is named: {word}")
    unwrap(state, state.wrapped, status=503, code="audit_unavailable")
    until(NOTICED_SECONDS, "readiness says so", lambda: not _readiness(state)["audit"]["ok"])
    state.client.call(None, "GET", "/v1/health/ready", status=503)
    expect(True, "no key is used, and readiness says that it is the log")


def _is_open(state):
    wait_until_ready(state)
    verdict = state.client.call("auditor", "POST", "/v1/audit/verify", {}, show=["valid"])
    answer = unwrap(state, state.wrapped)
    expect(verdict["valid"] and unb64(answer["plaintext"]) == state.key, "the log is whole, and keys are used again")


def _readiness(state):
    return state.client.send(None, "GET", "/v1/health/ready")["checks"]
