"""Keeps a request from harming what the run itself needs: it does the harm to something else instead."""

CHANGES = ("POST", "PUT", "PATCH", "DELETE")
TO_THE_VERSION = ("/disable", "/destroy")
TO_THE_KEK = ("/retire", "/destroy", "/destroy/approve")


def guard(case, known):
    """Looks at one request right before it is sent; the last word on its path."""
    segments = case.path_parameters or {}
    if case.method.upper() not in CHANGES:
        return
    if segments.get("id") in known.ours:
        case.path_parameters = dict(segments, id=_other(known.principals))
    if segments.get("id") in known.kept_custodians and case.path.startswith("/v1/admin/custodians/"):
        case.path_parameters = dict(segments, id=_other(known.custodians, known.kept_custodians))
    if segments.get("name") in known.kept and case.path.endswith(TO_THE_VERSION):
        case.path_parameters = dict(segments, name=_other(known.deks, known.kept))
    if segments.get("kek") == known.kept_kek and case.path.endswith(TO_THE_KEK):
        case.path_parameters = dict(segments, kek=_other(known.keks, (known.kept_kek,)))


def _other(things, but=()):
    """One that may be harmed; a name of nothing if none is left."""
    return next((name for name in sorted(things) if name not in but), "00000000-0000-4000-8000-000000000000")
