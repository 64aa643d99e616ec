"""The tool_search tool: finds tools of MCP servers by words, so that not all need be listed.

Guards that what is found can be called from the next reply on.
"""

import re
from typing import Annotated

from msgspec import Meta

from kodo.core.messages import Text
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.mcp.hub import Hub

MOST_FOUND = 8


class ToolSearchArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    query: Annotated[str, Meta(description="Words of what the tool should do; empty lists names.")]


class ToolSearch:
    """Implements `kodo.core.tool.Tool`."""

    name = "tool_search"
    description = "Find tools of the connected MCP servers; those found can be called afterwards."
    parameters = schema_text(ToolSearchArguments)
    effect: Effect = "read"
    timeout_s: float = 120

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the best tools with their schemas. Raises ToolError for wrong arguments."""
        query = decode(ToolSearchArguments, arguments, self.name).query
        await self.hub.settle()
        tools = self.hub.tools
        lines = [
            f"(the server {seat.name!r} is not there: {seat.failure})"
            for seat in self.hub.seats.values()
            if seat.failure
        ]
        words = set(re.findall(r"[a-z0-9]+", query.lower()))
        if not words:
            lines += sorted(tools)
            return ToolOutput((Text("\n".join(lines) or "there are no tools"),))
        ranked: list[tuple[int, str]] = []
        for name, tool in tools.items():
            title = set(re.findall(r"[a-z0-9]+", name.lower()))
            text = set(re.findall(r"[a-z0-9]+", tool.description.lower()))
            if score := 3 * len(words & title) + len(words & text):
                ranked.append((-score, name))
        names = [name for _, name in sorted(ranked)[:MOST_FOUND]]
        self.hub.show(names)
        for name in names:
            lines.append(f"{name}: {tools[name].description}\n  {tools[name].parameters}")
        if not names:
            lines.append(f"no tool fits {query!r}; an empty query lists the names")
        return ToolOutput((Text("\n".join(lines)),))
