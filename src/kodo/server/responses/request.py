"""The body of a Responses request, as it is on the wire. Fields nobody here needs are ignored.

Knows shapes and no models. Guards that a body of the wrong shape is refused with the field's name.
"""

import re
from typing import TypeVar

import msgspec

from kodo.server.gateway.choice import WireChoice
from kodo.server.gateway.toolbox import WireTool
from kodo.server.problem import bad_request

T = TypeVar("T")
LOGPROBS = "message.output_text.logprobs"


class WirePiece(msgspec.Struct, frozen=True):
    """A piece of content: text, an image, a refusal."""

    type: str = "input_text"
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None


class WireItem(msgspec.Struct, frozen=True):
    """An input item, whichever type it has; a message may leave its type out."""

    type: str = "message"
    role: str = ""
    content: str | tuple[WirePiece, ...] | None = None
    call_id: str | None = None
    id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    input: str | None = None
    output: str | tuple[WirePiece, ...] | None = None
    summary: tuple[WirePiece, ...] = ()
    encrypted_content: str | None = None
    tools: tuple[WireTool, ...] = ()


class TextFormat(msgspec.Struct, frozen=True):
    """The form that the answer must have."""

    type: str = "text"
    schema: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class TextSettings(msgspec.Struct, frozen=True):
    """`text` of a request."""

    format: TextFormat | None = None
    verbosity: str | None = None


class CacheOptions(msgspec.Struct, frozen=True):
    """`prompt_cache_options`: `prewarm` asks for a prefill and nothing else."""

    prewarm: bool = False


class ResponseRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/responses, and of `response.create` over a WebSocket."""

    model: str = ""
    input: str | tuple[WireItem, ...] = ()
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: tuple[WireTool, ...] | None = None
    tool_choice: str | WireChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextSettings | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: str | tuple[str, ...] | None = None
    stream: bool | None = None
    store: bool | None = None
    generate: bool | None = None
    background: bool | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    top_logprobs: int | None = None
    include: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    stream_id: str | None = None

    @property
    def logprobs(self) -> int | None:
        """How many others of each token are to be told of; None where nothing is to be told."""
        if LOGPROBS in (self.include or ()):
            return self.top_logprobs or 0
        return self.top_logprobs or None

    @property
    def only_warms(self) -> bool:
        """Whether the prompt is to be read and nothing to be said."""
        options = self.prompt_cache_options
        return self.generate is False or (options is not None and options.prewarm)

    @property
    def compacts(self) -> bool:
        """Whether the conversation is to be folded into one item, and nothing to be said."""
        return not isinstance(self.input, str) and any(
            item.type == "compaction_trigger" for item in self.input
        )


def read_body(data: bytes | str, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the request in `data`. Raises RequestError (400) naming the field that is wrong."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        text = str(error)
        found = re.search(r"`\$\.?(.*)`$", text)
        raise bad_request(text, code="invalid_type", param=found[1] if found else None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"the body is not valid JSON: {error}", code="invalid_json") from error


RESPONSE_REQUEST = msgspec.json.Decoder(ResponseRequest)
