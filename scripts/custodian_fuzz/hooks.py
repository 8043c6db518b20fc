"""Loaded by schemathesis: aims each request, keeps it from harm, notes what came of it, adds the contract's rules.

Everything goes through `before_call` and `after_call`: they see every request of every phase.
"""

import json
import os
import pathlib

import schemathesis

from . import aim, beyond, contract, description, guard
from .known import Known

ROLE = os.environ["FUZZ_ROLE"]
TOKEN = os.environ.get("FUZZ_TOKEN")
KNOWN = Known(json.loads(pathlib.Path(os.environ["FUZZ_STATE"]).read_text()))
NOTES = open(os.environ["FUZZ_NOTES"], "w", buffering=1)


@schemathesis.deserializer("application/octet-stream")
def octets(context, response):
    """A tile of the audit log is a string of bytes: each stands for one character."""
    return response.content.decode("latin-1")


@schemathesis.hook
def before_call(context, case, kwargs):
    fields = description.fields(case.operation.schema.raw_schema, case.operation.definition.raw)
    aim.aim(case, KNOWN, fields)
    guard.guard(case, KNOWN)


@schemathesis.hook
def after_call(context, case, response):
    answer = contract.Answer(case, response)
    segments, operation = case.path_parameters or {}, case.operation.definition.raw
    note = {
        "id": answer.headers.get("x-request-id"),
        "method": answer.method,
        "operation": case.operation.label,
        "declared": answer.method == case.operation.method.upper(),
        "audited": description.audited(operation),
        "possible": description.possible(operation, segments),
        "status": answer.status,
    }
    NOTES.write(json.dumps(note) + "\n")
    if answer.status < 300:
        KNOWN.learn(answer.method, case.path, segments, answer.json())


@schemathesis.hook
def filter_failure(context, failure, case, response):
    reason = beyond.reason(failure, response)
    if reason:
        NOTES.write(json.dumps({"set aside": reason}) + "\n")
    return reason is None


@schemathesis.check
def the_contract(ctx, response, case):
    """Holds for every answer, also to a request that is malformed on purpose."""
    answer = contract.Answer(case, response)
    found = list(contract.broken(case.operation.definition.raw, ROLE, TOKEN, answer))
    if found:
        raise AssertionError("\n".join(found))
