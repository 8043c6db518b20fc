"""An MCP client that believes no tool that its server did not have signed, checked offline with pinned keys.

    python3 examples/mcp_client.py --keys signing-keys.json --server weather -- COMMAND OF THE SERVER

It lists the tools, all pages of them, says of each whether it is as it was signed, and calls one only if all are. Exit
code 3 says that something is not. Any MCP server will do as COMMAND; `mcp_server.py` is one that signs. Python 3.10 or
newer with the official SDK (`mcp` 2.3), `cryptography` and `rfc8785`; `signed_tools.py` lies beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Optional

import anyio
from mcp import Client, StdioServerParameters, types
from pydantic import BaseModel, Field

from signed_tools import META, PinnedKeys, Verdict, verify

NOT_AS_SIGNED = 3
# A server whose pages never end is not waited for.
MOST_PAGES = 100


class Refused(Exception):
    """The tools are not those that the server had signed."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.error)
        self.verdict = verdict


class Page(BaseModel):
    """A `tools/list` result as it came: the SDK's own model leaves out members that it does not know."""

    tools: list[dict[str, Any]]
    next_cursor: Optional[str] = Field(None, alias="nextCursor")
    meta: dict[str, Any] = Field({}, alias="_meta")


class VerifiedClient:
    """An MCP client around the SDK's, for one server: what it lists and calls was signed for that server."""

    def __init__(self, client: Client, pinned: PinnedKeys, server: str) -> None:
        self._client, self._pinned, self._server = client, pinned, server

    async def list_tools(self) -> list[types.Tool]:
        """The tools, all of them verified; show these to a model and no others."""
        tools, meta = await self._all_pages()
        verdict = verify(tools, meta, self._pinned, self._server)
        if not verdict.valid:
            raise Refused(verdict)
        return [types.Tool.model_validate(tool) for tool in tools]

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Calls a tool, after another look at the list: a server may change its tools at any time."""
        if name not in [tool.name for tool in await self.list_tools()]:
            raise ValueError(f"the server has no tool `{name}`")
        return await self._client.call_tool(name, arguments)

    async def _all_pages(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The whole list and what came with it: each page has to carry the same manifest."""
        tools: list[dict[str, Any]] = []
        cursor, first = None, None
        for _ in range(MOST_PAGES):
            page = await self._page(cursor)
            tools += page.tools
            first = first or page
            if page.meta.get(META) != first.meta.get(META):
                raise Refused(Verdict("ManifestsDiffer"))
            cursor = page.next_cursor
            if cursor is None:
                return tools, first.meta
        raise ValueError(f"the list of tools has more than {MOST_PAGES} pages")

    async def _page(self, cursor: Optional[str]) -> Page:
        request = types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))
        return await self._client.session.send_request(request, Page)


async def use(arguments: argparse.Namespace) -> int:
    pinned = PinnedKeys.read(arguments.keys)
    command = StdioServerParameters(command=arguments.command[0], args=arguments.command[1:])
    async with Client(command, mode=arguments.mode) as client:
        verified = VerifiedClient(client, pinned, arguments.server)
        try:
            await list_and_call(verified, arguments)
            return 0
        except Refused as refused:
            show(refused.verdict)
            return NOT_AS_SIGNED


async def list_and_call(verified: VerifiedClient, arguments: argparse.Namespace) -> None:
    for tool in await verified.list_tools():
        print(f"verified\t{tool.name}")
    if arguments.call:
        result = await verified.call_tool(arguments.call, json.loads(arguments.arguments))
        print("\n".join(part.text for part in result.content if isinstance(part, types.TextContent)))


def show(verdict: Verdict) -> None:
    """Says what is wrong, tool by tool."""
    print(f"refused\t{verdict.error}")
    for word in ["changed", "missing", "added"]:
        for name in getattr(verdict, word):
            print(f"{word}\t{name}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Lists the tools of an MCP server if they are as they were signed.")
    parser.add_argument("--keys", required=True, metavar="FILE", help="what /v1/signing-keys answered: the pinned keys")
    parser.add_argument("--server", required=True, metavar="NAME", help="whose tools they must be")
    parser.add_argument("--call", metavar="TOOL", help="call this tool, if all are verified")
    parser.add_argument("--arguments", default="{}", metavar="JSON", help="what to call it with (%(default)s)")
    parser.add_argument("--mode", default="auto", help="the version of the protocol, as the SDK takes it (%(default)s)")
    parser.add_argument("command", nargs="+", help="the command that starts the server")
    arguments = parser.parse_args()
    try:
        return anyio.run(use, arguments)
    except Exception as error:
        sys.exit(f"mcp_client: {_first(error)}")


def _first(error: Any) -> Any:
    """The first of errors that came together."""
    return _first(error.exceptions[0]) if hasattr(error, "exceptions") else error


if __name__ == "__main__":
    sys.exit(main())
