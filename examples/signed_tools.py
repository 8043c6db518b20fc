"""Checks the tools of an MCP server by the signed manifest that came with them (AMTSS): no network, no service.

    pinned = PinnedKeys.read("signing-keys.json")   # what `/v1/signing-keys` answered, from where you trust
    verdict = verify(result["tools"], result["_meta"], pinned, server="weather")
    if not verdict.valid: ...

The verdict has the words of `custodian verify tools`. What is compared are canonical forms (RFC 8785 after Unicode NFC),
so the order of tools and keys is of no account, and whatever else a tool says is. Check what came over the wire, before
a library makes objects of it: what a library leaves out was signed too. Python 3.9 or newer with `cryptography` and
`rfc8785`; made to be copied.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Iterator, Optional

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

META = "aegis-custodian/amtss"
DOMAIN = b"aegis-custodian/amtss/v1\0"
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
# How much earlier than its issue a manifest may be looked at: clocks differ.
TOLERATED = timedelta(minutes=5)


class Fault(Exception):
    """Why a list is not what its server had signed, in one word."""


@dataclass(frozen=True)
class Verdict:
    """What was found. Of the names, `verified` are the tools that are as they were signed."""

    error: Optional[str]
    verified: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    server: Optional[str] = None
    expires_at: Optional[datetime] = None

    @property
    def valid(self) -> bool:
        return self.error is None


class PinnedKeys:
    """The keys that a verifier trusts: the JSON of `/v1/signing-keys`."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = {item["key_id"]: item for item in items if item["algorithm"] == "ed25519"}
        for key_id, item in self._items.items():
            if key_id != _key_id(base64.b64decode(item["public_key"], validate=True)):
                raise ValueError("a key_id is not that of its public_key: take the answer of /v1/signing-keys as it is")
            if item["state"] not in ("active", "retired", "revoked"):
                raise ValueError("the state of a key is active, retired or revoked: a later service's need its verifier")

    @classmethod
    def read(cls, path: str) -> PinnedKeys:
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file)["items"])

    def check(self, key_id: str, signature: bytes, message: bytes) -> None:
        item = self._items.get(key_id)
        if item is None:
            raise Fault("ManifestKeyUnknown")
        if item["state"] == "revoked":
            raise Fault("ManifestKeyRevoked")
        if item["purpose"] != "schema":
            raise Fault("ManifestKeyPurpose")
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(item["public_key"])).verify(signature, message)
        except InvalidSignature:
            raise Fault("ManifestSignatureInvalid") from None


@dataclass(frozen=True)
class _Manifest:
    server: str
    issued_at: datetime
    expires_at: datetime
    tools: dict[str, str]

    def check(self, server: Optional[str], at: datetime) -> None:
        if at < self.issued_at - TOLERATED:
            raise Fault("ManifestNotYetValid")
        if at >= self.expires_at:
            raise Fault("ManifestExpired")
        if server is not None and _nfc(server) != self.server:
            raise Fault("ManifestServerMismatch")


def verify(
    tools: Any, meta: Any, pinned: PinnedKeys, server: Optional[str] = None, at: Optional[datetime] = None
) -> Verdict:
    """Judges a whole list, all of its pages, by the `_meta` that came with it; `server` is whose tools they must be."""
    try:
        manifest = _read(meta, pinned)
    except Fault as fault:
        return Verdict(str(fault))
    names = _compare(tools, manifest.tools)
    try:
        manifest.check(server, at or datetime.now(timezone.utc))
        _check(tools, names)
        error = None
    except Fault as fault:
        error = str(fault)
    return Verdict(error, **names, server=manifest.server, expires_at=manifest.expires_at)


def digest(tool: Any) -> Optional[str]:
    """SHA-256 over the canonical form in hex; `None` for a tool that has no such form, so that nobody signed it."""
    try:
        return hashlib.sha256(_canonical(tool)).hexdigest()
    except (ValueError, RecursionError):
        return None


