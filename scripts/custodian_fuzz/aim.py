"""Puts what exists into a generated request, often: most of the service lies behind a name that must be right.

Which of it is put in depends on the request alone, so that one seed makes the same choices. A part of the request that
schemathesis made wrong on purpose stays wrong.
"""

import json
import random

from schemathesis.core.parameters import ParameterLocation

from . import signing

PATH, QUERY, BODY = ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.BODY
OFTEN = 0.75


def aim(case, known, fields):
    """Changes one request; `fields` are those that its body may have."""
    dice = random.Random(f"{case.method} {case.path} {case.path_parameters!r} {case.query!r} {case.body!r}")
    if case.path_parameters and not _wrong(case, PATH):
        case.path_parameters = dict(case.path_parameters, **_segments(case, known, fields, dice))
    if "tile" in (case.path_parameters or {}) and not _wrong(case, PATH):
        _tile(case, known, dice)
    if case.path.startswith("/v1/audit/proof/") and not _wrong(case, QUERY) and dice.random() < OFTEN:
        case.query = dict(case.query, **_sizes(case.path, known, dice))
    if case.query and "version" in case.query and not _wrong(case, QUERY):
        case.query = dict(case.query, **_version((case.path_parameters or {}).get("name"), known, dice))
    if isinstance(case.body, dict) and not _wrong(case, BODY):
        case.body = _body(case, known, fields, dice)


def _wrong(case, part):
    return case.meta is None or case.meta.is_negative_at(part)


def _segments(case, known, fields, dice):
    """Names for the path that exist."""
    found = {}
    if "name" in case.path_parameters and dice.random() < OFTEN:
        found["name"] = dice.choice(_names(case, known, fields))
    if "version" in case.path_parameters:
        found |= _version(found.get("name", case.path_parameters.get("name")), known, dice)
    if case.path.startswith("/v1/admin/principals/{id}") and dice.random() < OFTEN and known.principals:
        found["id"] = dice.choice(sorted(known.principals))
        tokens = known.principals[found["id"]]
        if "token_id" in case.path_parameters and tokens:
            found["token_id"] = dice.choice(tokens)
    if "/custodians/{id}" in case.path and dice.random() < OFTEN:
        waiting = [one for one in sorted(known.custodians) if known.proof(one)]
        proves = case.path.endswith("/activate") and waiting
        found["id"] = dice.choice(waiting if proves else sorted(known.custodians))
    if "kek" in case.path_parameters and dice.random() < OFTEN:
        found["kek"] = dice.choice(_keks(case, known))
    if case.path == "/v1/jobs/{id}" and dice.random() < OFTEN:
        found["id"] = dice.choice(known.jobs)
    if case.path.startswith("/v1/overrides/{id}") and dice.random() < OFTEN:
        found["id"] = dice.choice(sorted(known.overrides))
    return found


def _keks(case, known):
    """Versions that the verb may change, if there are any."""
    verb = case.path.rsplit("/", 1)[-1]
    harmed = sorted(known.keks.keys() - {known.kept_kek})
    fit = [one for one in harmed if known.keks[one] == ("enabled" if verb == "retire" else "retired")]
    return fit or harmed


def _tile(case, known, dice):
    """The first tile of hashes or of entries, put into the template: filled in, its slashes would be escaped."""
    level, width = dice.choice(["0", "entries"]), dice.randint(1, min(known.log, 255))
    number = "000" if known.log > 255 and dice.random() >= OFTEN else f"000.p/{width}"
    case.path_parameters = {"tile": f"{level}/{number}"}
    case.path = case.path.replace("{tile}", case.path_parameters["tile"])


def _sizes(path, known, dice):
    """An entry and the size of a log that has it; or how long the log was and is."""
    begin, end = sorted([dice.randrange(known.log), dice.randint(1, known.log)])
    if path.endswith("/inclusion"):
        return {"index": min(begin, end - 1), "size": end}
    return {"from": begin, "to": end}


