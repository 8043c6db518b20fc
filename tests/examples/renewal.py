"""`SignedTools` of `examples/mcp_server.py` against a custodian that stands in: when it signs again, and what it does
while that fails. Ends without a word if all is well.
"""

import pathlib
import sys
import types
from datetime import datetime, timedelta, timezone

import anyio

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples"))
from mcp import MCPError  # noqa: E402
from mcp_server import META, SignedTools  # noqa: E402


class Custodian:
    """Signs for `seconds`, of which `gone` are over."""

    def __init__(self, seconds, gone):
        self.seconds, self.gone, self.calls, self.away = seconds, gone, [], False

    def call(self, method, path, body):
        if self.away:
            raise ConnectionRefusedError("nobody there")
        self.calls.append(body)
        issued_at = datetime.now(timezone.utc) - timedelta(seconds=self.gone)
        times = {"issued_at": issued_at, "expires_at": issued_at + timedelta(seconds=self.seconds)}
        manifest = {name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in times.items()}
        return {"_meta": {META: {"manifest": manifest, "number": len(self.calls)}}}


def ask(signed, tools, **more):
    """The middleware's answer to one `tools/list`."""
    async def call_next(ctx):
        return {"tools": tools, "_meta": {"other": 1}, **more}

    return anyio.run(signed, types.SimpleNamespace(method="tools/list"), call_next)


def number(result):
    return result["_meta"][META]["number"]


def fails(*arguments, **more):
    try:
        ask(*arguments, **more)
        return False
    except (MCPError, ValueError):
        return True


def main():
    tools, others = [{"name": "a"}], [{"name": "b"}]
    fresh = Custodian(seconds=100, gone=10)
    signed = SignedTools(fresh, "weather", "24h")
    assert [number(ask(signed, tools)) for _ in range(3)] == [1, 1, 1]
    assert ask(signed, tools)["_meta"]["other"] == 1
    assert number(ask(signed, others)) == 2
    assert fresh.calls[0] == {"tools": tools, "server": "weather", "expires_in": "24h"}
    fresh.away = True
    assert number(ask(signed, tools)) == 1
    assert fails(signed, [{"name": "c"}])
    assert fails(signed, tools, nextCursor="1")

    old = Custodian(seconds=100, gone=60)
    signed = SignedTools(old, "weather")
    assert [number(ask(signed, tools)) for _ in range(3)] == [1, 2, 3]
    old.away = True
    assert number(ask(signed, tools)) == 3
    old.away = False
    assert number(ask(signed, tools)) == 4

    gone = Custodian(seconds=100, gone=101)
    signed = SignedTools(gone, "weather")
    gone.away = True
    assert fails(signed, tools)
    gone.away = False
    assert fails(signed, tools)


main()
