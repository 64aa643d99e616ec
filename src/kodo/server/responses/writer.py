"""A model's deltas and its reply as the events of one response.

Knows no transport: events go to a `send` function. Guards the order that clients rely on (added,
deltas, done, completed), one open item at a time, and that the reply decides what each item is.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypedDict

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from kodo.core.messages import Assistant, Delta, Part, Reasoning, Score, Text, ToolCall, Usage
from kodo.server.gateway.scores import TokenLogprob, wire_scores
from kodo.server.gateway.toolbox import Offered, Toolbox, custom_input
from kodo.server.problem import Problem
from kodo.server.responses import events
from kodo.server.responses.encoding import Sendable, TextTemplate

Send = Callable[[Sequence[Sendable]], Awaitable[None]]


class _Head(TypedDict):
    sequence_number: int
    stream_id: str | UnsetType


class _Place(TypedDict):
    item_id: str
    output_index: int


class _Open(msgspec.Struct):
    """The item that is being streamed: `kind` as of Delta, what was said of it so far."""

    kind: str
    index: int
    id: str
    call_id: str = ""
    name: str = ""
    said: list[str] = msgspec.field(default_factory=list[str])
    scores: list[TokenLogprob] = msgspec.field(default_factory=list[TokenLogprob])
    signature: str = ""
    template: TextTemplate | None = None


class ResponseWriter:
    """Writes one response. `response` is its beginning, as `created` shows it."""

    __slots__ = (
        "_calls",
        "_has_reasoned",
        "_items",
        "_number",
        "_open",
        "_send",
        "_stream_id",
        "_texts",
        "_toolbox",
        "response",
    )

    def __init__(
        self,
        response: events.Response,
        toolbox: Toolbox,
        send: Send,
        stream_id: str | None = None,
    ) -> None:
        self.response = response
        self._toolbox = toolbox
        self._send = send
        self._stream_id: str | UnsetType = UNSET if stream_id is None else stream_id
        self._number = -1
        self._items: list[events.Output] = []
        self._open: _Open | None = None
        self._texts: list[str] = []
        self._calls: set[str] = set()
        self._has_reasoned = False

    async def begin(self) -> None:
        """Say that the response began."""
        await self._send(
            [
                events.Created(**self._head(), response=self.response),
                events.InProgress(**self._head(), response=self.response),
            ]
        )

    async def write(self, deltas: Sequence[Delta]) -> None:
        """Send deltas; none, or prefill alone, is a heartbeat."""
        found: list[Sendable] = []
        for delta in deltas:
            match delta.kind:
                case "text":
                    self._text(delta.text, found, delta.scores)
                case "reasoning":
                    self._reasoning(delta, found)
                case "call" if delta.call_id and delta.name and self._wants(delta.call_id):
                    self._arguments(delta, found)
                case _:
                    pass
        if not found:
            found.append(events.InProgress(**self._head(), response=self.response))
        await self._send(found)

    async def finish(self, reply: Assistant) -> events.Response:
        """Send what of the reply was not sent, and the end. Returns the whole response."""
        found: list[Sendable] = []
        self._close(found)
        rest = "".join(self._texts)
        for part in reply.parts:
            match part:
                case Text():
                    # What one item streamed may stand in several parts of the reply.
                    if rest:
                        rest = rest.removeprefix(part.text) if rest.startswith(part.text) else rest
                    else:
                        self._text(part.text, found, reply.scores)
                case Reasoning():
                    if not self._has_reasoned:
                        signature = part.signature or ""
                        self._reasoning(Delta("reasoning", part.text, signature=signature), found)
                        self._has_reasoned = False
                case ToolCall() if part.id not in self._calls:
                    self._arguments(Delta("call", part.arguments, part.id, part.name), found)
                case _:
                    pass
            self._close(found)
        response = self._ended(reply)
        kind = events.Incomplete if response.status == "incomplete" else events.Completed
        found.append(kind(**self._head(), response=response))
        await self._send(found)
        return response

    async def compacted(self, content: str, reply: Assistant) -> events.Response:
        """Send the one item that stands in for the conversation, and the end."""
        item_id = f"cmp_{self.response.id.removeprefix('resp_')}"
        item = events.CompactionItem(item_id, content)
        self._items.append(item)
        response = self._ended(replace(reply, stop="end"))
        await self._send(
            [
                events.ItemAdded(**self._head(), output_index=0, item=item),
                events.ItemDone(**self._head(), output_index=0, item=item),
                events.Completed(**self._head(), response=response),
            ]
        )
        return response

    async def end_early(self, reason: str, status: events.Status = "incomplete") -> None:
        """Send that the response was ended before it was whole."""
        found: list[Sendable] = []
        self._close(found)
        response = replace(
            self.response,
            status=status,
            output=tuple(self._items),
            incomplete_details=events.IncompleteDetails(reason),
        )
        found.append(events.Incomplete(**self._head(), response=response))
        await self._send(found)

    async def fail(self, problem: Problem) -> None:
        """Send that the response failed."""
        response = replace(
            self.response,
            status="failed",
            output=tuple(self._items),
            error=events.WireError(problem.code, problem.message),
        )
        await self._send([events.Failed(**self._head(), response=response)])

    def said(self) -> tuple[Part, ...]:
        """Return the text that was sent so far."""
        text = "".join(self._texts)
        return (Text(text),) if text else ()

    def _wants(self, call_id: str) -> bool:
        """Whether a call is to be sent: only the first, where the client wants no parallel ones."""
        wants_all = self.response.parallel_tool_calls
        return wants_all or not self._calls or call_id in self._calls

    def _head(self) -> _Head:
        self._number += 1
        return {"sequence_number": self._number, "stream_id": self._stream_id}

    def _begin_item(self, kind: str, prefix: str, call_id: str = "", name: str = "") -> _Open:
        index = len(self._items)
        item_id = f"{prefix}_{self.response.id.removeprefix('resp_')}_{index}"
        self._open = _Open(kind, index, item_id, call_id, name)
        return self._open

    def _text(self, text: str, found: list[Sendable], scores: tuple[Score, ...]) -> None:
        item = self._open
        if item is None or item.template is None:
            self._close(found)
            item = self._begin_item("text", "msg")
            item.template = TextTemplate(item.id, item.index, self._stream_id)
            shown = events.MessageItem(item.id, "in_progress", ())
            found.append(events.ItemAdded(**self._head(), output_index=item.index, item=shown))
            found.append(
                events.PartAdded(
                    **self._head(),
                    item_id=item.id,
                    output_index=item.index,
                    part=events.TextContent(""),
                )
            )
        assert item.template is not None
        item.said.append(text)
        self._texts.append(text)
        if scores:
            logprobs = wire_scores(scores)
            item.scores += logprobs
            place: _Place = {"item_id": item.id, "output_index": item.index}
            found.append(events.TextDelta(**self._head(), **place, delta=text, logprobs=logprobs))
            return
        self._number += 1
        found.append(item.template.piece(self._number, text))

    def _reasoning(self, delta: Delta, found: list[Sendable]) -> None:
        item = self._open
        if item is None or item.kind != "reasoning":
            self._close(found)
            self._has_reasoned = True
            item = self._begin_item("reasoning", "rs")
            shown = events.ReasoningItem(item.id, ())
            found.append(events.ItemAdded(**self._head(), output_index=item.index, item=shown))
            found.append(
                events.SummaryPartAdded(
                    **self._head(),
                    item_id=item.id,
                    output_index=item.index,
                    part=events.SummaryText(""),
                )
            )
        if delta.signature:
            item.signature = delta.signature
        if delta.text:
            item.said.append(delta.text)
            found.append(
                events.SummaryDelta(
                    **self._head(), item_id=item.id, output_index=item.index, delta=delta.text
                )
            )

    def _arguments(self, delta: Delta, found: list[Sendable]) -> None:
        item = self._open
        offered = self._toolbox.offered(delta.name)
        if item is None or item.kind != "call" or item.call_id != delta.call_id:
            self._close(found)
            item = self._begin_call(delta.call_id, delta.name, offered, found)
        item.said.append(delta.text)
        if offered.kind == "function":
            found.append(
                events.ArgumentsDelta(
                    **self._head(), item_id=item.id, output_index=item.index, delta=delta.text
                )
            )

    def _begin_call(
        self, call_id: str, name: str, offered: Offered, found: list[Sendable]
    ) -> _Open:
        prefix = {"function": "fc", "custom": "ctc", "search": "tsc"}[offered.kind]
        self._calls.add(call_id)
        item = self._begin_item("call", prefix, call_id, name)
        empty = "{}" if offered.kind == "search" else ""
        shown = call_item(item.id, "in_progress", ToolCall(call_id, name, empty), offered)
        found.append(events.ItemAdded(**self._head(), output_index=item.index, item=shown))
        return item

    def _close(self, found: list[Sendable]) -> None:
        """Send that the open item is whole."""
        item, self._open = self._open, None
        if item is None:
            return
        said = "".join(item.said)
        match item.kind:
            case "text":
                logprobs = tuple(item.scores)
                content = events.TextContent(said, logprobs=logprobs)
                found.append(
                    events.TextDone(
                        **self._head(),
                        item_id=item.id,
                        output_index=item.index,
                        text=said,
                        logprobs=logprobs,
                    )
                )
                found.append(
                    events.PartDone(
                        **self._head(), item_id=item.id, output_index=item.index, part=content
                    )
                )
                done: events.Output = events.MessageItem(item.id, "completed", (content,))
            case "reasoning":
                summary = events.SummaryText(said)
                found.append(
                    events.SummaryDone(
                        **self._head(), item_id=item.id, output_index=item.index, text=said
                    )
                )
                found.append(
                    events.SummaryPartDone(
                        **self._head(), item_id=item.id, output_index=item.index, part=summary
                    )
                )
                shown = (summary,) if said else ()
                done = events.ReasoningItem(item.id, shown, item.signature or UNSET)
            case _:
                done = self._close_call(item, said, found)
        self._items.append(done)
        found.append(events.ItemDone(**self._head(), output_index=item.index, item=done))

    def _close_call(self, item: _Open, said: str, found: list[Sendable]) -> events.Output:
        offered = self._toolbox.offered(item.name)
        call = ToolCall(item.call_id, item.name, said or "{}")
        done = call_item(item.id, "completed", call, offered)
        place: _Place = {"item_id": item.id, "output_index": item.index}
        match done:
            case events.FunctionCallItem():
                found.append(
                    events.ArgumentsDone(
                        **self._head(), **place, name=done.name, arguments=done.arguments
                    )
                )
            case events.CustomCallItem():
                found.append(events.InputDelta(**self._head(), **place, delta=done.input))
                found.append(events.InputDone(**self._head(), **place, input=done.input))
            case _:
                pass
        return done

    def _ended(self, reply: Assistant) -> events.Response:
        status: events.Status = "completed"
        details = None
        if reply.stop in ("length", "refusal"):
            status = "incomplete"
            reason = "max_output_tokens" if reply.stop == "length" else "content_filter"
            details = events.IncompleteDetails(reason)
        return replace(
            self.response,
            status=status,
            output=tuple(self._items),
            usage=wire_usage(reply.usage),
            incomplete_details=details,
        )


def call_item(
    item_id: str, status: events.Status, call: ToolCall, offered: Offered
) -> events.FunctionCallItem | events.CustomCallItem | events.SearchCallItem:
    """Return a call as the client knows its tool."""
    namespace = offered.namespace or UNSET
    match offered.kind:
        case "custom":
            text = custom_input(call.arguments) if call.arguments else ""
            return events.CustomCallItem(item_id, status, call.id, offered.name, text, namespace)
        case "search":
            arguments = msgspec.Raw(call.arguments.encode())
            return events.SearchCallItem(item_id, status, call.id, arguments)
        case _:
            return events.FunctionCallItem(
                item_id, status, call.id, offered.name, call.arguments, namespace
            )


def wire_usage(usage: Usage) -> events.WireUsage:
    """Return tokens as the API counts them."""
    return events.WireUsage(
        usage.input_tokens,
        events.CachedDetails(usage.cached_tokens),
        usage.output_tokens,
        events.ReasoningDetails(usage.reasoning_tokens),
        usage.input_tokens + usage.output_tokens,
    )
