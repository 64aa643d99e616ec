"""A reply as the Messages API has it: one object, or events.

Shapes and their order. Guards that one block is open at a time, and that tokens from the cache are
counted beside the input and not in it, as that API does.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from kodo.core.messages import Assistant, Delta, Part, Reasoning, Stop, Text, ToolCall, Usage
from kodo.server.gateway.spoken import Spoken
from kodo.server.problem import Problem

_ENCODER = msgspec.json.Encoder()
_REASONS: dict[Stop, str] = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "refusal": "refusal",
}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class MessagesUsage(msgspec.Struct):
    """Tokens of one answer."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class BlockOut(msgspec.Struct):
    """A block of content, or a piece of one."""

    type: str
    text: str | UnsetType = UNSET
    thinking: str | UnsetType = UNSET
    signature: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    input: msgspec.Raw | UnsetType = UNSET
    partial_json: str | UnsetType = UNSET


class MessageOut(msgspec.Struct):
    """A whole message, or the beginning of one."""

    id: str
    model: str
    content: list[BlockOut]
    usage: MessagesUsage
    type: str = "message"
    role: str = "assistant"
    stop_reason: str | None = None
    stop_sequence: str | None = None


class ErrorTold(msgspec.Struct, frozen=True):
    """What went wrong."""

    type: str
    message: str


class ErrorOut(msgspec.Struct, frozen=True):
    """An error in the shape of this API."""

    error: ErrorTold
    type: str = "error"


def messages_error(problem: Problem) -> ErrorOut:
    """Return an error body in the shape of this API."""
    kind = _KINDS.get(problem.status, "invalid_request_error")
    if problem.status >= 500 and problem.status != 503:
        kind = "api_error"
    return ErrorOut(ErrorTold(kind, problem.message))


def messages_usage(usage: Usage) -> MessagesUsage:
    """Return tokens as the API counts them."""
    return MessagesUsage(
        usage.input_tokens - usage.cached_tokens, usage.output_tokens, usage.cached_tokens
    )


def message(message_id: str, model: str, reply: Assistant) -> MessageOut:
    """Return a reply as one object."""
    blocks = [block for part in reply.parts if (block := _block(part)) is not None]
    usage = messages_usage(reply.usage)
    return MessageOut(message_id, model, blocks, usage, stop_reason=_REASONS[reply.stop])


def _block(part: Part) -> BlockOut | None:
    match part:
        case Text():
            return BlockOut("text", text=part.text)
        case Reasoning():
            return BlockOut("thinking", thinking=part.text, signature=part.signature or "")
        case ToolCall():
            arguments = msgspec.Raw(_object(part.arguments))
            return BlockOut("tool_use", id=part.id, name=part.name, input=arguments)
        case _:
            return None


def _object(arguments: str) -> bytes:
    """Return arguments as a JSON object; what a model got wrong is kept as text inside one."""
    try:
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return msgspec.json.encode({"invalid_json": arguments})
    return arguments.encode()


class MessagesWriter:
    """Writes one answer as events. See `kodo.server.answering.Writer`."""

    def __init__(self, message_id: str, model: str) -> None:
        self._id = message_id
        self._model = model
        self._spoken = Spoken()
        self._index = -1
        self._open: tuple[str, str] | None = None  # (kind, call id)
        self._began = False

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Return events for deltas; a ping for none."""
        found: list[bytes] = []
        self._begin(found)
        before = len(found)
        for delta in deltas:
            self._delta(delta, found)
        if len(found) == before:
            found.append(b'event: ping\ndata: {"type":"ping"}\n\n')
        return b"".join(found)

    def finish(self, reply: Assistant) -> bytes:
        """Return the rest, the reason and usage, and the end."""
        found: list[bytes] = []
        self._begin(found)
        for part in self._spoken.unsaid(reply):
            self._part(part, found)
        self._close(found)
        delta = {"stop_reason": _REASONS[reply.stop], "stop_sequence": None}
        usage = messages_usage(reply.usage)
        found.append(_event("message_delta", delta=delta, usage=usage))
        found.append(_event("message_stop"))
        return b"".join(found)

    def fail(self, problem: Problem) -> bytes:
        """Return the problem as an event."""
        return b"event: error\ndata: %b\n\n" % _ENCODER.encode(messages_error(problem))

    def _begin(self, found: list[bytes]) -> None:
        if not self._began:
            self._began = True
            head = MessageOut(self._id, self._model, [], MessagesUsage(0, 0))
            found.append(_event("message_start", message=head))

    def _delta(self, delta: Delta, found: list[bytes]) -> None:
        match delta.kind:
            case "text":
                self._spoken.say(delta.text)
                self._text(delta.text, found)
            case "reasoning":
                self._spoken.reason()
                self._thinking(delta.text, delta.signature, found)
            case "call" if delta.call_id and delta.name:
                self._spoken.call(delta.call_id)
                self._call(delta.call_id, delta.name, delta.text, found)
            case _:
                pass

    def _part(self, part: Part, found: list[bytes]) -> None:
        match part:
            case Text():
                self._close(found)
                self._text(part.text, found)
            case Reasoning():
                self._thinking(part.text, part.signature or "", found)
            case ToolCall():
                self._call(part.id, part.name, part.arguments, found)
            case _:
                pass

    def _text(self, text: str, found: list[bytes]) -> None:
        self._turn_to(("text", ""), BlockOut("text", text=""), found)
        self._piece(BlockOut("text_delta", text=text), found)

    def _thinking(self, text: str, signature: str, found: list[bytes]) -> None:
        self._turn_to(("thinking", ""), BlockOut("thinking", thinking="", signature=""), found)
        if text:
            self._piece(BlockOut("thinking_delta", thinking=text), found)
        if signature:
            self._piece(BlockOut("signature_delta", signature=signature), found)

    def _call(self, call_id: str, name: str, arguments: str, found: list[bytes]) -> None:
        empty = BlockOut("tool_use", id=call_id, name=name, input=msgspec.Raw(b"{}"))
        self._turn_to(("call", call_id), empty, found)
        self._piece(BlockOut("input_json_delta", partial_json=arguments), found)

    def _turn_to(self, wanted: tuple[str, str], empty: BlockOut, found: list[bytes]) -> None:
        if self._open == wanted:
            return
        self._close(found)
        self._open = wanted
        self._index += 1
        found.append(_event("content_block_start", index=self._index, content_block=empty))

    def _piece(self, delta: BlockOut, found: list[bytes]) -> None:
        found.append(_event("content_block_delta", index=self._index, delta=delta))

    def _close(self, found: list[bytes]) -> None:
        if self._open is not None:
            self._open = None
            found.append(_event("content_block_stop", index=self._index))


def _event(name: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _ENCODER.encode({"type": name, **fields}))
