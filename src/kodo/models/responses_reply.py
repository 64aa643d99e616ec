"""The events of OpenAI's Responses API, read into deltas and one reply.

Does not know whether they came as server-sent events or over a WebSocket: `take` is fed decoded
events of either. Guards that a reply counts only once the server has said it is complete.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from kodo.base.text import repair_surrogates
from kodo.core.messages import Assistant, Delta, Part, Reasoning, Score, Stop, Text, ToolCall, Usage
from kodo.core.model import ModelInfo
from kodo.models import payload
from kodo.models.catalog import cost_usd
from kodo.models.exchange import Endpoint, delta_text
from kodo.models.failures import Problem, problem_of
from kodo.models.scores import WireScore, score_of
from kodo.models.sse import ServerEvent


class _Piece(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: list[_Piece] | None = None
    summary: list[_Piece] | None = None
    encrypted_content: str | None = None


class _CachedDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _ReasoningDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _CachedDetails | None = None
    output_tokens_details: _ReasoningDetails | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None
    error: dict[str, object] | None = None
    incomplete_details: _Incomplete | None = None


class ResponsesEvent(msgspec.Struct):
    """The fields of all events that are read here; the API has many more, which are ignored."""

    type: str = ""
    delta: str | None = None
    output_index: int | None = None
    item_id: str | None = None
    item: _Item | None = None
    response: _Response | None = None
    error: object = None
    message: str | None = None
    code: str | None = None
    status: int | None = None
    logprobs: tuple[WireScore, ...] | None = None


class ResponsesReader:
    """Reads one answer of the Responses API."""

    __slots__ = (
        "_calls",
        "_ended",
        "_endpoint",
        "_info",
        "_items",
        "_response",
        "_scores",
        "_texts",
    )

    def __init__(self, info: ModelInfo, endpoint: Endpoint) -> None:
        self._info = info
        self._endpoint = endpoint
        self._items: list[_Item] = []
        self._calls: dict[str, _Item] = {}
        self._scores: list[Score] = []
        self._texts: list[str] = []  # of the item that is being spoken
        self._ended: Literal["", "completed", "incomplete"] = ""
        self._response = _Response()

    @property
    def done(self) -> bool:
        """Whether the answer has said that it is complete."""
        return bool(self._ended)

    @property
    def response_id(self) -> str:
        """The id that the server gave the whole answer, or "" where it gave none."""
        return self._response.id or "" if self._ended else ""

    def feed(self, event: ServerEvent) -> Iterator[Delta]:
        """Yield what a server-sent event adds. Raises ModelError."""
        if event.data.strip() == b"[DONE]":
            return
        what = f"an event of provider {self._endpoint.provider!r}"
        yield from self.take(payload.decode(event.data, ResponsesEvent, what))

    def take(self, event: ResponsesEvent) -> Iterator[Delta]:
        """Yield what an event adds. Raises ModelError where it reports a failure."""
        match event.type:
            case "response.output_item.added" if event.item is not None:
                if event.item.type == "function_call":
                    self._calls[_place(event)] = event.item
            case "response.output_text.delta" | "response.refusal.delta":
                if event.delta:
                    self._texts.append(event.delta)
                    scores = tuple(map(score_of, event.logprobs or ()))
                    self._scores += scores
                    yield Delta("text", delta_text(event.delta), scores=scores)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                if event.delta:
                    yield Delta("reasoning", delta_text(event.delta))
            case "response.function_call_arguments.delta":
                call = self._calls.get(_place(event), _Item())
                yield Delta(
                    "call",
                    delta_text(event.delta or ""),
                    call_id=call.call_id or call.id or "",
                    name=call.name or "",
                )
            case "response.output_item.done" if event.item is not None:
                yield from self._keep(event.item)
            case "response.completed" | "response.incomplete":
                self._ended = "completed" if event.type.endswith("completed") else "incomplete"
                self._response = event.response or _Response()
            case "response.failed":
                response = event.response or _Response()
                raise self._endpoint.error(problem_of(response.error or {"message": "it failed"}))
            case "error":
                raise self._endpoint.error(_problem(event))
            case _:
                pass  # the API grows; what is not known here does not change the reply

    def finish(self) -> Assistant | None:
        """Return the whole reply, or None where the answer was cut."""
        if not self._ended:
            return None
        items = self._items or self._response.output or []
        parts: list[Part] = []
        for index, item in enumerate(items):
            parts.extend(self._parts(item, index))
        # A server that streams text and never closes its item has still said it.
        if not items and (text := repair_surrogates("".join(self._texts))):
            parts.append(Text(text))
        usage = self._usage()
        stop, scores = self._stop(items, parts), tuple(self._scores)
        return Assistant(tuple(parts), self._info.id, stop, usage, scores)

    def _keep(self, item: _Item) -> Iterator[Delta]:
        self._items.append(item)
        if item.type != "message":
            return
        if not self._texts and (text := _message_text(item)):
            yield Delta("text", text)  # a server that sends whole items only
        self._texts.clear()

    def _parts(self, item: _Item, index: int) -> Iterator[Part]:
        match item.type:
            case "message":
                if text := _message_text(item):
                    yield Text(text)
            case "reasoning":
                pieces = item.summary or item.content or []
                text = repair_surrogates("\n\n".join(piece.text or "" for piece in pieces))
                if text or item.encrypted_content:
                    yield Reasoning(text, item.encrypted_content, self._info.provider)
            case "function_call":
                yield ToolCall(
                    item.call_id or item.id or f"call_{index}",
                    repair_surrogates(item.name or ""),
                    repair_surrogates(item.arguments or "") or "{}",
                )
            case _:
                pass

    def _stop(self, items: list[_Item], parts: list[Part]) -> Stop:
        if self._ended == "incomplete":
            details = self._response.incomplete_details
            reason = (details.reason if details else None) or ""
            return "refusal" if "filter" in reason else "length"
        if any(piece.type == "refusal" for item in items for piece in item.content or ()):
            return "refusal"
        return "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "end"

    def _usage(self) -> Usage:
        counted = self._response.usage
        if counted is None:
            return Usage()
        cached = counted.input_tokens_details
        reasoned = counted.output_tokens_details
        usage = Usage(
            input_tokens=counted.input_tokens or 0,
            cached_tokens=(cached.cached_tokens if cached else None) or 0,
            output_tokens=counted.output_tokens or 0,
            reasoning_tokens=(reasoned.reasoning_tokens if reasoned else None) or 0,
        )
        written = (cached.cache_write_tokens if cached else None) or 0
        cost = cost_usd(usage, self._info.price, cache_write_tokens=written)
        return msgspec.structs.replace(usage, cost_usd=cost)


def _place(event: ResponsesEvent) -> str:
    if event.output_index is not None:
        return str(event.output_index)
    return event.item_id or (event.item.id if event.item and event.item.id else "")


def _message_text(item: _Item) -> str:
    pieces = item.content or []
    return repair_surrogates("".join(piece.text or piece.refusal or "" for piece in pieces))


def _problem(event: ResponsesEvent) -> Problem:
    if event.error is not None:
        return problem_of(event.error, event.status)
    fields = {"message": event.message or "no explanation", "code": event.code}
    return problem_of(fields, event.status)
