"""The chunks of Chat Completions, read into deltas and one reply.

Knows the habits of many servers, not their names. Guards that a reply counts only where the server
gave a finish reason or said [DONE], and that every call has an id of its own.
"""

from collections.abc import Iterator

import msgspec

from kodo.base.hashing import NewId
from kodo.base.text import repair_surrogates
from kodo.core.messages import Assistant, Delta, Part, Reasoning, Score, Stop, Text, ToolCall, Usage
from kodo.core.model import ModelInfo
from kodo.models import payload
from kodo.models.catalog import cost_usd
from kodo.models.exchange import Endpoint, delta_text
from kodo.models.failures import problem_of
from kodo.models.scores import WireScore, score_of
from kodo.models.sse import ServerEvent

_STOPS: dict[str, Stop] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _CallPiece(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _ContentPiece(msgspec.Struct):
    type: str = ""
    text: str | None = None


class _Delta(msgspec.Struct):
    content: str | list[_ContentPiece] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_CallPiece] | None = None


class _Logprobs(msgspec.Struct):
    content: tuple[WireScore, ...] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    cost: float | None = None


class _Chunk(msgspec.Struct, rename={"kind": "object"}):
    kind: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: object = None
    message: str | None = None
    code: int | str | None = None


class _Call(msgspec.Struct):
    index: int | None
    id: str
    name: str = ""
    arguments: list[str] = msgspec.field(default_factory=list[str])
    given_id: bool = False


class ChatReader:
    """Reads one answer of Chat Completions."""

    __slots__ = (
        "_calls",
        "_endpoint",
        "_finish_reason",
        "_info",
        "_new_id",
        "_over",
        "_reasoning",
        "_reasoning_field",
        "_refused",
        "_scores",
        "_texts",
        "_usage",
    )

    def __init__(self, info: ModelInfo, endpoint: Endpoint, new_id: NewId) -> None:
        self._info = info
        self._endpoint = endpoint
        self._new_id = new_id
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_field = ""
        self._calls: list[_Call] = []
        self._finish_reason = ""
        self._refused = False
        self._scores: list[Score] = []
        self._over = False
        self._usage: _Usage | None = None

    @property
    def done(self) -> bool:
        """Whether the server said [DONE]. A finish reason is not the end: usage comes after it."""
        return self._over

    def feed(self, event: ServerEvent) -> Iterator[Delta]:
        """Yield what a chunk adds. Raises ModelError where it reports a failure."""
        if event.data.strip() == b"[DONE]":
            self._over = True
            return
        what = f"a chunk of provider {self._endpoint.provider!r}"
        chunk = payload.decode(event.data, _Chunk, what)
        if chunk.error is not None:
            raise self._endpoint.error(problem_of(chunk.error))
        if chunk.kind == "error" or event.name == "error":
            fields = {"message": chunk.message or "no explanation", "code": chunk.code}
            raise self._endpoint.error(problem_of(fields))
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.choices:
            choice = chunk.choices[0]
            told = (choice.logprobs.content if choice.logprobs else None) or ()
            scores = tuple(map(score_of, told))
            self._scores += scores
            yield from self._take(choice.delta or choice.message or _Delta(), scores)
            self._finish_reason = choice.finish_reason or self._finish_reason

    def finish(self) -> Assistant | None:
        """Return the whole reply, or None where the answer was cut."""
        if not (self._over or self._finish_reason):
            return None
        parts: list[Part] = []
        if reasoning := repair_surrogates("".join(self._reasoning)):
            parts.append(Reasoning(reasoning, self._reasoning_field, self._info.provider))
        if text := repair_surrogates("".join(self._texts)):
            parts.append(Text(text))
        for call in self._calls:
            arguments = repair_surrogates("".join(call.arguments)).strip() or "{}"
            parts.append(ToolCall(call.id, repair_surrogates(call.name), arguments))
        scores = tuple(self._scores)
        return Assistant(tuple(parts), self._info.id, self._stop(), self._counted(), scores)

    def _take(self, delta: _Delta, scores: tuple[Score, ...]) -> Iterator[Delta]:
        for name in ("reasoning_content", "reasoning"):
            thought: str | None = getattr(delta, name)
            # Some servers send the same piece in both fields.
            if thought and self._reasoning_field in ("", name):
                self._reasoning_field = name
                self._reasoning.append(thought)
                yield Delta("reasoning", delta_text(thought))
        content = delta.content
        if isinstance(content, list):
            content = "".join(piece.text or "" for piece in content if piece.type == "text")
        if delta.refusal:
            self._refused = True
            content = (content or "") + delta.refusal
        if content or scores:
            self._texts.append(content or "")
            yield Delta("text", delta_text(content or ""), scores=scores)
        for piece in delta.tool_calls or ():
            yield from self._take_call(piece)

    def _take_call(self, piece: _CallPiece) -> Iterator[Delta]:
        function = piece.function or _Function()
        call = self._call_of(piece, function.name or "")
        call.name = call.name or function.name or ""
        arguments = function.arguments
        if isinstance(arguments, dict):
            arguments = payload.encode(arguments).decode()
        if arguments:
            call.arguments.append(arguments)
        yield Delta("call", delta_text(arguments or ""), call_id=call.id, name=call.name)

    def _call_of(self, piece: _CallPiece, name: str) -> _Call:
        """Return the call that a piece belongs to.

        By index where there is one; but some servers number every call 0, so another id begins
        another call. Without an index, an id or a name begins one.
        """
        known: _Call | None = None
        if piece.index is not None:
            known = next((c for c in reversed(self._calls) if c.index == piece.index), None)
        elif self._calls and not (name and not piece.id):
            known = self._calls[-1]
        if known is not None and (not piece.id or not known.given_id or piece.id == known.id):
            if piece.id and not known.given_id:
                known.id, known.given_id = piece.id, True
            return known
        same = next((c for c in self._calls if piece.id and c.given_id and c.id == piece.id), None)
        if same is not None and piece.index is None:
            return same
        fresh = _Call(piece.index, piece.id or f"call_{self._new_id()}", given_id=bool(piece.id))
        self._calls.append(fresh)
        return fresh

    def _stop(self) -> Stop:
        stop = _STOPS.get(self._finish_reason)
        if self._refused or stop == "refusal":
            return "refusal"
        return stop or ("tool_calls" if self._calls else "end")

    def _counted(self) -> Usage:
        counted = self._usage
        if counted is None:
            return Usage()
        cached = counted.prompt_tokens_details
        reasoned = counted.completion_tokens_details
        usage = Usage(
            input_tokens=counted.prompt_tokens or 0,
            cached_tokens=(cached.cached_tokens if cached else None) or 0,
            output_tokens=counted.completion_tokens or 0,
            reasoning_tokens=(reasoned.reasoning_tokens if reasoned else None) or 0,
        )
        cost = counted.cost  # gateways such as OpenRouter say what they charge
        if cost is None:
            cost = cost_usd(usage, self._info.price)
        return msgspec.structs.replace(usage, cost_usd=cost)
