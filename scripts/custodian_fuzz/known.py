"""What exists in the service under test: what state.py made, and what answers have shown since."""

from . import signing


class Known:
    """DEKs with their versions, principals with their tokens, blobs with what opens them, custodians and their keys,
    KEK versions with their states."""

    def __init__(self, state):
        self.deks = {name: list(versions) for name, versions in state["deks"].items()}
        self.principals = {}
        self.ours = set(state["ours"])
        self.kept = set(state["kept"])
        self.blobs = state["blobs"]
        self.event = state["event"]
        self.signed = state["signed"]
        for one in state["principals"]:
            self._principal(one)
        council = state["council"]
        self.caller = council["caller"]
        self.kept_custodians = set(council["kept_custodians"])
        self.seeds = dict(council["seeds"])
        self.custodians = {}
        self.overrides = dict(council["overrides"])
        self.certificates = council["certificates"]
        for one in council["custodians"]:
            self._thing(one)
        vault = state["vault"]
        self.kept_kek, self.keks, self.jobs = vault["kept_kek"], dict(vault["keks"]), list(vault["jobs"])
        self.log = vault["log"]

    def learn(self, method, path, segments, body):
        """Takes up what one successful answer shows."""
        if method == "DELETE" and path == "/v1/admin/principals/{id}":
            self.principals.pop(segments["id"], None)
            return
        if not isinstance(body, dict):
            return
        for one in body.get("items") if isinstance(body.get("items"), list) else [body]:
            self._thing(one)
        if path.endswith("/rotate") and "name" in segments:
            self.deks.setdefault(segments["name"], []).append(body.get("version"))
        if path.endswith("/tokens") and segments.get("id") in self.principals:
            self.principals[segments["id"]].append(body.get("id"))

    def _thing(self, one):
        if not isinstance(one, dict):
            return
        if "versions" in one and "name" in one:
            self.deks[one["name"]] = [version["version"] for version in one["versions"]]
        if "tokens" in one and "id" in one:
            self._principal(one)
        if "fingerprint" in one and "id" in one:
            self.custodians[one["id"]] = one
        if one.get("kind") == "kek.rotate" and one["id"] not in self.jobs:
            self.jobs.append(one["id"])
            self.keks.setdefault(one["kek"], "enabled")
        if "encryptions" in one and str(one.get("version")).startswith("kek-v"):
            self.keks[one["version"]] = one["state"]
        if "signing_hash" in one and "id" in one:
            self.overrides[one["id"]] = one["signing_hash"]

    def proof(self, custodian):
        """That a custodian holds its key, if it waits for that and the key is one of ours."""
        one = self.custodians.get(custodian, {})
        seed = self.seeds.get(one.get("public_key"))
        return signing.proof(seed, one) if seed and "challenge" in one else None

    def seed(self):
        """The key of the custodian that calls."""
        return self.seeds[self.custodians[self.caller]["public_key"]]

    def _principal(self, one):
        """Not those whose tokens the run uses: nobody is to harm them."""
        if one["id"] not in self.ours:
            self.principals[one["id"]] = [token["id"] for token in one["tokens"]]
