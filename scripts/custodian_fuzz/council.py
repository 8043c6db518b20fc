"""Custodians in every state, one of whom calls, and overrides for it to sign: some lack its signature only."""

import os

from . import signing

CALLER, OTHER = "custodian", "security"
SPENT = 8
OVERRIDES = 40


class Council:
    """Made through `send`, which calls as anyone whose token is in `tokens` and raises unless it succeeds."""

    def __init__(self, send, tokens):
        self.send = send
        self.seeds = {}
        self.principals = []
        self.caller = self._acting(CALLER, "risk_lead", tokens)
        self.other = self._acting(OTHER, "security_lead", tokens)
        self.certificates = [self._approved()]
        for number in range(SPENT):
            self._spend(number)

    def state(self):
        """What the hooks are to know; overrides are made anew each time, for a run may have closed them."""
        requested = [self._request(f"open {number}") for number in range(OVERRIDES)]
        for asked in requested[: OVERRIDES // 2]:
            self._sign(OTHER, self.other, asked)
        return {
            "caller": self.caller,
            "kept_custodians": [self.caller, self.other],
            "custodians": self.send("auditor", "GET", "/v1/custodians?limit=500")["items"],
            "seeds": self.seeds,
            "overrides": {asked["id"]: asked["signing_hash"] for asked in requested},
            "certificates": self.certificates,
        }

    def lost(self):
        """Whether the two who were to stay are not active any more."""
        shown = [self.send("auditor", "GET", f"/v1/custodians/{one}") for one in (self.caller, self.other)]
        gone = [one for one in shown if one["status"] != "active"]
        return [f"afterwards: custodian {one['subject']} is {one['status']}" for one in gone]

    def _acting(self, subject, role, tokens):
        enrolled = self._enrol(subject, role)
        body = {"name": subject, "subject": subject, "roles": ["custodian"], "custodian_id": enrolled["id"]}
        made = self.send("admin", "POST", "/v1/admin/principals", body)
        self.principals.append(made["id"])
        tokens[subject] = made["token"]
        return enrolled["id"]

    def _enrol(self, subject, role, active=True):
        seed = os.urandom(32).hex()
        key = {"scheme": signing.SCHEME, "public_key": signing.public_key(seed)}
        body = {"name": subject, "subject": subject, "role": role, **key}
        enrolled = self.send("admin", "POST", "/v1/admin/custodians", body)
        self.seeds[key["public_key"]] = seed
        if active:
            self._change(enrolled["id"], "activate", {"signature": signing.proof(seed, enrolled.body)})
        return enrolled

    def _spend(self, number):
        """Of four one is pending, one suspended, and two are active."""
        role = ("risk_lead", "security_lead")[number % 2]
        enrolled = self._enrol(f"spend-lead-{number}", role, active=number % 4 > 0)
        if number % 4 == 1:
            self._change(enrolled["id"], "suspend", {"reason": "to be spent"})

    def _change(self, custodian, verb, body):
        self.send("admin", "POST", f"/v1/admin/custodians/{custodian}/{verb}", body)

    def _request(self, why):
        body = {"proposal_id": "fuzz", "justification": f"{why}, {os.urandom(8).hex()}", "failed_gates": ["risk"]}
        return self.send("app", "POST", "/v1/overrides", body)

    def _sign(self, who, custodian, asked):
        public = self.send("auditor", "GET", f"/v1/custodians/{custodian}")["public_key"]
        made = signing.signature(self.seeds[public], asked["signing_hash"])
        body = {"custodian_id": custodian, "signature": made}
        self.send(who, "POST", f"/v1/overrides/{asked['id']}/signatures", body)

    def _approved(self):
        """A certificate."""
        asked = self._request("to be approved")
        self._sign(CALLER, self.caller, asked)
        self._sign(OTHER, self.other, asked)
        return self.send("app", "GET", f"/v1/overrides/{asked['id']}/certificate").body
