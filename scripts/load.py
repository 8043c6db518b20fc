#!/usr/bin/env python3
"""Measures requests a second of a release build on loopback, beside the raw token's rate in the same run.

`make load`. LOAD_SECONDS (5) is the time of each measurement. Authentication and audit are on, as always.
Signatures on overrides are no one request again and again, so benches/overrides.rs measures them: OVERRIDES_EACH (300).
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/custodian"
SECONDS = int(os.environ.get("LOAD_SECONDS", "5"))
CONNECTIONS = (1, 8, 32)
PLAINTEXT = base64.b64encode(bytes(32)).decode()


def main():
    build()
    raw = raw_rate()
    print(f"raw token: {raw:,.0f} decrypts/s (bare session, one thread, 32 bytes)\n")
    with tempfile.TemporaryDirectory() as home:
        print(f"fsync of this disk: {fsync_micros(home):,.0f} µs\n")
    print(f"{'operation':<36}{'connections':>12}{'requests/s':>12}{'of raw':>9}{'p99 ms':>9}{'commits/s':>11}")
    measure([], keys_and_blobs, raw)
    measure(["--dek-cache", "0"], strict, raw)
    print("\nevents with twelve personal fields:", flush=True)
    events()
    print("\nsignatures on overrides:", flush=True)
    bench("overrides", capture_output=False)


def measure(options, operations, raw):
    """Every operation at every number of connections, against a fresh service."""
    with tempfile.TemporaryDirectory() as home, Service(pathlib.Path(home), options) as service:
        for name, path, body in operations(service):
            for connections in CONNECTIONS:
                row(service, name, path, body, connections, raw)


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    if subprocess.run(["which", "wrk"], capture_output=True).returncode:
        subprocess.run([ROOT / "scripts/apt-install.sh", "wrk"], check=True)


def raw_rate():
    return float(re.search(r"bare session\s+(\d+) ", bench("token", capture_output=True).stdout).group(1))


def bench(name, capture_output):
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", name]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=capture_output, text=True)


def fsync_micros(home):
    """What one small durable write costs where the database is."""
    code = (
        "import os,sys,time;f=os.open(sys.argv[1]+'/fsync',os.O_CREAT|os.O_WRONLY);t=time.perf_counter();"
        "[(os.write(f,bytes(4096)),os.fdatasync(f)) for _ in range(500)];print((time.perf_counter()-t)/500*1e6)"
    )
    return float(subprocess.check_output([sys.executable, "-c", code, home]))


PLAIN = {"plaintext": PLAINTEXT, "context": {"of": "load"}}


def keys_and_blobs(service):
    """Each operation by name, with its path and a body that succeeds; opened DEKs are kept."""
    wrapped = service.post("app", "/v1/wrap", PLAIN)["wrapped"]
    yield "wrap", "/v1/wrap", PLAIN
    yield "unwrap", "/v1/unwrap", {"wrapped": wrapped, "context": PLAIN["context"]}
    for name, algorithm in DEKS:
        path, body = decryption(service, name, algorithm)
        yield f"{name} decrypt, cached", path, body
        yield f"{name} encrypt, cached", f"/v1/deks/{name}/encrypt", PLAIN


def strict(service):
    """Decryption when each use of a DEK asks the token."""
    for name, algorithm in DEKS:
        path, body = decryption(service, name, algorithm)
        yield f"{name} decrypt, strict", path, body


DEKS = (("aes", "aes-256-gcm"), ("hybrid", "mlkem768-x25519"))


def decryption(service, name, algorithm):
    sealed = service.encrypted(name, algorithm)
    return f"/v1/deks/{name}/decrypt", {"ciphertext": sealed, "context": PLAIN["context"]}


BATCH = 32
FIELDS = (
    "actor_id actor_name actor_email requested_by approved_by reviewer_id override_justification proposal_title "
    "proposal_description proposal_context client_ip user_agent"
).split()
EVENT = {"id": 17, "at": "2026-11-23T10:00:00Z", "score": 0.25} | {name: "a text as fields usually have it" for name in FIELDS}


def events():
    """Events a second, and what share of the service's processor time the KEM alone would take in one thread."""
    said = bench("events", capture_output=True).stdout
    print(said)
    alone = {name: float(rate) for name, rate in re.findall(r"KEM (\w+)\s+(\d+) /s", said)}
    print(f"{'operation':<36}{'connections':>12}{'events/s':>12}{'ms CPU/event':>14}{'KEM share':>11}{'p99 ms':>9}")
    with tempfile.TemporaryDirectory() as home, Service(pathlib.Path(home), []) as service:
        service.post("operator", "/v1/deks", {"name": "events", "algorithm": "mlkem768-x25519"})
        sealed = service.post("app", "/v1/pii/encrypt", {"dek": "events", "event": EVENT})["event"]
        for name, path, kem, one, more in (
            ("encrypt", "/v1/pii/encrypt", alone["encapsulate"], EVENT, {"dek": "events"}),
            ("decrypt", "/v1/pii/decrypt", alone["decapsulate"], sealed, {}),
        ):
            for connections in (1, 8):
                event_row(service, name, path, {"event": one} | more, 1, connections, kem)
                event_row(service, f"{name}, batches of {BATCH}", path, {"events": [one] * BATCH} | more, BATCH, connections, kem)
        beside_batches(service)


