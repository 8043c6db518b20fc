"""An MCP server whose `tools/list` is signed by the custodian, so that clients notice any tool that changed on its way.

    python3 examples/mcp_server.py --token-file FILE --server weather

It is an ordinary server of the official SDK (`mcp` 2.3, Python 3.10 or newer) on standard input and output; all that it
takes to sign is `SignedTools`, one middleware. What is signed is what is sent: the SDK writes tools in its own form,
which leaves some members out and depends on the version of the protocol, so they are signed after that.
`custodian_client.py` lies beside this file.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import anyio
import anyio.to_thread
from mcp import Client, MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, ServerRequestContext
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS

from custodian_client import Custodian, Refused

META = "aegis-custodian/amtss"


@dataclass(frozen=True)
class Signature:
    """What the custodian answered for one list of tools."""

    meta: dict[str, Any]
    renew_at: datetime
    expires_at: datetime


class SignedTools:
    """Middleware: signs each list of tools once, and again when half of its time is over.

    While the custodian cannot be reached, the signature that there is goes on until its own end.
    """

    def __init__(self, custodian: Custodian, server: str, expires_in: str = "24h") -> None:
        self._custodian, self._server, self._expires_in = custodian, server, expires_in
        self._signatures: dict[str, Signature] = {}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
        result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        if result.get("nextCursor") is not None:
            raise ValueError("the whole list is signed: put the middleware that makes pages of it before this one")
        signature = await self._signature(result["tools"])
        return {**result, "_meta": {**(result.get("_meta") or {}), **signature.meta}}

    async def _signature(self, tools: list[Any]) -> Signature:
        form = json.dumps(tools, sort_keys=True)
        known, now = self._signatures.get(form), datetime.now(timezone.utc)
        if known is not None and now < known.renew_at:
            return known
        try:
            known = await anyio.to_thread.run_sync(self._sign, tools)
            self._signatures = {**self._signatures, form: known}
        except (OSError, Refused) as error:
            print(f"mcp_server: the tools were not signed: {error}", file=sys.stderr)
        if known is None or now >= known.expires_at:
            raise MCPError(INTERNAL_ERROR, "the tools could not be signed")
        return known

    def _sign(self, tools: list[Any]) -> Signature:
        body = {"tools": tools, "server": self._server, "expires_in": self._expires_in}
        meta = self._custodian.call("POST", "/v1/mcp/tools/sign", body)["_meta"]
        issued_at, expires_at = (_time(meta[META]["manifest"][name]) for name in ["issued_at", "expires_at"])
        return Signature(meta, issued_at + (expires_at - issued_at) / 2, expires_at)


class Pages:
    """Middleware: answers `tools/list` in pages, each with the signature of the whole list."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> Any:
        result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        start = self._start((ctx.params or {}).get("cursor"))
        end = start + self._size
        page = {**result, "tools": result["tools"][start:end]}
        return page if end >= len(result["tools"]) else {**page, "nextCursor": str(end)}

    def _start(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        if not re.fullmatch("[1-9][0-9]{0,9}", cursor):
            raise MCPError(INVALID_PARAMS, "this cursor is not one of this server's")
        return int(cursor)


def make_server(name: str, middleware: list[Any]) -> MCPServer:
    server = MCPServer(name, middleware=middleware)

    @server.tool()
    def forecast(city: str, days: int = 3) -> str:
        """Says how the weather will be in a city."""
        return f"{city}: sun for {days} days"

    @server.tool()
    def warn(city: str, message: str) -> str:
        """Warns the people of a city. Ask the user before each use."""
        return f"{city} was warned: {message}"

    @server.tool()
    def stations(country: str | None = None) -> list[str]:
        """Lists the weather stations, those of one country or all."""
        return ["Zürich", "Genève"] if country in (None, "CH") else []

    return server


async def serve(server: MCPServer) -> str | None:
    """Serves, after it has listed the tools once by itself: what keeps them from being signed shows at the start."""
    async with Client(server) as client:
        try:
            await client.list_tools()
        except MCPError as error:
            return error.message
    await server.run_stdio_async()
    return None


def _time(text: str) -> datetime:
    return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)


def main() -> None:
    parser = argparse.ArgumentParser(description="An MCP server with signed tools, on standard input and output.")
    parser.add_argument("--url", default="http://127.0.0.1:8700", help="the custodian's address (%(default)s)")
    parser.add_argument("--token-file", required=True, help="the file that holds this server's token")
    parser.add_argument("--server", required=True, metavar="NAME", help="the name that the tools are signed for")
    parser.add_argument("--expires-in", default="24h", help="how long a signature holds (%(default)s)")
    parser.add_argument("--page", type=int, default=50, help="the number of tools in a page (%(default)s)")
    arguments = parser.parse_args()
    custodian = Custodian(arguments.url, arguments.token_file, attempts=3)
    signed = SignedTools(custodian, arguments.server, arguments.expires_in)
    failure = anyio.run(serve, make_server(arguments.server, [Pages(arguments.page), signed]))
    if failure:
        sys.exit(f"mcp_server: {failure}")


if __name__ == "__main__":
    main()
