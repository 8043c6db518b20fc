"""Commands of the binary, shown with what they print: offline ones, and those over REST by somebody's token."""

import os
import pathlib
import subprocess

from . import screen
from .calls import expect


def run(state, *arguments, role=None, code=0):
    """Runs `custodian ARGUMENTS`, as `role` or offline, shows and answers what it says; it must end with `code`."""
    shown = " ".join(one.name if isinstance(one, pathlib.Path) else one for one in arguments)
    done = ask(state, *arguments, role=role)
    screen.line(f"\n   custodian {shown}" + (f"  ({role})" if role else ""))
    for text in done.stdout.splitlines():
        screen.line("       " + screen.trim(text, 90))
    expect(done.returncode == code, f"exit code {code}", f"{done.returncode}: {screen.trim(done.stderr, 400)}")
    return done.stdout


def ask(state, *arguments, role=None):
    """The same, quietly, and however it ends."""
    service = {}
    if role:
        token = str(state.service.folder / f"{role}.token")
        service = {"CUSTODIAN_URL": f"http://127.0.0.1:{state.client.port}", "CUSTODIAN_TOKEN_FILE": token}
    line = [str(state.service.binary), *map(str, arguments)]
    return subprocess.run(line, env=os.environ | service, capture_output=True, text=True, check=False)


def verify(state, kind, file, keys, code):
    """What somebody checks with the binary alone: no service, pinned keys."""
    return run(state, "verify", kind, file, "--keys", keys, code=code)
