"""Runs the code blocks of a page for users, in order, and compares with the outputs that the page shows.

`bash service` blocks run beside the others until the end; `bash` blocks share one shell, `python` blocks one
namespace, and a block that fails ends the run. `sh` blocks hold only targets of the Makefile, which CI runs itself:
here they must be there. `bash as root` blocks are for the machine of a real service, with root, apt and systemd: here they
must be grammar, and the commands and options of `custodian` in them must be there. A `text` block is the output of the
block before it, where `…` stands for what differs from run to run. Every other kind of block is an error: nothing on the
page goes untested.
"""

import contextlib
import io
import itertools
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback

PAGE_ADDRESS = "127.0.0.1:8700"
BINARY = "target/release/custodian"
BLOCK = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60


class Wrong(Exception):
    """The page does not hold."""


def blocks(text):
    """Kind, text and line of each block."""
    return [(found[1].strip(), found[2], text.count("\n", 0, found.start()) + 1) for found in BLOCK.finditer(text)]


def matches(shown, output):
    """Whether the output is what the page shows; `…` is anything within a line, and alone on a line any lines."""
    def pattern(line):
        return ".*" if line.strip() == "…" else r"[^\n]*".join(map(re.escape, line.rstrip().split("…")))

    tidy = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return re.fullmatch("\n".join(map(pattern, shown.strip().splitlines())), tidy, re.DOTALL) is not None


class Shell:
    """One bash for all the page's blocks, so that variables and functions last."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        # What goes to standard error is for people; it is shown and not compared.
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._say("set -euo pipefail")

    def _say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, text):
        self.count += 1
        path, mark = os.path.join(self.folder, f"block-{self.count}.sh"), f"--block {self.count} done--"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self._say(f"source {path} </dev/null; printf '\\n%s\\n' '{mark}'")
        output = read_until(self.process, f"\n{mark}\n")
        if output is None:
            raise Wrong(f"the commands failed with exit code {self.process.wait()}")
        return output


class Service:
    """A block that serves until the end of the page."""

    def __init__(self, text):
        command = ["bash", "-euo", "pipefail", "-c", text]
        # Its log goes where ours does: it says why, when the page does not hold.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        line = ""
        while not line.startswith("listening on "):
            line = read_until(self.process, "\n")
            if line is None:
                raise Wrong("the service ended before it was ready")


def read_until(process, end):
    """Standard output up to `end`, or `None` if the process ends first."""
    output, fd, deadline = b"", process.stdout.fileno(), time.monotonic() + SECONDS
    while not output.endswith(end.encode()):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            raise Wrong(f"it took longer than {SECONDS} seconds; so far: {output.decode(errors='replace')}")
        part = os.read(fd, 1)
        if not part:
            return None
        output += part
    return output.decode()[: -len(end)]


def make_targets(text):
    with open("Makefile", encoding="utf-8") as file:
        targets = set(re.findall(r"^([a-z-]+):", file.read(), re.MULTILINE))
    for line in text.splitlines():
        command = line.split("#")[0].split()
        if command[:1] != ["make"] or not targets.issuperset(command[1:]):
            raise Wrong(f"`{line}` is no target of the Makefile")


def look_at(text):
    """What is wrong with commands that are not run, as far as it can be known."""
    read = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
    if read.returncode:
        raise Wrong(f"bash does not read it:\n{read.stderr}")
    for line in text.replace("\\\n", " ").splitlines():
        look_at_line(line)


def look_at_line(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    for at, word in enumerate(words):
        if os.path.basename(word) == "custodian":
            own = itertools.takewhile(lambda word: not set(word) <= set("();<>|&"), words[at + 1 :])
            command_is_there(list(own))
        elif " " in word:
            look_at_line(word)


def command_is_there(words):
    """The command is what comes before the first word that cannot be one of its names; its options come after."""
    names = list(itertools.takewhile(re.compile("[a-z][a-z-]*").fullmatch, words))
    helped = subprocess.run([BINARY, *names, "--help"], text=True, capture_output=True)
    if helped.returncode:
        raise Wrong(f"`custodian {' '.join(names)}` is no command:\n{helped.stderr}")
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        if not re.search(rf"{option}(?![a-z-])", helped.stdout):
            raise Wrong(f"`custodian {' '.join(names)}` has no option {option}")


def run_python(text, namespace, name):
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(text, name, "exec"), namespace)
    except Exception:
        raise Wrong(f"the code failed:\n{traceback.format_exc()}") from None
    return output.getvalue()


def run(path, port, folder, started):
    with open(path, encoding="utf-8") as file:
        found = blocks(file.read())
    shell, namespace, output = Shell(folder), {"__name__": "__page__"}, None
    started.append(shell.process)
    done = 0
    for kind, text, line in found:
        text = text.replace(PAGE_ADDRESS, f"127.0.0.1:{port}")
        place = f"{path}:{line}"
        try:
            if kind == "bash service":
                started.append(Service(text).process)
            elif kind == "sh":
                make_targets(text)
            elif kind == "bash as root":
                look_at(text)
                output = None
            elif kind == "bash":
                output = shell.run(text)
            elif kind == "python":
                output = run_python(text, namespace, place)
            elif kind == "text" and output is not None:
                if not matches(text, output):
                    raise Wrong(f"the page shows\n{text}\nand the output was\n{output}")
                output = None
            else:
                raise Wrong(f"a block of kind `{kind}` is not expected here")
        except Wrong as error:
            raise Wrong(f"{place}: {error}") from None
        done += 1
    if not done:
        raise Wrong(f"{path}: there is no block in it")
    print(f"{path}: {done} blocks hold")


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    # Programs that lie in this folder come before the machine's own: a `cargo` that need not build again.
    os.environ["PATH"] = f"{os.getcwd()}{os.pathsep}{os.environ['PATH']}"
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(path, port, folder, started)
            return 0
        except Wrong as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            # Each was started as a group of its own, with whatever it started in turn.
            for process in started:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
