"""The bodies of Ollama's /api/chat and /api/generate, and the prompts they make.

Messages become the items of a Responses request, so that one file guards what a conversation may
look like. Ollama has no call ids: results answer the open calls in their order. Fields nobody here
needs (`keep_alive`, most `options`) are ignored.
"""

from collections.abc import Iterator

import msgspec

from kodo.core.model import ModelInfo, Prompt
from kodo.server.gateway.images import Images
from kodo.server.gateway.toolbox import Toolbox, WireTool
from kodo.server.problem import bad_request
from kodo.server.responses.asking import Asked, FormatWish, make_prompt
from kodo.server.responses.items import Conversation, ItemReader
from kodo.server.responses.request import WireItem, WirePiece


class OllamaFunction(msgspec.Struct, frozen=True):
    """What is called, and with what: `arguments` is an object, not text."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


class OllamaCall(msgspec.Struct, frozen=True):
    """A call of an assistant."""

    function: OllamaFunction = msgspec.field(default_factory=OllamaFunction)


class OllamaMessage(msgspec.Struct, frozen=True):
    """A message, whichever role it has; `images` are base64 without a media type."""

    role: str
    content: str = ""
    images: tuple[str, ...] | None = None
    tool_calls: tuple[OllamaCall, ...] | None = None


class Options(msgspec.Struct, frozen=True):
    """How to draw."""

    temperature: float | None = None
    seed: int | None = None
    num_predict: int | None = None
    stop: str | tuple[str, ...] | None = None


class OllamaChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/chat. A stream is the default."""

    model: str = ""
    messages: tuple[OllamaMessage, ...] = ()
    tools: tuple[WireTool, ...] | None = None
    format: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    options: Options | None = None
    stream: bool | None = None


class GenerateRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/generate: one prompt; a `suffix` asks for what is between."""

    model: str = ""
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    images: tuple[str, ...] | None = None
    format: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    options: Options | None = None
    stream: bool | None = None


CHAT_REQUEST = msgspec.json.Decoder(OllamaChatRequest)
GENERATE_REQUEST = msgspec.json.Decoder(GenerateRequest)


def output_tokens(options: Options | None) -> int | None:
    """Return the most tokens of an answer; None is the model's own limit (Ollama says -1)."""
    wanted = options.num_predict if options else None
    return wanted if wanted is None or wanted > 0 else None


def chat_prompt(
    request: OllamaChatRequest, info: ModelInfo, images: Images
) -> tuple[Prompt, Toolbox]:
    """Return the prompt of a chat and the tools it offers. Raises RequestError."""
    said = ItemReader(Conversation(), info, images).read(_items(request.messages))
    toolbox = Toolbox(request.tools or (), info)
    return make_prompt(_asked(request.options, request.format), said, toolbox, info), toolbox


def generate_prompt(request: GenerateRequest, info: ModelInfo, images: Images) -> Prompt:
    """Return the prompt of one text. Raises RequestError."""
    message = OllamaMessage("user", request.prompt, request.images)
    said = ItemReader(Conversation(), info, images).read(_items((message,)))
    asked = _asked(request.options, request.format, request.system or None)
    return make_prompt(asked, said, Toolbox((), info), info)


def _asked(options: Options | None, form: msgspec.Raw, instructions: str | None = None) -> Asked:
    return Asked(
        instructions=instructions,
        output_tokens=output_tokens(options),
        temperature=options.temperature if options else None,
        seed=options.seed if options else None,
        stop=options.stop if options else None,
        form=_form(form),
        cache_key="",
    )


def _form(form: msgspec.Raw) -> FormatWish | None:
    text = bytes(form)
    if text in (b"", b"null", b'""'):
        return None
    if text == b'"json"':
        return FormatWish("json_object")
    if text.startswith(b"{"):
        return FormatWish("json_schema", form)
    raise bad_request(f"`format` is 'json' or a JSON Schema, not {text[:40]!r}", param="format")


def _items(messages: tuple[OllamaMessage, ...]) -> Iterator[WireItem]:
    """Yield the items of messages; calls are numbered, results take the numbers in turn."""
    calls = results = 0
    for message in messages:
        if message.role == "tool":
            results += 1
            yield WireItem(
                "function_call_output", call_id=f"call_{results}", output=message.content
            )
            continue
        pieces = [WirePiece(text=message.content)] if message.content else []
        pieces += [
            WirePiece("input_image", image_url=f"data:{media_type(image)};base64,{image}")
            for image in message.images or ()
        ]
        if pieces or message.role != "assistant":
            yield WireItem(role=message.role, content=tuple(pieces))
        for call in message.tool_calls or ():
            calls += 1
            yield WireItem(
                "function_call",
                call_id=f"call_{calls}",
                name=call.function.name,
                arguments=call.function.arguments,
            )


def media_type(image: str) -> str:
    """Return the media type of an image in base64, by how it begins."""
    for start, kind in (("/9j/", "jpeg"), ("R0lG", "gif"), ("UklG", "webp")):
        if image.startswith(start):
            return f"image/{kind}"
    return "image/png"
