"""A server's tool as a tool of kodo: `mcp__server__tool`.

Guards that what the server says is fenced and never an instruction, that pictures become blobs, and
that a description which has changed since it was accepted is asked about before it is used.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from kodo.base.errors import ToolError
from kodo.base.hashing import sha256_hex
from kodo.base.text import fenced, repair_surrogates
from kodo.core.events import ToolProgress
from kodo.core.messages import Image, Text, UserPart
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.mcp.client import KnownTool, without_hidden
from kodo.tools.mcp.peer import OnProgress
from kodo.tools.mcp.wire import CallResult
from kodo.tools.shell import cut_and_keep

MAX_IMAGE_BYTES = 8 << 20
MAX_NAME = 64
Call = Callable[[str, dict[str, Any], OnProgress], Awaitable[CallResult]]
Accept = Callable[[KnownTool], Awaitable[None]]
"""Keeps a description as accepted."""


def tool_name(server: str, tool: str) -> str:
    """Return the name that the model calls a tool by: letters, digits, - and _, at most 64."""
    name = f"mcp__{server}__{re.sub(r'[^A-Za-z0-9_-]', '_', tool)}"
    return (
        name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9]}_{sha256_hex(name.encode())[:8]}"
    )


class RemoteTool:
    """Implements `kodo.core.tool.Tool`. `doubt` says why it is to be asked about first."""

    def __init__(
        self,
        server: str,
        known: KnownTool,
        effect: Effect,
        timeout_s: float,
        call: Call,
        doubt: str,
        accept: Accept,
    ) -> None:
        self.name = tool_name(server, known.name)
        self.description = f"(MCP server {server!r}, described by it) {known.description}"
        self.parameters = known.parameters
        self.effect: Effect = effect
        self.timeout_s = timeout_s + 5
        self.doubt = doubt
        self._known = known
        self._call = call
        self._accept = accept

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Call the server. Raises ToolError with its words."""
        if self.doubt:
            if not await context.ask(f"{self.name}: {self.doubt}\n{self._known.description}"):
                raise ToolError(f"{self.name}: {self.doubt}; to accept it: kodo mcp test --accept")
            await self._accept(self._known)
            self.doubt = ""
        try:
            sent = msgspec.json.decode(arguments or b"{}", type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ToolError(f"{self.name}: the arguments are not a JSON object") from error

        async def on_progress(text: str) -> None:
            await context.emit(ToolProgress(context.call_id, f"{text}\n"))

        result = await self._call(self._known.name, sent, on_progress)
        return await self._shown(result, context)

    async def _shown(self, result: CallResult, context: ToolContext) -> ToolOutput:
        texts: list[str] = []
        images: list[UserPart] = []
        for piece in result.content:
            if piece.type == "image":
                images.append(await _image(piece.data, piece.mime_type, context))
            elif piece.type == "text":
                texts.append(piece.text)
            elif piece.resource is not None:
                texts.append(f"{piece.resource.uri}\n{piece.resource.text}")
            else:
                texts.append(f"({piece.type} {piece.uri or piece.mime_type}, not shown)")
        if result.structured_content and not texts:
            texts.append(bytes(result.structured_content).decode("utf-8", "replace"))
        whole = without_hidden(repair_surrogates("\n".join(texts))).encode()
        shown, kept, _ = await cut_and_keep(whole, context)
        parts = (Text(fenced(shown or "(no text)")), *images)
        return ToolOutput(parts, failed=result.is_error, kept=kept)


async def _image(data: str, media_type: str, context: ToolContext) -> UserPart:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return Text("(an image that is not base64)")
    if len(raw) > MAX_IMAGE_BYTES or not media_type.startswith("image/"):
        return Text(f"({media_type or 'something'} of {len(raw)} bytes, not shown)")
    return Image(media_type, await context.blobs.put(raw))
