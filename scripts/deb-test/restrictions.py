"""Tries what the unit of the service refuses, and prints for each `allowed` or the name of the error.

Run by root without the unit all of it is allowed, so that a refusal below the unit is the unit's own.
"""

import ctypes
import errno
import mmap
import os
import resource
import shutil
import socket
import subprocess
import sys
from functools import partial

STATE = "/var/lib/aegis-custodian"
RUNTIME = "/run/aegis-custodian"


def write(path: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    os.remove(path)


def write_then_run(folder: str) -> None:
    program = f"{folder}/true"
    shutil.copy("/usr/bin/true", program)
    try:
        subprocess.run([program], check=True)
    finally:
        os.remove(program)


def read_only(path: str) -> None:
    """The mount is asked, since file modes alone would keep the service's user out too."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, "")


def make_suid() -> None:
    path = f"{STATE}/suid"
    write(path)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o700)
    try:
        os.fchmod(descriptor, 0o4700)
    finally:
        os.close(descriptor)
        os.remove(path)


def call(name: str, *arguments: object) -> None:
    """A function of libc that Python has not."""
    if ctypes.CDLL(None, use_errno=True)[name](*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def connect_elsewhere() -> None:
    """192.0.2.10 stands on this machine's own loopback, where somebody listens."""
    with socket.create_server(("192.0.2.10", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address, timeout=1):
            pass


def connect_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=1):
            pass


def see_others() -> None:
    if not os.path.exists("/proc/1/status"):
        raise OSError(errno.ENOENT, "")


def dump_core() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise OSError(errno.EPERM, "")


def change_namespace() -> None:
    subprocess.run(["unshare", "--user", "true"], check=True, stderr=subprocess.DEVNULL)


def gain_rights() -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        said = dict(line.split(":\t", 1) for line in file)
    if int(said["CapBnd"], 16) == 0 and said["NoNewPrivs"].strip() == "1":
        raise OSError(errno.EPERM, "")


REFUSED = {
    **{
        f"change {path} (ProtectSystem, ReadOnlyPaths)": partial(read_only, path)
        for path in ("/", "/etc", "/etc/aegis-custodian", "/usr", "/var", "/var/lib", "/run", "/srv")
    },
    "look into /root (ProtectHome)": lambda: os.listdir("/root"),
    **{
        f"run what was written to {path} (NoExecPaths)": partial(write_then_run, path)
        for path in (STATE, RUNTIME, "/tmp", "/var/tmp", "/dev/shm")
    },
    "memory to write and run (MemoryDenyWriteExecute)": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ),
    "make a program suid (RestrictSUIDSGID)": make_suid,
    "connect elsewhere (IPAddressDeny)": connect_elsewhere,
    "a netlink socket (RestrictAddressFamilies)": lambda: socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW
    ).close(),
    "a new user namespace (RestrictNamespaces)": change_namespace,
    "real time (RestrictRealtime)": lambda: os.sched_setscheduler(
        0, os.SCHED_FIFO, os.sched_param(1)
    ),
    "set the host's name (ProtectHostname)": lambda: socket.sethostname(
        socket.gethostname()
    ),
    "memfd_create (SystemCallFilter)": lambda: os.close(os.memfd_create("probe")),
    "personality (LockPersonality)": lambda: call("personality", 0x0040000),
    "see process 1 (ProtectProc)": see_others,
    "dump core (LimitCORE)": dump_core,
    "gain rights (CapabilityBoundingSet, NoNewPrivileges)": gain_rights,
}

ALLOWED = {
    "write its own state": lambda: write(f"{STATE}/probe"),
    "connect to this machine": connect_here,
    "lock memory": lambda: call(
        "mlock", ctypes.create_string_buffer(65536), ctypes.c_size_t(65536)
    ),
}


def outcome(attempt) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or errno.ETIMEDOUT, str(error))
    except subprocess.CalledProcessError:
        return "EPERM"
    return "allowed"


def main() -> int:
    below_the_unit = sys.argv[1:] == ["--below-the-unit"]
    wrong = 0
    for acts, refused in ((REFUSED, below_the_unit), (ALLOWED, False)):
        for name, attempt in acts.items():
            said = outcome(attempt)
            wrong += (said == "allowed") == refused
            print(f"{said:9} {name}", flush=True)
    return 1 if wrong else 0


sys.exit(main())
