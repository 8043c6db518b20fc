"""The order of the demo, and the clean-up whatever happens."""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

from . import approvals, audit, database, keys, outage, proof, refusals, rotation, screen, states, telemetry, tools
from .calls import Client, Mismatch, expect
from .service import Service, prepare

STEPS = (
    keys.ready,
    approvals.ask_what_nobody_signs,
    keys.wrap_a_key_file,
    keys.create_a_dek,
    keys.encrypt_and_decrypt,
    keys.rotate,
    keys.rewrap,
    states.hybrid,
    telemetry.protect,
    telemetry.rename_a_field,
    states.data_key,
    states.disable_and_enable,
    refusals.tampering,
    refusals.wrong_role_and_token,
    refusals.separation_of_duties,
    refusals.batch_with_one_bad_item,
    states.destroy,
    approvals.enrol,
    approvals.approve,
    approvals.verify_offline,
    approvals.refusals,
    tools.sign,
    outage.token_away,
    rotation.rotate,
    rotation.move_blobs,
    proof.inclusion,
    proof.export,
    database.tamper,
    database.roll_back,
    approvals.expired,
    audit.read,
)


class State:
    """What one step leaves for the next."""

    def __init__(self, client, service, folder):
        self.client = client
        self.service = service
        self.folder = folder
        # What the audit log must not hold, beside the tokens.
        self.secrets = []


def main():
    arguments = _arguments()
    # SIGTERM ends the demo as Ctrl-C does: with the clean-up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="custodian-demo-"))
    service = None
    try:
        binary = arguments.binary.resolve() if arguments.binary else prepare()
        service = Service(binary, folder / "data")
        _show(service, folder)
        _end(service)
        seconds = time.monotonic() - started
        screen.line(f"\nAll as expected, in {seconds:.0f} seconds. Nothing is left running or on disk.")
        return 0
    except Mismatch as error:
        _explain(str(error), service)
        return 1
    except KeyboardInterrupt:
        screen.wrong("interrupted")
        return 130
    except Exception:  # an answer of a shape that no step foresaw: say where
        _explain(traceback.format_exc(), service)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if service:
            service.kill()
        if arguments.keep:
            screen.line(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _arguments():
    parser = argparse.ArgumentParser(prog="demo.py", description="Show the custodian's main job end to end.")
    parser.add_argument("--binary", type=pathlib.Path, help="use this `custodian`; install and build nothing")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder, with the log and the tokens")
    return parser.parse_args()


def _show(service, folder):
    port = service.wait_until_listening()
    screen.line(f"The service listens on http://127.0.0.1:{port}; all it keeps is below {folder}.")
    state = State(Client(port, service.tokens()), service, folder)
    for number, step in enumerate(STEPS, start=1):
        screen.section(number, step.__doc__)
        step(state)


def _end(service):
    screen.section(len(STEPS) + 1, "Stop the service")
    screen.say("SIGTERM: what is under way is answered, then the process ends.")
    tokens = service.tokens()
    code, rest = service.stop()
    expect(code == 0, "it ended with exit code 0", code)
    expect(rest == b"", "standard output had the `listening` line and nothing else", rest[:200])
    log = service.log.read_text(errors="replace")
    expect(not any(token in log for token in tokens.values()), "no token is in the log")


def _explain(text, service):
    screen.line()
    screen.wrong(text)
    lines = service.last_lines() if service else []
    if lines:
        print("\nThe service's last log lines:", file=sys.stderr)
        for line in lines:
            print("    " + line, file=sys.stderr)
