"""What /openapi.json says: whether it is valid OpenAPI 3.1, and what of an operation the other files ask."""

import re
import uuid


def faults(document):
    """What is wrong with the whole document; nothing if it is valid OpenAPI 3.1."""
    from openapi_spec_validator import OpenAPIV31SpecValidator

    if not re.fullmatch(r"3\.1\.\d+", str(document.get("openapi"))):
        return [f"`openapi` is {document.get('openapi')!r}, expected 3.1.x"]
    found = OpenAPIV31SpecValidator(document).iter_errors()
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


def operations(document):
    """All operations, each as `POST /v1/wrap`."""
    return [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item]


def audited(operation):
    """Whether each request that signs in leaves one audit entry."""
    return "In the audit log:" in operation.get("description", "")


def roles(operation):
    """Who may call it; `None` if whoever likes."""
    return operation.get("x-roles")


def closed_to(document, role):
    """The ids of the operations that a role may not call."""
    return [one["operationId"] for one in _every(document) if role not in (roles(one) or [role])]


def _every(document):
    return [operation for item in document["paths"].values() for operation in item.values()]


def fields(document, operation):
    """The fields of its body, those of a batch's items too."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return set(_fields(document, body.get("schema", {})))


def _fields(document, schema):
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _fields(document, inner.get("items", {}))
    for part in ("oneOf", "anyOf", "allOf"):
        for choice in schema.get(part, []):
            yield from _fields(document, choice)


def possible(operation, segments):
    """Whether each path segment could be a name of its kind: what could not is answered before anyone signs in."""
    known = {each["name"]: each["schema"] for each in operation.get("parameters", []) if each.get("in") == "path"}
    return all(name in known and _could_be(known[name], str(value)) for name, value in segments.items())


def _could_be(schema, text):
    if "pattern" in schema:
        return re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), text) is not None
    if schema.get("format") == "uuid":
        try:
            return str(uuid.UUID(text)) == text
        except ValueError:
            return False
    return False
