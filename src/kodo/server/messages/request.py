"""The body of a Messages request (Anthropic's API), and the prompt it makes.

Its blocks become the items of a Responses request, so that one file guards what a conversation may
look like. Fields nobody here needs are ignored.
"""

from collections.abc import Iterator

import msgspec

from kodo.core.model import ModelInfo, Prompt
from kodo.server.gateway.choice import WireChoice
from kodo.server.gateway.images import Images
from kodo.server.gateway.toolbox import Toolbox, WireTool
from kodo.server.problem import bad_request
from kodo.server.responses.asking import Asked, make_prompt
from kodo.server.responses.items import Conversation, ItemReader
from kodo.server.responses.request import WireItem, WirePiece


class Source(msgspec.Struct, frozen=True):
    """Where an image is."""

    type: str = "base64"
    media_type: str = ""
    data: str = ""


class Block(msgspec.Struct, frozen=True):
    """A block of content, whichever type it has."""

    type: str = "text"
    text: str = ""
    source: Source | None = None
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    tool_use_id: str = ""
    content: "str | tuple[Block, ...] | None" = None
    thinking: str = ""
    signature: str = ""


class WireMessage(msgspec.Struct, frozen=True):
    """A message."""

    role: str
    content: str | tuple[Block, ...]


class MessagesTool(msgspec.Struct, frozen=True):
    """A tool; those with a `type` of their own run at the vendor and are left out."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class ToolChoice(msgspec.Struct, frozen=True):
    """Which tools may be called."""

    type: str = "auto"
    name: str = ""


class MessagesRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/messages."""

    model: str = ""
    messages: tuple[WireMessage, ...] = ()
    system: str | tuple[Block, ...] | None = None
    max_tokens: int | None = None
    tools: tuple[MessagesTool, ...] | None = None
    tool_choice: ToolChoice | None = None
    stop_sequences: tuple[str, ...] | None = None
    temperature: float | None = None
    stream: bool | None = None


MESSAGES_REQUEST = msgspec.json.Decoder(MessagesRequest)


def messages_prompt(
    request: MessagesRequest, info: ModelInfo, images: Images
) -> tuple[Prompt, Toolbox]:
    """Return the prompt of a request and the tools it offers. Raises RequestError."""
    if not request.messages:
        raise bad_request("`messages` is empty", param="messages")
    items = [item for message in request.messages for item in _items(message)]
    said = ItemReader(Conversation(), info, images).read(items)
    tools = [
        WireTool("function", tool.name, tool.description, tool.input_schema)
        for tool in request.tools or ()
        if tool.type in (None, "custom")
    ]
    toolbox = Toolbox(tools, info)
    system = request.system
    if isinstance(system, tuple):
        system = "\n\n".join(block.text for block in system)
    asked = Asked(
        instructions=system,
        output_tokens=request.max_tokens,
        temperature=request.temperature,
        seed=None,
        stop=request.stop_sequences,
        form=None,
        cache_key="",
        tool_choice=_choice(request.tool_choice),
    )
    return make_prompt(asked, said, toolbox, info), toolbox


def _choice(choice: ToolChoice | None) -> str | WireChoice | None:
    match choice.type if choice else "auto":
        case "any":
            return "required"
        case "tool":
            return WireChoice(name=choice.name if choice else "")
        case other:
            return other


def _items(message: WireMessage) -> Iterator[WireItem]:
    if isinstance(message.content, str):
        yield WireItem(role=message.role, content=message.content)
        return
    pieces: list[WirePiece] = []
    for block in message.content:
        match block.type:
            case "tool_result":
                yield WireItem(
                    "function_call_output", call_id=block.tool_use_id, output=_output(block)
                )
            case "tool_use":
                yield from _message(message.role, pieces)
                yield WireItem(
                    "function_call", call_id=block.id, name=block.name, arguments=block.input
                )
            case "thinking" | "redacted_thinking":
                summary = (WirePiece("summary_text", text=block.thinking),)
                yield WireItem(
                    "reasoning", summary=summary, encrypted_content=block.signature or None
                )
            case "text" | "image":
                pieces.append(_piece(block))
            case _:
                pass  # what tools at the vendor left behind
    yield from _message(message.role, pieces)


def _message(role: str, pieces: list[WirePiece]) -> Iterator[WireItem]:
    if pieces:
        yield WireItem(role=role, content=tuple(pieces))
        pieces.clear()


def _piece(block: Block) -> WirePiece:
    if block.type != "image":
        return WirePiece(text=block.text)
    source = block.source or Source()
    if source.type != "base64":
        raise bad_request(
            f"an image's source is base64 here, not {source.type!r}: this server fetches nothing",
            param="messages",
        )
    return WirePiece("input_image", image_url=f"data:{source.media_type};base64,{source.data}")


def _output(block: Block) -> str | tuple[WirePiece, ...]:
    if isinstance(block.content, tuple):
        return tuple(_piece(one) for one in block.content if one.type in ("text", "image"))
    return block.content or ""