def _read(meta: Any, pinned: PinnedKeys) -> _Manifest:
    """The manifest, once it is known who signed it."""
    if meta is None or (isinstance(meta, dict) and meta.get(META) is None):
        raise Fault("ManifestMissing")
    amtss = meta[META] if isinstance(meta, dict) else meta
    alg, key_id, manifest, signature = _just(amtss, ["alg", "keyid", "manifest", "signature"])
    if not all(isinstance(text, str) for text in [alg, key_id, signature]):
        raise Fault("ManifestShapeInvalid")
    said = _said(manifest)
    if alg != "ed25519":
        raise Fault("ManifestAlgorithmUnknown")
    pinned.check(key_id, _signature(signature), DOMAIN + _signed_form(manifest))
    return said


def _said(manifest: Any) -> _Manifest:
    names = ["expires_at", "issued_at", "server", "tools", "version"]
    expires_at, issued_at, server, tools, version = _just(manifest, names)
    if not isinstance(server, str) or not isinstance(tools, dict) or isinstance(version, bool) or version != 1:
        raise Fault("ManifestShapeInvalid")
    if not all(isinstance(one, str) and re.fullmatch("[0-9a-f]{64}", one) for one in tools.values()):
        raise Fault("ManifestShapeInvalid")
    said = _Manifest(server, _time(issued_at), _time(expires_at), tools)
    if said.issued_at >= said.expires_at:
        raise Fault("ManifestShapeInvalid")
    return said


def _just(value: Any, names: list[str]) -> Iterator[Any]:
    """The values of an object that has just these members."""
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise Fault("ManifestShapeInvalid")
    return iter([value[name] for name in names])


def _time(text: Any) -> datetime:
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    try:
        seconds = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S") if found else None
    except ValueError:
        seconds = None
    if found is None or seconds is None:
        raise Fault("ManifestShapeInvalid")
    microseconds = int((found[2] or "0").ljust(6, "0")[:6])
    return seconds.replace(microsecond=microseconds, tzinfo=timezone.utc)


def _signature(text: str) -> bytes:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    return signature if base64.b64encode(signature).decode() == text else b""


def _signed_form(manifest: Any) -> bytes:
    try:
        return _canonical(manifest)
    except ValueError:
        raise Fault("ManifestShapeInvalid") from None


def _compare(tools: Any, signed: dict[str, str]) -> dict[str, list[str]]:
    """Names of tools beside those that were signed; none, if they are no list of tools."""
    if not _are_tools(tools):
        return {}
    found: dict[str, Optional[str]] = {}
    for tool in tools:
        # Of two tools of one name neither is the signed one.
        found[_name(tool)] = None if _name(tool) in found else digest(tool)
    both = sorted(set(found) & set(signed))
    return {
        "verified": [name for name in both if found[name] == signed[name]],
        "changed": [name for name in both if found[name] != signed[name]],
        "missing": sorted(set(signed) - set(found)),
        "added": sorted(set(found) - set(signed)),
    }


def _check(tools: Any, names: dict[str, list[str]]) -> None:
    if not _are_tools(tools):
        raise Fault("ToolsMalformed")
    if len(set(map(_name, tools))) < len(tools):
        raise Fault("ToolNameTwice")
    if names["changed"] or names["missing"] or names["added"]:
        raise Fault("ToolsDiffer")


def _are_tools(tools: Any) -> bool:
    return isinstance(tools, list) and all(_name(tool) for tool in tools)


def _name(tool: Any) -> str:
    """The name of a tool; an empty text, if it has none of 1 to 256 characters."""
    name = tool.get("name") if isinstance(tool, dict) else None
    name = _nfc(name) if isinstance(name, str) else ""
    return name if len(name) <= 256 else ""


def _canonical(value: Any) -> bytes:
    return rfc8785.dumps(_normal(value))


def _normal(value: Any) -> Any:
    """The value with all its texts in Unicode NFC, keys too."""
    if isinstance(value, str):
        return _nfc(value)
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, dict):
        normal = {_nfc(key): _normal(member) for key, member in value.items()}
        if len(normal) < len(value):
            raise ValueError("two keys of an object are the same after Unicode NFC")
        return normal
    if isinstance(value, float) and 2**53 <= abs(value) < 1e21:
        raise ValueError("its canonical form would be an integer that a double does not carry: the custodian signs none")
    return value


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _key_id(public_key: bytes) -> str:
    return "ed25519:" + hashlib.sha256(public_key).hexdigest()[:16]