def _names(case, known, fields):
    """Of DEKs that have blobs where one is sent, of DEKs that may be harmed where a version is named."""
    if "ciphertext" in fields:
        return sorted({blob["name"] for blob in known.blobs["ciphertext"]})
    if "version" in case.path_parameters:
        return sorted(known.deks.keys() - known.kept)
    return sorted(known.deks)


def _version(name, known, dice):
    versions = known.deks.get(name)
    return {"version": dice.choice(versions)} if versions and dice.random() < OFTEN else {}


def _body(case, known, fields, dice):
    body = json.loads(json.dumps(case.body))
    batch = body.get("items")
    items = [item for item in batch if isinstance(item, dict)] if isinstance(batch, list) else [body]
    for kind in sorted(fields & {"wrapped", "ciphertext"}):
        for item in items:
            _blob(case, item, kind, known, "context" in fields, dice)
    if fields & {"algorithm", "subject"} and dice.random() < OFTEN:
        _new(body, dice)
    if "confirm" in fields and dice.random() < OFTEN:
        named = case.path_parameters or {}
        body["confirm"] = named.get("kek") or f"{named.get('name')}/{named.get('version')}"
    if dice.random() < OFTEN:
        _approval(case, body, known, fields, dice)
        _events_and_tools(body, known, fields, dice)
    return body


def _events_and_tools(body, known, fields, dice):
    """A hybrid DEK and an event that it encrypted; the caller's own server, and tools that were signed."""
    hybrid = [name for name in sorted(known.deks) if name.endswith("-pq")]
    if "dek" in fields and hybrid:
        body["dek"] = dice.choice(hybrid)
    elif "not_encrypted" in fields and "event" in body and known.event:
        body["event"] = known.event
    if "_meta" in fields:
        body.update(known.signed)
    elif "tools" in fields:
        body.pop("server", None)


def _approval(case, body, known, fields, dice):
    """Keys and signatures that are good; an override that may be asked for; a certificate of the service's own."""
    place = (case.path_parameters or {}).get("id")
    if "public_key" in body:
        seed = dice.randbytes(32).hex()
        body.update(scheme=signing.SCHEME, public_key=signing.public_key(seed))
        known.seeds[body["public_key"]] = seed
    elif "failed_gates" in body:
        body["failed_gates"] = [gate for gate in body["failed_gates"] if gate != "complexity"] or ["risk"]
        body.pop("expires_in", None)
    elif "certificate" in body:
        body["certificate"] = dice.choice(known.certificates)
    elif "custodian_id" in fields and place in known.overrides:
        body.update(custodian_id=known.caller, signature=_signature(place, body, known))
    elif fields == {"signature"} and known.proof(place):
        body["signature"] = known.proof(place)


def _signature(override, body, known):
    if "reason" in body:
        return signing.rejection(known.seed(), known.caller, override, body["reason"])
    return signing.signature(known.seed(), known.overrides[override])


def _new(body, dice):
    """Something that is not there yet; not a custodian, who would have to be enrolled."""
    fresh = f"fuzz-{dice.getrandbits(64):016x}"
    body.update({name: fresh for name in ("name", "subject") if name in body})
    body.pop("custodian_id", None)
    if isinstance(body.get("roles"), list):
        body["roles"] = [role for role in body["roles"] if role != "custodian"] or ["app"]


def _blob(case, item, kind, known, opens, dice):
    """A blob that opens, for the DEK in the path; now and then under a context that does not open it."""
    name = (case.path_parameters or {}).get("name")
    blobs = [blob for blob in known.blobs[kind] if blob["name"] == name]
    if not blobs or dice.random() >= OFTEN:
        return
    blob = dice.choice(blobs)
    item[kind] = blob["blob"]
    if opens and dice.random() < OFTEN:
        item["context"] = blob["context"]
