"""Builds, starts and stops `custodian dev`."""

import os
import pathlib
import re
import select
import signal
import subprocess
import time

from . import screen
from .calls import Mismatch

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = ("admin", "operator", "app", "auditor")
START_SECONDS = 60
STOP_SECONDS = 10


def prepare():
    """Installs SoftHSM where it is missing and builds the binary; answers its path."""
    _run([str(ROOT / "softhsm" / "install.sh")])
    screen.line("Building (the first time takes some minutes)")
    _run(["cargo", "build", "--release", "--locked"])
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or "target")
    return ROOT / target / "release" / "custodian"


def _run(command):
    try:
        subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
    except FileNotFoundError:
        raise Mismatch(f"`{command[0]}` is not on this machine: install it, then run this again") from None
    except subprocess.CalledProcessError as error:
        raise Mismatch(f"`{' '.join(command)}` failed with exit code {error.returncode}") from None


class Service:
    """One `custodian dev` on a free port of loopback, with all that it keeps in `folder`."""

    def __init__(self, binary, folder):
        self.folder = folder
        self.binary = binary
        self.log = folder.parent / "custodian.log"
        self.start()

    def start(self):
        """Starts it, the first time or after it was stopped."""
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C reaches the demo, and the demo stops the service.
            self.process = subprocess.Popen(
                [str(self.binary), "dev", "--data-dir", str(self.folder), "--listen", "127.0.0.1:0"],
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_listening(self):
        """The port, from the one line on standard output."""
        line = self._first_line(time.monotonic() + START_SECONDS)
        match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            raise Mismatch(f"expected `listening on http://127.0.0.1:PORT`, got {line!r}")
        return int(match[1])

    def _first_line(self, deadline):
        output, line = self.process.stdout, b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise Mismatch(f"the service was not ready within {START_SECONDS} seconds")
            byte = os.read(output.fileno(), 1)
            if not byte:
                raise Mismatch(f"the service ended before it was ready, exit code {self.process.wait()}")
            line += byte
        return line.decode(errors="replace")

    def tokens(self):
        """The bearer token of each role; their files are for this user only."""
        found = {}
        for role in ROLES:
            path = self.folder / f"{role}.token"
            if not path.is_file():
                raise Mismatch(f"the service has not written {path.name}")
            if path.stat().st_mode & 0o777 != 0o600:
                raise Mismatch(f"{path.name} must have mode 0600, it has {path.stat().st_mode & 0o777:o}")
            found[role] = path.read_text().strip()
        return found

    def token_directory(self):
        """Where SoftHSM keeps its token: the one folder in its folder `tokens`."""
        found = [path for path in self.folder.glob("**/tokens/*") if path.is_dir()]
        if len(found) != 1:
            raise Mismatch(f"expected one token below the data directory, found {len(found)}")
        return found[0]

    def stop(self):
        """Asks it to end; answers its exit code and what else it wrote to standard output."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Mismatch(f"the service did not end within {STOP_SECONDS} seconds of SIGTERM") from None
        return self.process.returncode, rest

    def kill(self):
        """Leaves nothing running, whatever happened before."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self.process.stdout.closed:
            self.process.stdout.close()

    def last_lines(self, count=25):
        if not self.log.is_file():
            return []
        return self.log.read_text(errors="replace").splitlines()[-count:]
