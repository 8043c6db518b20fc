"""Runs a command at a terminal of its own and types what it is asked for.

Standard input: {"command": [...], "folder": "...", "answers": [["the end of a prompt", "what is typed"], ...]}; with
"terminal": false there is none at all. Answers {"code", "shown", "stdout"}. A passphrase is typed as people do: once
the terminal no longer shows what is typed, which is a moment after the prompt.
"""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time


def main():
    task = json.load(sys.stdin)
    with open(os.path.join(task["folder"], "stdout"), "wb") as out:
        run = at_terminal if task.get("terminal", True) else without_terminal
        code, shown = run(task, out)
    with open(os.path.join(task["folder"], "stdout"), encoding="utf-8") as out:
        print(json.dumps({"code": code, "shown": shown, "stdout": out.read()}))


def at_terminal(task, out):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(task["folder"])
        os.dup2(out.fileno(), 1)
        os.execv(task["command"][0], task["command"])
    shown = b""
    answers = list(task["answers"])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the child closed its end
            break
        if not more:
            break
        shown += more
        while answers and shown.rstrip().endswith(answers[0][0].encode()):
            prompt, answer = answers.pop(0)
            while "Type" not in prompt and shows_typing(terminal) and time.monotonic() < deadline:
                time.sleep(0.01)
            os.write(terminal, answer.encode() + b"\n")
            shown += b"\n"
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")


def shows_typing(terminal):
    return termios.tcgetattr(terminal)[3] & termios.ECHO


def without_terminal(task, out):
    done = subprocess.run(
        task["command"],
        cwd=task["folder"],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode("utf-8", "replace")


main()
