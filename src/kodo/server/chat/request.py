"""The body of a Chat Completions request, and the prompt it makes.

Its messages become the items of a Responses request, so that one file guards what a conversation
may look like. Fields nobody here needs are ignored.
"""

from collections.abc import Iterator

import msgspec

from kodo.core.model import ModelInfo, Prompt
from kodo.server.gateway.choice import WireChoice
from kodo.server.gateway.images import Images
from kodo.server.gateway.toolbox import Toolbox, WireTool
from kodo.server.problem import bad_request
from kodo.server.responses.asking import Asked, FormatWish, make_prompt
from kodo.server.responses.items import Conversation, ItemReader
from kodo.server.responses.request import WireItem, WirePiece


class ImageUrl(msgspec.Struct, frozen=True):
    """Where an image is."""

    url: str = ""


class ChatPiece(msgspec.Struct, frozen=True):
    """A piece of content."""

    type: str = "text"
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    """What is called, and with what: `arguments` of functions, `input` of custom tools."""

    name: str = ""
    arguments: str = ""
    input: str = ""


class ChatCall(msgspec.Struct, frozen=True):
    """A tool call of an assistant."""

    id: str = ""
    type: str = "function"
    function: CalledFunction = CalledFunction()
    custom: CalledFunction = CalledFunction()


class ChatMessage(msgspec.Struct, frozen=True):
    """A message, whichever role it has."""

    role: str
    content: str | tuple[ChatPiece, ...] | None = None
    tool_calls: tuple[ChatCall, ...] | None = None
    tool_call_id: str | None = None


class JsonSchema(msgspec.Struct, frozen=True):
    """A schema with a name."""

    schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class ResponseFormat(msgspec.Struct, frozen=True):
    """The form that the answer must have."""

    type: str = "text"
    json_schema: JsonSchema = msgspec.field(default_factory=JsonSchema)


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream holds besides the answer."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/chat/completions."""

    model: str = ""
    messages: tuple[ChatMessage, ...] = ()
    tools: tuple[WireTool, ...] | None = None
    tool_choice: str | WireChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: str | tuple[str, ...] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    prompt_cache_key: str | None = None


CHAT_REQUEST = msgspec.json.Decoder(ChatRequest)


def chat_prompt(request: ChatRequest, info: ModelInfo, images: Images) -> tuple[Prompt, Toolbox]:
    """Return the prompt of a request and the tools it offers. Raises RequestError."""
    if not request.messages:
        raise bad_request("`messages` is empty", param="messages")
    if request.n not in (None, 1):
        raise bad_request("`n` is 1 here: ask several times", param="n")
    if request.top_logprobs is not None and not request.logprobs:
        raise bad_request("`top_logprobs` needs `logprobs`: true", param="top_logprobs")
    items = [item for message in request.messages for item in _items(message)]
    said = ItemReader(Conversation(), info, images).read(items)
    toolbox = Toolbox(request.tools or (), info)
    wished = request.response_format
    asked = Asked(
        instructions=None,
        output_tokens=request.max_completion_tokens or request.max_tokens,
        temperature=request.temperature,
        seed=request.seed,
        stop=request.stop,
        form=FormatWish(wished.type, wished.json_schema.schema) if wished else None,
        cache_key=request.prompt_cache_key or "",
        tool_choice=request.tool_choice,
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
    )
    return make_prompt(asked, said, toolbox, info), toolbox


def _items(message: ChatMessage) -> Iterator[WireItem]:
    match message.role:
        case "tool":
            output = _text(message) if not isinstance(message.content, tuple) else _pieces(message)
            yield WireItem("function_call_output", call_id=message.tool_call_id, output=output)
        case "assistant":
            if message.content:
                yield WireItem(role="assistant", content=_pieces(message))
            for call in message.tool_calls or ():
                if call.type == "custom":
                    yield WireItem(
                        "custom_tool_call",
                        call_id=call.id,
                        name=call.custom.name,
                        input=call.custom.input,
                    )
                else:
                    yield WireItem(
                        "function_call",
                        call_id=call.id,
                        name=call.function.name,
                        arguments=msgspec.Raw(msgspec.json.encode(call.function.arguments or "{}")),
                    )
        case _:
            yield WireItem(role=message.role, content=_pieces(message))


def _text(message: ChatMessage) -> str:
    return message.content if isinstance(message.content, str) else ""


def _pieces(message: ChatMessage) -> tuple[WirePiece, ...]:
    if not isinstance(message.content, tuple):
        return (WirePiece(text=message.content or ""),)
    return tuple(
        WirePiece("input_image", image_url=piece.image_url.url)
        if piece.image_url is not None
        else WirePiece(piece.type, text=piece.text, refusal=piece.refusal)
        for piece in message.content
    )
