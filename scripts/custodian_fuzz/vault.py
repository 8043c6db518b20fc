"""KEK versions in every state that is reached within a run, the jobs that rotated them, and how long the log is."""

from custodian_demo.calls import until

SPENT = 3
# A rotation of a few records, on a busy machine.
LONGEST_SECONDS = 60


class Vault:
    """Made through `send` before anything is wrapped: what is wrapped later is under a version that is kept."""

    def __init__(self, send):
        self.send = send
        self.kept = [self._rotated() for _ in range(SPENT)][-1]
        self._change(self._versions()[0]["version"], "retire")

    def state(self):
        """What the hooks are to know."""
        note = self.send("auditor", "GET", "/v1/audit/checkpoint").raw.decode()
        return {
            "kept_kek": self.kept,
            "keks": {one["version"]: one["state"] for one in self._versions()},
            "jobs": [job["id"] for job in self.send("operator", "GET", "/v1/jobs?limit=500")["items"]],
            "log": int(note.splitlines()[1]),
        }

    def _rotated(self):
        """The new version, once every record is under it."""
        job = self.send("operator", "POST", "/v1/kek/rotate")
        path = f"/v1/jobs/{job['id']}"
        until(LONGEST_SECONDS, "the KEK is rotated", lambda: self.send("operator", "GET", path)["status"] == "done")
        return job["kek"]

    def _change(self, version, verb):
        self.send("operator", "POST", f"/v1/kek/versions/{version}/{verb}", {"confirm": version})

    def _versions(self):
        return self.send("operator", "GET", "/v1/kek")["versions"]
