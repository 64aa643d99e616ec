"""The messages of MCP (JSON-RPC 2.0) as far as this client reads and writes them.

Follows the specification of 2025-06-18. Fields of newer peers are ignored; what is malformed raises
msgspec.DecodeError.
"""

from typing import Any

import msgspec

VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
"""Protocol versions this client speaks, the preferred one first."""

METHOD_NOT_FOUND = -32601


class Fault(msgspec.Struct):
    """Why a request failed."""

    code: int = 0
    message: str = ""


class Incoming(msgspec.Struct):
    """A message of the server: a request (id, method), a notification, or an answer (id)."""

    id: int | str | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Fault | None = None


class Outgoing(msgspec.Struct, omit_defaults=True):
    """A message of ours."""

    jsonrpc: str
    method: str = ""
    id: int | str | None = None
    params: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: Fault | None = None


class ServerInfo(msgspec.Struct):
    """Who the server says it is."""

    name: str = ""
    version: str = ""


class Initialized(msgspec.Struct, rename="camel"):
    """The answer to `initialize`."""

    protocol_version: str = ""
    capabilities: dict[str, Any] = {}
    server_info: ServerInfo = msgspec.field(default_factory=ServerInfo)


class ListedTool(msgspec.Struct, rename="camel"):
    """A tool as the server describes it."""

    name: str
    description: str = ""
    input_schema: dict[str, Any] = {}


class ToolPage(msgspec.Struct, rename="camel"):
    """A page of tools."""

    tools: list[ListedTool] = []
    next_cursor: str | None = None


class Item(msgspec.Struct, rename="camel"):
    """A resource or a prompt of a listing."""

    name: str = ""
    uri: str = ""
    description: str = ""


class ItemPage(msgspec.Struct, rename="camel"):
    """A page of resources or prompts."""

    resources: list[Item] = []
    prompts: list[Item] = []
    next_cursor: str | None = None


class Embedded(msgspec.Struct, rename="camel"):
    """A resource with its content."""

    uri: str = ""
    text: str = ""
    mime_type: str = ""


class Content(msgspec.Struct, rename="camel"):
    """A piece of a result: text, image (base64), audio, resource or resource_link."""

    type: str
    text: str = ""
    data: str = ""
    mime_type: str = ""
    uri: str = ""
    resource: Embedded | None = None


class CallResult(msgspec.Struct, rename="camel"):
    """What a call of a tool came to."""

    content: list[Content] = []
    structured_content: msgspec.Raw = msgspec.Raw(b"")
    is_error: bool = False


class ReadResult(msgspec.Struct):
    """The contents of a resource."""

    contents: list[Embedded] = []


class Progress(msgspec.Struct, rename="camel"):
    """How far a request has come."""

    progress_token: int | str = ""
    progress: float = 0
    total: float | None = None
    message: str = ""