def beside_batches(service):
    """The 99th percentile of single events, alone and while two clients send full batches without end."""
    path, body = "/v1/pii/encrypt", {"dek": "events", "event": EVENT}
    _, _, alone = service.load(path, body, 1)
    over = threading.Event()
    batch = {"dek": "events", "events": [EVENT] * 256}

    def send():
        while not over.is_set():
            service.post("app", path, batch)

    clients = [threading.Thread(target=send) for _ in range(2)]
    for client in clients:
        client.start()
    rate, _, beside = service.load(path, body, 1)
    over.set()
    for client in clients:
        client.join()
    print(f"single events beside full batches: {rate:,.0f}/s, p99 {beside:.1f} ms; alone {alone:.1f} ms: {beside / alone:.1f} times", flush=True)


def event_row(service, name, path, body, events, connections, kem):
    before = service.processor_seconds()
    rate, refused, p99 = service.load(path, body, connections)
    spent = (service.processor_seconds() - before) / (rate * SECONDS * events)
    share = len(FIELDS) / kem / spent
    print(f"{name:<36}{connections:>12}{rate * events:>12,.0f}{spent * 1e3:>14.2f}{share:>11.0%}{p99:>9.2f}", flush=True)
    if refused:
        sys.exit(f"{refused} requests were refused or failed")


def row(service, name, path, body, connections, raw):
    before = service.syncs()
    rate, refused, p99 = service.load(path, body, connections)
    commits = (service.syncs() - before) / SECONDS
    print(f"{name:<36}{connections:>12}{rate:>12,.0f}{rate / raw:>9.1%}{p99:>9.2f}{commits:>11,.0f}", flush=True)
    if refused:
        sys.exit(f"{refused} requests were refused or failed")


class Service:
    """A release `custodian dev`, with all it keeps in a folder that goes away."""

    def __init__(self, home, options, binary=BINARY):
        self.home = home
        self.options = options
        self.binary = binary

    def __enter__(self):
        command = [self.binary, "dev", "--listen", "127.0.0.1:0", "--data-dir", self.home, *self.options]
        log = open(self.home / "log", "w")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def post(self, role, path, body):
        token = (self.home / f"{role}.token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request))

    def encrypted(self, name, algorithm):
        """A blob of the DEK of that name, which is made if it is not there."""
        try:
            self.post("operator", "/v1/deks", {"name": name, "algorithm": algorithm})
        except urllib.error.HTTPError as refused:
            if refused.code != 409:
                raise
        return self.post("app", f"/v1/deks/{name}/encrypt", PLAIN)["ciphertext"]

    def load(self, path, body, connections):
        """Requests a second, how many failed, and the 99th percentile in ms."""
        (self.home / "body").write_text(json.dumps(body))
        names = {"LOAD_TOKEN_FILE": str(self.home / "app.token"), "LOAD_BODY_FILE": str(self.home / "body")}
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", ROOT / "scripts/load.lua", self.url + path]
        said = subprocess.run(command, env=os.environ | names, check=True, capture_output=True, text=True).stdout
        requests, micros, refused, p99 = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", said).groups())
        return requests / micros * 1e6, refused, p99 / 1e3

    def processor_seconds(self):
        """Time that the service has used on all cores so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def syncs(self):
        """Commits so far, as the service counts them; each is one fsync of the write-ahead log."""
        token = (self.home / "auditor.token").read_text()
        request = urllib.request.Request(self.url + "/metrics", headers={"Authorization": f"Bearer {token}"})
        figures = urllib.request.urlopen(request).read().decode()
        found = re.search(r"^custodian_commits_total (\d+)", figures, re.M)
        return int(found.group(1)) if found else 0


if __name__ == "__main__":
    main()
