"""Puts something into a fresh service before it is driven, and looks afterwards whether what must stay is there.

DEKs `keep-*` and what they made are to open at the end. DEKs, principals and custodians `spend-*` may be harmed.
"""

import base64
import json
import os

from custodian_demo.calls import Mismatch

from .council import Council
from .vault import Vault

ALGORITHMS = {"aes": "aes-256-gcm", "pq": "mlkem768-x25519"}
EVENT = {"actor_id": "ada", "score": 0.5, "context": [{"client_ip": None}]}
TOOLS = [{"name": "add", "inputSchema": {"type": "object"}}, {"name": "subtract", "description": "Subtracts."}]
CONTEXTS = (None, {"tenant": "acme"}, {"tenant": "acme", "of": "fuzz-api"})
PRINCIPALS = 12
PAGE = 500


class State:
    """What was made. `client` calls the service as any role; of the role `custodian` there is one from now on."""

    def __init__(self, client):
        self.client = client
        self.plain = base64.b64encode(os.urandom(32)).decode()
        self.ours = [one["id"] for one in self._do("admin", "GET", "/v1/admin/principals")["items"]]
        self.vault = Vault(self._do)
        self.blobs = {"ciphertext": [], "wrapped": []}
        self.algorithms = [short for short in ALGORITHMS if self._dek(f"keep-{short}", short)]
        for short in self.algorithms:
            self._dek(f"spend-{short}", short)
            self._fill(f"keep-{short}", 2)
            self._fill(f"spend-{short}", 5)
            self._spoil(f"spend-{short}")
        self._wrap()
        self.event = self._event()
        self.signed = self._do("app", "POST", "/v1/mcp/tools/sign", {"tools": TOOLS}).body
        for number in range(PRINCIPALS):
            self._principal(number)
        self.council = Council(self._do, client.tokens)
        self.ours += self.council.principals

    def save(self, path):
        """For the hooks, which run in another process."""
        deks = self._do("operator", "GET", f"/v1/deks?limit={PAGE}")["items"]
        state = {
            "ours": self.ours,
            "kept": [dek["name"] for dek in deks if dek["name"].startswith("keep-")],
            "deks": {dek["name"]: [version["version"] for version in dek["versions"]] for dek in deks},
            "principals": self._do("admin", "GET", f"/v1/admin/principals?limit={PAGE}")["items"],
            "blobs": self.blobs,
            "event": self.event,
            "signed": self.signed,
            "council": self.council.state(),
            "vault": self.vault.state(),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(state))

    def lost(self):
        """Each token must still open the door, and each blob that was to stay must still open."""
        try:
            for role in self.client.tokens:
                self._do(role, "GET", "/v1/capabilities")
            for blob in self.blobs["ciphertext"]:
                if blob["name"].startswith("keep-"):
                    self._opens(f"/v1/deks/{blob['name']}/decrypt", "ciphertext", blob)
            for blob in self.blobs["wrapped"]:
                self._opens("/v1/unwrap", "wrapped", blob)
            if self.event and self._do("app", "POST", "/v1/pii/decrypt", {"event": self.event})["event"] != EVENT:
                raise Mismatch("/v1/pii/decrypt: another event came back than was put in")
            return self.council.lost()
        except Mismatch as error:
            return [f"afterwards: {error}"]

    def _opens(self, path, kind, blob):
        answer = self._do("app", "POST", path, _with_context({kind: blob["blob"]}, blob["context"]))
        if answer["plaintext"] != self.plain:
            raise Mismatch(f"{path}: another plaintext came back than was put in")

    def _dek(self, name, short):
        """False where this version does not make DEKs of that algorithm."""
        answer = self.client.send("operator", "POST", "/v1/deks", {"name": name, "algorithm": ALGORITHMS[short]})
        if answer.status == 400 and short != "aes":
            return False
        return bool(_succeeded(answer, "POST", "/v1/deks"))

    def _fill(self, name, versions):
        """Blobs under each of some versions."""
        for number in range(versions):
            if number:
                self._do("operator", "POST", f"/v1/deks/{name}/rotate")
            for context in CONTEXTS:
                made = self._do("app", "POST", f"/v1/deks/{name}/encrypt", self._plain(context))
                self.blobs["ciphertext"].append({"name": name, "blob": made["ciphertext"], "context": context})

    def _spoil(self, name):
        """One version disabled and one destroyed, where this version can: their blobs are refused from then on."""
        versions = self._do("operator", "GET", f"/v1/deks/{name}")["versions"]
        first, second = sorted(versions, key=lambda each: each["number"])[:2]
        place = f"/v1/deks/{name}/versions"
        confirm = {"confirm": f"{name}/{second['version']}"}
        for path, body in ((f"{first['version']}/disable", None), (f"{second['version']}/destroy", confirm)):
            answer = self.client.send("operator", "POST", f"{place}/{path}", body)
            if answer.status != 404:
                _succeeded(answer, "POST", f"{place}/{path}")

    def _wrap(self):
        for context in CONTEXTS:
            made = self._do("app", "POST", "/v1/wrap", self._plain(context))
            self.blobs["wrapped"].append({"name": None, "blob": made["wrapped"], "context": context})

    def _event(self):
        """Encrypted; `None` where this version makes no hybrid DEKs."""
        if "pq" not in self.algorithms:
            return None
        return self._do("app", "POST", "/v1/pii/encrypt", {"dek": "keep-pq", "event": EVENT})["event"]

    def _principal(self, number):
        roles = (["app"], ["auditor"], ["operator"], ["metrics"])[number % 4]
        grants = {"deks": ["spend-*"]} if roles == ["app"] else {}
        body = {"name": f"spend-{number}", "subject": f"spend-{number}", "roles": roles, "grants": grants}
        self._do("admin", "POST", "/v1/admin/principals", body)

    def _plain(self, context):
        return _with_context({"plaintext": self.plain}, context)

    def _do(self, who, method, path, body=None):
        return _succeeded(self.client.send(who, method, path, body), method, path)


def _with_context(body, context):
    return body if context is None else dict(body, context=context)


def _succeeded(answer, method, path):
    if answer.status >= 300:
        raise Mismatch(f"{method} {path}: {answer.status}: {answer.raw[:400].decode(errors='replace')}")
    return answer
