"""A reply as Ollama has it: one object, or lines of JSON of which the last is `done`.

Shapes and their order. Guards that a call goes out whole and once.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from kodo.base.clock import Monotonic
from kodo.core.messages import Assistant, Delta, Part, Reasoning, Text, ToolCall, Usage
from kodo.server.gateway.spoken import Spoken
from kodo.server.problem import Problem

_ENCODER = msgspec.json.Encoder()
NANOSECONDS = 1_000_000_000


class CalledFunction(msgspec.Struct):
    """What is called; `arguments` is an object."""

    name: str
    arguments: msgspec.Raw


class CallOut(msgspec.Struct):
    """A call."""

    function: CalledFunction


class MessageOut(msgspec.Struct):
    """A message, or a piece of it."""

    role: str = "assistant"
    content: str = ""
    thinking: str | UnsetType = UNSET
    tool_calls: list[CallOut] | UnsetType = UNSET


class Answer(msgspec.Struct):
    """A line of an answer, or all of it. `response` in /api/generate, `message` in /api/chat.

    Durations are nanoseconds; what is not known is left out.
    """

    model: str
    created_at: datetime
    message: MessageOut | UnsetType = UNSET
    response: str | UnsetType = UNSET
    done: bool = False
    done_reason: str | UnsetType = UNSET
    total_duration: int | UnsetType = UNSET
    prompt_eval_count: int | UnsetType = UNSET
    eval_count: int | UnsetType = UNSET


class ErrorOut(msgspec.Struct):
    """A failure."""

    error: str


class Shape:
    """What every line of one answer has in common. `generates` is /api/generate."""

    def __init__(self, model: str, now: datetime, *, generates: bool) -> None:
        self._model = model
        self._now = now
        self._generates = generates

    def line(self, said: MessageOut) -> Answer:
        """Return a line."""
        if self._generates:
            return Answer(self._model, self._now, response=said.content)
        return Answer(self._model, self._now, said)

    def end(self, said: MessageOut, usage: Usage, taken_s: float, *, cut: bool) -> Answer:
        """Return the last line, or the whole answer."""
        answer = self.line(said)
        answer.done = True
        answer.done_reason = "length" if cut else "stop"
        answer.total_duration = round(taken_s * NANOSECONDS)
        answer.prompt_eval_count = usage.input_tokens
        answer.eval_count = usage.output_tokens
        return answer


def whole(shape: Shape, reply: Assistant, taken_s: float) -> Answer:
    """Return a reply as one object."""
    thinking = "\n\n".join(part.text for part in reply.parts if isinstance(part, Reasoning))
    calls = [_call(call) for call in reply.calls]
    said = MessageOut("assistant", reply.text, thinking or UNSET, calls or UNSET)
    return shape.end(said, reply.usage, taken_s, cut=reply.stop == "length")


def ollama_error(problem: Problem) -> ErrorOut:
    """Return a problem in the words of this API."""
    return ErrorOut(problem.message)


def _call(call: ToolCall) -> CallOut:
    arguments = call.arguments.strip() or "{}"
    try:
        msgspec.json.decode(arguments, type=dict[str, object])
    except msgspec.DecodeError:  # the model's text is no object: the client shall still see it
        arguments = msgspec.json.encode({"input": arguments}).decode()
    return CallOut(CalledFunction(call.name, msgspec.Raw(arguments.encode())))


class LineWriter:
    """Writes one answer as lines. See `kodo.server.answering.Writer`."""

    def __init__(self, shape: Shape, began_s: float, clock: Monotonic) -> None:
        self._shape = shape
        self._began_s = began_s
        self._clock = clock
        self._spoken = Spoken()

    def write(self, deltas: Sequence[Delta]) -> bytes:
        """Return lines for deltas; an empty line of the model for none."""
        found = b"".join(map(self._delta, deltas))
        return found or self._line(MessageOut())

    def finish(self, reply: Assistant) -> bytes:
        """Return the rest, and the line that ends the answer."""
        found = [self._part(part) for part in self._spoken.unsaid(reply)]
        taken_s = self._clock() - self._began_s
        cut = reply.stop == "length"
        end = self._shape.end(MessageOut(), reply.usage, taken_s, cut=cut)
        return b"".join((*found, _ENCODER.encode(end), b"\n"))

    def fail(self, problem: Problem) -> bytes:
        """Return the problem as a line."""
        return _ENCODER.encode(ollama_error(problem)) + b"\n"

    def _delta(self, delta: Delta) -> bytes:
        match delta.kind:
            case "text" if delta.text:
                self._spoken.say(delta.text)
                return self._line(MessageOut(content=delta.text))
            case "reasoning" if delta.text:
                self._spoken.reason()
                return self._line(MessageOut(thinking=delta.text))
            case _:
                return b""  # calls go out whole, at the end

    def _part(self, part: Part) -> bytes:
        match part:
            case Text():
                return self._line(MessageOut(content=part.text))
            case Reasoning() if part.text:
                return self._line(MessageOut(thinking=part.text))
            case ToolCall():
                return self._line(MessageOut(tool_calls=[_call(part)]))
            case _:
                return b""

    def _line(self, said: MessageOut) -> bytes:
        return _ENCODER.encode(self._shape.line(said)) + b"\n"
