"""The events of Anthropic's Messages API, read into deltas and one reply.

Does not open connections. Guards that thinking keeps its signature to the byte, and that a reply
counts only once the server has said `message_stop`.
"""

from collections.abc import Iterator

import msgspec

from kodo.base.text import repair_surrogates
from kodo.core.messages import Assistant, Delta, Part, Reasoning, Stop, Text, ToolCall, Usage
from kodo.core.model import ModelInfo
from kodo.models import payload
from kodo.models.catalog import cost_usd
from kodo.models.exchange import Endpoint, delta_text
from kodo.models.failures import problem_of
from kodo.models.messages_request import REDACTED
from kodo.models.sse import ServerEvent

_STOPS: dict[str, Stop] = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Started(msgspec.Struct):
    usage: _Usage | None = None


class _BlockStart(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, object] | None = None


class _Change(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Started | None = None
    content_block: _BlockStart | None = None
    delta: _Change | None = None
    usage: _Usage | None = None
    error: object = None


class _Block(msgspec.Struct):
    start: _BlockStart
    texts: list[str] = msgspec.field(default_factory=list[str])
    signature: str = ""


class MessagesReader:
    """Reads one answer of the Messages API."""

    __slots__ = ("_blocks", "_endpoint", "_info", "_over", "_stop_reason", "_usage")

    def __init__(self, info: ModelInfo, endpoint: Endpoint) -> None:
        self._info = info
        self._endpoint = endpoint
        self._blocks: dict[int, _Block] = {}
        self._stop_reason = ""
        self._over = False
        self._usage: _Usage | None = None

    @property
    def done(self) -> bool:
        """Whether the answer has said that it is complete."""
        return self._over

    def feed(self, event: ServerEvent) -> Iterator[Delta]:
        """Yield what an event adds. Raises ModelError where it reports a failure."""
        what = f"an event of provider {self._endpoint.provider!r}"
        read = payload.decode(event.data, _Event, what)
        match read.type:
            case "message_start":
                self._count(read.message.usage if read.message else None)
            case "content_block_start" if read.content_block is not None:
                yield from self._open(read.index, read.content_block)
            case "content_block_delta" if read.delta is not None:
                if (block := self._blocks.get(read.index)) is not None:
                    yield from _extend(block, read.delta)
            case "message_delta":
                self._count(read.usage)
                if read.delta is not None and read.delta.stop_reason:
                    self._stop_reason = read.delta.stop_reason
            case "message_stop":
                self._over = True
            case "error":
                raise self._endpoint.error(problem_of(read.error or {"message": "it failed"}))
            case _:
                pass  # ping, content_block_stop, and what the API grows

    def finish(self) -> Assistant | None:
        """Return the whole reply, or None where the answer was cut."""
        if not self._over:
            return None
        parts: list[Part] = []
        for index in sorted(self._blocks):
            parts.extend(self._parts(self._blocks[index], index))
        called = any(isinstance(part, ToolCall) for part in parts)
        stop = _STOPS.get(self._stop_reason, "tool_calls" if called else "end")
        if stop == "tool_calls" and not called:
            stop = "end"
        return Assistant(tuple(parts), self._info.id, stop, self._counted())

    def _open(self, index: int, start: _BlockStart) -> Iterator[Delta]:
        block = _Block(start, signature=start.signature or "")
        self._blocks[index] = block
        if text := start.text or start.thinking:
            kind = "thinking" if start.thinking else "text"
            yield from _extend(block, _Change(f"{kind}_delta", text=text, thinking=text))

    def _parts(self, block: _Block, index: int) -> Iterator[Part]:
        text = repair_surrogates("".join(block.texts))
        start = block.start
        match start.type:
            case "text":
                if text:
                    yield Text(text)
            case "thinking":
                if text or block.signature:
                    yield Reasoning(text, block.signature or None, self._info.provider)
            case "redacted_thinking":
                yield Reasoning("", f"{REDACTED}{start.data or ''}", self._info.provider)
            case "tool_use":
                given = payload.encode(start.input or {}).decode()
                name = repair_surrogates(start.name or "")
                yield ToolCall(start.id or f"call_{index}", name, text.strip() or given)
            case _:
                pass

    def _count(self, usage: _Usage | None) -> None:
        """Keep the newest of each count: later events repeat or correct the earlier ones."""
        if usage is None:
            return
        known = self._usage or _Usage()
        fields = msgspec.structs.asdict(usage).items()
        given = {name: count for name, count in fields if count is not None}
        self._usage = msgspec.structs.replace(known, **given)

    def _counted(self) -> Usage:
        counted = self._usage
        if counted is None:
            return Usage()
        read = counted.cache_read_input_tokens or 0
        written = counted.cache_creation_input_tokens or 0
        usage = Usage(
            # The API counts cached input apart; Usage counts all input.
            input_tokens=(counted.input_tokens or 0) + read + written,
            cached_tokens=read,
            output_tokens=counted.output_tokens or 0,
        )
        cost = cost_usd(usage, self._info.price, cache_write_tokens=written)
        return msgspec.structs.replace(usage, cost_usd=cost)


def _extend(block: _Block, change: _Change) -> Iterator[Delta]:
    match change.type:
        case "text_delta" if change.text:
            block.texts.append(change.text)
            yield Delta("text", delta_text(change.text))
        case "thinking_delta" if change.thinking:
            block.texts.append(change.thinking)
            yield Delta("reasoning", delta_text(change.thinking))
        case "signature_delta":
            block.signature += change.signature or ""
        case "input_json_delta":
            block.texts.append(change.partial_json or "")
            yield Delta(
                "call",
                delta_text(change.partial_json or ""),
                call_id=block.start.id or "",
                name=block.start.name or "",
            )
        case _:
            pass
