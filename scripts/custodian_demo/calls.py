"""HTTP calls to the service, each with its expectation. No token is ever printed."""

import http.client
import json
import time

from . import screen

TIMEOUT = 15
# The fields that a trimmed answer shows, in this order.
SHOWN = (
    "wrapped", "ciphertext", "plaintext", "kek", "current", "version", "number", "state", "code", "detail", "size",
)
HIDDEN = ("plaintext", "token")


class Mismatch(Exception):
    """The service did not do what the demo expects."""


def expect(truth, text, found=None):
    """Prints the check that holds; stops the demo at one that does not."""
    if not truth:
        raise Mismatch(f"expected that {text}" + ("" if found is None else f"; found {found}"))
    screen.check(text)


def until(seconds, text, probe):
    """Probes until the answer is true, and answers that; stops the demo if it takes longer."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if time.monotonic() > deadline:
            raise Mismatch(f"expected within {seconds} seconds that {text}")
        if found:
            return found
        time.sleep(0.1)


class Answer:
    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = None

    def __getitem__(self, name):
        if not isinstance(self.body, dict) or name not in self.body:
            raise Mismatch(f"the answer has no field `{name}`: {screen.trim(self.raw.decode(errors='replace'), 400)}")
        return self.body[name]


class Client:
    """Calls as one of the four roles, or with no token (`None`), or with a wrong one."""

    def __init__(self, port, tokens, name="demo"):
        self.port = port
        self.tokens = tokens
        self.name = name
        self.number = 0
        # Request ids of calls that must have exactly one audit entry: changes and uses of a key, refusals too.
        self.audited = []

    def call(self, who, method, path, body=None, status=200, code=None, show=None, token=None):
        """One call with its expectation, printed."""
        answer = self.send(who, method, path, body, token)
        screen.call(method, path, who or "no token", answer.status)
        self._show(answer, show)
        self._verify(answer, method, path, status, code)
        return answer

    def send(self, who, method, path, body=None, token=None):
        """One call, quietly."""
        self.number += 1
        request_id = f"{self.name}-{self.number:03}"
        headers = {"X-Request-Id": request_id, "Accept": "application/json"}
        token = token or self.tokens.get(who)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        answer = self._exchange(method, path, data, headers)
        if answer.headers.get("X-Request-Id") != request_id:
            raise Mismatch(f"{method} {path}: the answer does not carry our X-Request-Id")
        reads = method == "GET" or path.endswith("/verify")
        # A log that is not whole takes no entry: then a request is refused, and does nothing.
        shut = answer.status == 503 and (answer.body or {}).get("code") == "audit_unavailable"
        if not reads and who in self.tokens and not shut:
            self.audited.append(request_id)
        return answer

    def _exchange(self, method, path, data, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Mismatch(f"{method} {path}: no answer from the service: {error!r}") from error
        finally:
            connection.close()

    @staticmethod
    def _show(answer, show):
        if not isinstance(answer.body, dict):
            return
        for name in SHOWN if show is None else show:
            if name in answer.body and not isinstance(answer.body[name], (dict, list)):
                hidden = name in HIDDEN
                screen.value(name, "(not shown)" if hidden else answer.body[name])

    @staticmethod
    def _verify(answer, method, path, status, code):
        text = screen.trim(answer.raw.decode(errors="replace"), 600)
        if answer.status != status:
            raise Mismatch(f"{method} {path}: expected status {status}, got {answer.status}: {text}")
        if status < 400 or path.startswith("/v1/health/"):
            return
        if answer.headers.get("Content-Type", "").split(";")[0] != "application/problem+json":
            raise Mismatch(f"{method} {path}: the refusal is not application/problem+json: {text}")
        if answer["code"] != code:
            raise Mismatch(f"{method} {path}: expected code {code}, got {answer['code']}: {text}")
