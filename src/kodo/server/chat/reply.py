"""A reply as Chat Completions has it: one object, or chunks.

Shapes and their order. Guards that calls keep their index, and that custom tools get their input as
plain text.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from kodo.core.messages import Assistant, Delta, Reasoning, Score, Stop, Text, ToolCall, Usage
from kodo.server.gateway.scores import TokenLogprob, wire_scores
from kodo.server.gateway.spoken import Spoken
from kodo.server.gateway.toolbox import Toolbox, custom_input
from kodo.server.problem import Problem
from kodo.server.wire import openai_error

_ENCODER = msgspec.json.Encoder()
_REASONS: dict[Stop, str] = {
    "end": "stop",
    "tool_calls": "tool_calls",
    "length": "length",
    "refusal": "content_filter",
}


class Called(msgspec.Struct, omit_defaults=True):
    """What is called, or a piece of it."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET
    input: str | UnsetType = UNSET


class ChatCallOut(msgspec.Struct):
    """A tool call. `index` in chunks only, `id` and `type` in the first of a call only."""

    index: int | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: Literal["function", "custom"] | UnsetType = UNSET
    function: Called | UnsetType = UNSET
    custom: Called | UnsetType = UNSET


class Said(msgspec.Struct):
    """A message, or a piece of it."""

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ChatCallOut] | UnsetType = UNSET


class Logprobs(msgspec.Struct):
    """The tokens of a text."""

    content: tuple[TokenLogprob, ...]
    refusal: None = None


class Choice(msgspec.Struct):
    """The one choice of an answer."""

    message: Said
    finish_reason: str
    index: int = 0
    logprobs: Logprobs | None = None


class ChunkChoice(msgspec.Struct):
    """The one choice of a chunk."""

    delta: Said
    finish_reason: str | None = None
    index: int = 0
    logprobs: Logprobs | None = None


class PromptDetails(msgspec.Struct):
    """Where prompt tokens came from."""

    cached_tokens: int


class CompletionDetails(msgspec.Struct):
    """What completion tokens were for."""

    reasoning_tokens: int


class ChatUsage(msgspec.Struct):
    """Tokens of one answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Completion(msgspec.Struct):
    """A whole answer."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    object: str = "chat.completion"


class Chunk(msgspec.Struct):
    """A piece of an answer."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    object: str = "chat.completion.chunk"
    usage: ChatUsage | UnsetType | None = UNSET


class Heading(msgspec.Struct, frozen=True):
    """What every object of one answer begins with."""

    id: str
    created: int
    model: str


def completion(heading: Heading, reply: Assistant, toolbox: Toolbox) -> Completion:
    """Return a reply as one object."""
    reasoning = "\n\n".join(part.text for part in reply.parts if isinstance(part, Reasoning))
    calls = [_whole_call(call, toolbox) for call in reply.calls]
    said = Said("assistant", reply.text or None, reasoning or UNSET, calls if calls else UNSET)
    choice = Choice(said, _REASONS[reply.stop], logprobs=_logprobs(reply.scores))
    return Completion(heading.id, heading.created, heading.model, [choice], chat_usage(reply.usage))


def chat_usage(usage: Usage) -> ChatUsage:
    """Return tokens as the API counts them."""
    return ChatUsage(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens + usage.output_tokens,
        PromptDetails(usage.cached_tokens),
        CompletionDetails(usage.reasoning_tokens),
    )


def _whole_call(call: ToolCall, toolbox: Toolbox) -> ChatCallOut:
    if toolbox.offered(call.name).kind == "custom":
        called = Called(call.name, input=custom_input(call.arguments))
        return ChatCallOut(id=call.id, type="custom", custom=called)
    return ChatCallOut(id=call.id, type="function", function=Called(call.name, call.arguments))


class ChatWriter:
    """Writes one answer as chunks. See `kodo.server.answering.Writer`."""

    def __init__(self, heading: Heading, toolbox: Toolbox, *, with_usage: bool) -> None:
        self._heading = heading
        self._toolbox = toolbox
        self._with_usage = with_usage
        self._spoken = Spoken()
        self._calls: dict[str, int] = {}
        self._began = False

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Return chunks for deltas; a comment for none."""
        found = b"".join(map(self._delta, deltas))
        return found or b": the model is still reading\n\n"

    def finish(self, reply: Assistant) -> bytes:
        """Return the rest, the reason, the usage if asked for, and the mark of the end."""
        found: list[bytes] = []
        for part in self._spoken.unsaid(reply):
            if isinstance(part, Text):
                found.append(self._chunk(Said(content=part.text), scores=reply.scores))
            else:
                found.append(self._part(part))
        found.append(self._chunk(Said(), _REASONS[reply.stop]))
        if self._with_usage:
            chunk = self._headed([])
            chunk.usage = chat_usage(reply.usage)
            found.append(_data(chunk))
        found.append(b"data: [DONE]\n\n")
        return b"".join(found)

    def fail(self, problem: Problem) -> bytes:
        """Return the problem as a chunk, as most servers do."""
        return b"data: %b\n\n" % _ENCODER.encode(openai_error(problem))

    def _delta(self, delta: Delta) -> bytes:
        match delta.kind:
            case "text":
                self._spoken.say(delta.text)
                return self._chunk(Said(content=delta.text), scores=delta.scores)
            case "reasoning" if delta.text:
                self._spoken.reason()
                return self._chunk(Said(reasoning_content=delta.text))
            case "call" if delta.call_id and delta.name:
                if self._toolbox.offered(delta.name).kind == "custom":
                    return b""  # its input is known when the call is whole
                return self._call(delta.call_id, delta.name, delta.text)
            case _:
                return b""

    def _part(self, part: object) -> bytes:
        match part:
            case Reasoning() if part.text:
                return self._chunk(Said(reasoning_content=part.text))
            case ToolCall() if self._toolbox.offered(part.name).kind == "custom":
                call = _whole_call(part, self._toolbox)
                call.index = self._calls.setdefault(part.id, len(self._calls))
                return self._chunk(Said(tool_calls=[call]))
            case ToolCall():
                return self._call(part.id, part.name, part.arguments)
            case _:
                return b""

    def _call(self, call_id: str, name: str, arguments: str) -> bytes:
        index = self._calls.setdefault(call_id, len(self._calls))
        if self._spoken.call(call_id):
            called = Called(name, arguments)
            call = ChatCallOut(index, call_id, "function", called)
        else:
            call = ChatCallOut(index, function=Called(arguments=arguments))
        return self._chunk(Said(tool_calls=[call]))

    def _chunk(
        self, said: Said, reason: str | None = None, scores: tuple[Score, ...] = ()
    ) -> bytes:
        if not self._began:
            self._began = True
            said.role = "assistant"
        return _data(self._headed([ChunkChoice(said, reason, logprobs=_logprobs(scores))]))

    def _headed(self, choices: list[ChunkChoice]) -> Chunk:
        heading = self._heading
        usage = None if self._with_usage else UNSET
        return Chunk(heading.id, heading.created, heading.model, choices, usage=usage)


def _logprobs(scores: tuple[Score, ...]) -> Logprobs | None:
    return Logprobs(wire_scores(scores)) if scores else None


def _data(chunk: Chunk) -> bytes:
    return b"data: %b\n\n" % _ENCODER.encode(chunk)
