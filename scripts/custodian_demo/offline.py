"""What an auditor checks with the binary alone: no service, pinned keys."""

import subprocess

from . import screen
from .calls import expect


def verify(state, kind, file, keys, code):
    """Runs `custodian verify KIND FILE --keys KEYS`, shows what it says, and answers it; it must end with `code`."""
    line = [str(state.service.binary), "verify", kind, str(file), "--keys", str(keys)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    screen.line(f"\n   custodian verify {kind} {file.name} --keys {keys.name}")
    for text in done.stdout.splitlines():
        screen.line("       " + screen.trim(text, 90))
    expect(done.returncode == code, f"exit code {code}", done.returncode)
    return done.stdout
