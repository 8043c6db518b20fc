"""Two-key overrides: two custodians with keys of their own, a ceremony, a certificate, and the refusals."""

import json
import secrets
import subprocess
import time

from . import commands, screen
from .calls import Mismatch, expect

# The shortest that an override may stay open.
SHORTEST_SECONDS = 60
SHOWN = ("status", "failed_gates", "message_hash", "signing_hash", "expires_at", "code", "detail")


class Person:
    """One custodian: a key file under a passphrase that nobody else knows, and the offline tools."""

    def __init__(self, state, name, role, scheme):
        self.binary = state.service.binary
        self.name = name
        self.role = role
        self.home = state.folder / name
        self.home.mkdir(mode=0o700)
        self._passphrase().write_text(secrets.token_urlsafe(24))
        self._passphrase().chmod(0o600)
        made = self.tool("keygen", "--scheme", scheme, "--out", self.key(), "--output", "json")
        made = json.loads(made.stdout)
        self.scheme, self.public_key = made["scheme"], made["public_key"]
        screen.check(f"{name}: custodian keygen --scheme {scheme} --out {name}.key")

    def key(self):
        return str(self.home / "custodian.key")

    def _passphrase(self):
        return self.home / "passphrase"

    def tool(self, command, *arguments, read=None):
        """One command of the binary, offline."""
        line = [str(self.binary), command, *arguments, "--passphrase-file", str(self._passphrase())]
        done = subprocess.run(line, input=read, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Mismatch(f"`custodian {command}` ended with exit code {done.returncode}: {done.stderr[-400:]}")
        return done

    def sign(self, document, shown=False):
        """The signature over what `custodian sign` has read and found to be what the service says it is."""
        read = json.dumps(document)
        done = self.tool("sign", "--key", self.key(), "--yes", "--output", "json", "-", read=read)
        for text in done.stderr.splitlines() if shown else ():
            screen.line("       " + screen.trim(text, 90))
        return json.loads(done.stdout)["signature"]


def ask_what_nobody_signs(state):
    """An application asks for an override that nobody will sign: it ends in a minute"""
    late = _request(state, "p-41", "nobody reads this", expires_in="1m")
    state.late = (late.body, time.monotonic())


def enrol(state):
    """Two custodians make keys with different schemes, prove them, and are enrolled"""
    screen.say("Each key is made on its owner's machine and stays there, in a file under a passphrase.")
    people = [
        Person(state, "rita", "risk_lead", "bip340"),
        Person(state, "theo", "security_lead", "ed25519+ml-dsa-44"),
    ]
    for person in people:
        body = {"name": person.name, "subject": person.name, "role": person.role}
        body.update(scheme=person.scheme, public_key=person.public_key)
        made = _call(state, "admin", "POST", "/v1/admin/custodians", body, 201)
        person.id = made["id"]
        proof = {"signature": person.sign(made.body)}
        active = _call(state, "admin", "POST", f"/v1/admin/custodians/{person.id}/activate", proof)
        expect(active["status"] == "active", f"{person.name} proved its key by signing the challenge")
        body = {"name": person.name, "subject": person.name, "roles": ["custodian"], "custodian_id": person.id}
        token = state.client.send("admin", "POST", "/v1/admin/principals", body)["token"]
        state.client.tokens[person.name] = token
    state.rita, state.theo = people


def approve(state):
    """An override: pending, partial, approved, with a certificate countersigned in the token"""
    asked = _request(state, "p-42", "The failed novelty gate measures yesterday's model; Monday's run passes.")
    expect(asked["status"] == "pending", "it is pending")
    signatures = []
    for person, status in ((state.rita, "partial"), (state.theo, "approved")):
        seen = state.client.send(person.name, "GET", f"/v1/overrides/{asked['id']}")
        screen.say(f"{person.name} runs `custodian sign`. It computes both hashes itself, refuses if the service's "
                   "differ, shows this, and asks (but for --yes):")
        signatures.append(person.sign(seen.body, shown=True))
        done = _sign(state, person, asked, signatures[-1])
        expect(done["status"] == status, f"it is {status}")
    state.approved, state.signatures = asked.body, signatures
    answer = _call(state, "app", "GET", f"/v1/overrides/{asked['id']}/certificate", None)
    state.certificate = answer.body
    expect(len(answer["signatures"]) == 2, "the certificate is signed by Ed25519, in the token, and by ML-DSA-65")


def verify_offline(state):
    """An auditor verifies the certificate offline, and finds a changed one out"""
    keys, good, bad = (state.folder / name for name in ("signing-keys.json", "certificate.json", "changed.json"))
    keys.write_bytes(_call(state, None, "GET", "/v1/signing-keys", None).raw)
    good.write_text(json.dumps(state.certificate))
    changed = json.loads(json.dumps(state.certificate))
    payload = changed["payload"]
    changed["payload"] = ("A" if payload[60] != "A" else "B").join((payload[:60], payload[61:]))
    bad.write_text(json.dumps(changed))
    for file, wanted in ((good, 0), (bad, 3)):
        commands.verify(state, "certificate", file, keys, wanted)


def refusals(state):
    """What one person cannot do: pass complexity, sign twice, forge, use a signature again"""
    gates = {"failed_gates": ["complexity", "risk"]}
    _request(state, "p-43", "please", status=422, code="not_overridable", **gates)
    asked = _request(state, "p-44", "rita wants both", on_behalf_of="theo")
    forged = state.rita.sign(asked.body)
    _sign(state, state.theo, asked, forged, 403, "forbidden", custodian=state.rita.id)
    _sign(state, state.rita, asked, state.signatures[0], 422, "bad_signature")
    _sign(state, state.rita, asked, forged)
    _sign(state, state.rita, asked, forged, 409, "conflict")
    # theo is the human behind this request, so theo's own signature is refused.
    _sign(state, state.theo, asked, state.theo.sign(asked.body), 422, "two_person_rule")
    body = {"name": "again", "subject": "rita", "role": "security_lead"}
    body.update(scheme="bip340", public_key=state.rita.public_key)
    _call(state, "admin", "POST", "/v1/admin/custodians", body, 422, "two_person_rule")


def expired(state):
    """The override that nobody signed is over, and takes no signature any more"""
    late, since = state.late
    left = SHORTEST_SECONDS + 1 - (time.monotonic() - since)
    if left > 0:
        screen.say(f"It stays open for a minute: waiting {left:.0f} seconds.")
        time.sleep(left)
    now = state.client.send("app", "GET", f"/v1/overrides/{late['id']}")
    expect(now["status"] == "expired", "it expired without anyone calling", now["status"])
    # The tool refuses to sign what is over, so this signature is one for another override.
    _sign(state, state.rita, late, state.signatures[0], 410, "expired")


def _request(state, proposal, justification, status=201, code=None, **more):
    body = {"proposal_id": proposal, "justification": justification, "failed_gates": ["novelty", "risk"]}
    body |= {"environment": "staging", **more}
    return _call(state, "app", "POST", "/v1/overrides", body, status, code)


def _sign(state, person, asked, signature, status=200, code=None, custodian=None):
    body = {"custodian_id": custodian or person.id, "signature": signature}
    asked = asked if isinstance(asked, dict) else asked.body
    path = f"/v1/overrides/{asked['id']}/signatures"
    return _call(state, person.name, "POST", path, body, status, code)


def _call(state, who, method, path, body, status=200, code=None):
    return state.client.call(who, method, path, body, status, code, SHOWN)
