"""Rules of the contract (api.md sections 1 and 2) that hold for every answer and that no schema says."""

import json
import re

from . import description

# Who may not call an operation learns nothing from it, whatever the body: the order of refusals.
SHUT_OUT = (401, 403, 404, 405, 429)
# A custodian acts for itself only, and an app for its own server, so that their roles are not enough.
FOR_ONESELF = ("/v1/overrides/{id}/signatures", "/v1/overrides/{id}/reject", "/v1/mcp/tools/sign")
PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}


def broken(operation, role, token, answer):
    """What of the contract an answer breaks, in sentences. `role` is `nobody` for requests without a token."""
    yield from _request_id(answer)
    yield from _roles(operation, role, answer)
    yield from _headers(answer)
    if token and token in answer.text:
        yield "an answer contains the caller's token"
    if answer.status >= 400 and answer.method != "HEAD" and answer.path != "/v1/health/ready":
        yield from _problem(operation, answer)


class Answer:
    """What a rule may ask of a response."""

    def __init__(self, case, response):
        self.path = case.path
        self.method = response.request.method
        self.status = response.status_code
        self.headers = {name.lower(): values[0] for name, values in response.headers.items()}
        self.text = response.content.decode("utf-8", errors="replace")

    def json(self):
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def _request_id(answer):
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers.get("x-request-id", "")):
        yield f"X-Request-Id is {answer.headers.get('x-request-id')!r}"


def _roles(operation, role, answer):
    status = answer.status
    allowed = description.roles(operation)
    if allowed is None:
        return
    if role not in allowed and status not in SHUT_OUT:
        yield f"{role} got {status}, but x-roles are {allowed}"
    if role in allowed and status == 403 and answer.path not in FOR_ONESELF:
        yield f"{role} got 403, and x-roles are {allowed}"


def _headers(answer):
    wanted = {
        201: ("location", r"/v1/.+"),
        202: ("location", r"/v1/.+"),
        401: ("www-authenticate", r"Bearer.*"),
        405: ("allow", r"[A-Z]+(, [A-Z]+)*"),
        429: ("retry-after", r"[1-9]\d*"),
    }
    if answer.status == 503 and answer.path != "/v1/health/ready":
        wanted[503] = ("retry-after", r"[1-9]\d*")
    name, form = wanted.get(answer.status, ("x-request-id", ".*"))
    if not re.fullmatch(form, answer.headers.get(name, "")):
        yield f"{answer.status} has {name}: {answer.headers.get(name)!r}"


def _problem(operation, answer):
    kind = answer.headers.get("content-type", "").split(";")[0]
    if kind != "application/problem+json":
        yield f"a refusal is {kind!r}, not application/problem+json"
    body = answer.json()
    if not isinstance(body, dict) or not PROBLEM <= body.keys():
        yield "a refusal lacks fields of a problem"
        return
    if body["status"] != answer.status:
        yield f"the problem says status {body['status']}, the answer is {answer.status}"
    if body["request_id"] != answer.headers.get("x-request-id"):
        yield "the problem has another request_id than X-Request-Id"
    if not body["type"].endswith(body["code"]):
        yield f"the problem's type {body['type']!r} does not name its code"
    if body["code"] not in operation.get("x-codes", []) + ["not_found", "method_not_allowed"]:
        yield f"`{body['code']}` is not among the operation's x-codes"
