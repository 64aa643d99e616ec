"""Traces of model calls for OpenTelemetry, sent as OTLP over HTTP in its JSON form.

Knows the GenAI semantic conventions and no SDK. Guards the server: a span never waits, never holds
what was said, and where the collector is away the oldest are dropped and counted in the log.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import msgspec

from kodo.base.clock import Now
from kodo.base.hashing import NewId, sha256_hex
from kodo.core.messages import Assistant

log = logging.getLogger(__name__)

MOST_WAITING = 2048
BATCH = 512
PAUSE_S = 5.0
Post = Callable[[bytes], Awaitable[int]]
"""Posts JSON to the collector and returns its status. Raises OSError where it is not reached."""

_CLIENT_KIND = 3
_ERROR = 2
_OPERATIONS = {"completions": "text_completion"}


class Call(msgspec.Struct, frozen=True):
    """A model call that has ended: `status` is "ok" or a word for what went wrong."""

    endpoint: str
    model: str
    status: str
    taken_s: float
    first_s: float
    caller: str
    reply: Assistant | None


@dataclass(slots=True)
class Tracer:
    """Takes calls, and sends them to a collector."""

    version: str
    now: Now
    new_id: NewId
    waiting: deque[dict[str, Any]] = field(default_factory=deque[dict[str, Any]])
    dropped: int = 0

    def take(self, call: Call) -> None:
        """Keep a span of the call until it is sent."""
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.popleft()
            self.dropped += 1
        self.waiting.append(self._span(call))

    async def keep_sending(self, post: Post) -> None:
        """Send what waits, every few seconds, until cancelled; then what is left, once."""
        try:
            while True:
                await anyio.sleep(PAUSE_S)
                await self.send(post)
        finally:
            with anyio.move_on_after(2, shield=True):
                await self.send(post)

    async def send(self, post: Post) -> None:
        """Send what waits in batches; what a collector refuses is dropped and told in the log."""
        while self.waiting:
            batch = [self.waiting[at] for at in range(min(BATCH, len(self.waiting)))]
            try:
                status = await post(msgspec.json.encode(self._export(batch)))
            except OSError as error:
                log.warning("the collector was not reached: %s", error)
                return
            if status in (429, 502, 503, 504):
                return  # it asks to come again later
            if status >= 400:
                log.warning("the collector answered %d to %d spans", status, len(batch))
            for span in batch:
                if self.waiting and self.waiting[0] is span:
                    self.waiting.popleft()
        if self.dropped:
            log.warning("%d spans were dropped while the collector was away", self.dropped)
            self.dropped = 0

    def _export(self, spans: list[dict[str, Any]]) -> dict[str, Any]:
        scope = {"scope": {"name": "kodo", "version": self.version}, "spans": spans}
        resource = _attributes({"service.name": "kodo", "service.version": self.version})
        return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}

    def _span(self, call: Call) -> dict[str, Any]:
        provider, _, model = call.model.partition("/")
        operation = _OPERATIONS.get(call.endpoint, "chat")
        said: dict[str, str | int | float | list[str]] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model or call.model,
            "gen_ai.response.time_to_first_chunk": call.first_s,
            "kodo.endpoint": call.endpoint,
        }
        if call.caller:
            said["enduser.pseudo.id"] = call.caller
        if call.reply is not None:
            usage = call.reply.usage
            said["gen_ai.response.model"] = call.reply.model.partition("/")[2] or call.reply.model
            said["gen_ai.response.finish_reasons"] = [call.reply.stop]
            said["gen_ai.usage.input_tokens"] = usage.input_tokens
            said["gen_ai.usage.output_tokens"] = usage.output_tokens
            said["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
        if call.status != "ok":
            said["error.type"] = call.status
        ended_ns = int(self.now().timestamp() * 1e6) * 1000
        ids = sha256_hex(self.new_id().encode())
        return {
            "traceId": ids[:32],
            "spanId": ids[32:48],
            "name": f"{operation} {model or call.model}",
            "kind": _CLIENT_KIND,
            "startTimeUnixNano": str(ended_ns - int(call.taken_s * 1e9)),
            "endTimeUnixNano": str(ended_ns),
            "attributes": _attributes(said),
            "status": {} if call.status == "ok" else {"code": _ERROR, "message": call.status},
        }


def _attributes(values: "dict[str, Any]") -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            items = cast("list[Any]", value)
            return {"arrayValue": {"values": [_value(one) for one in items]}}
        case _:
            return {"stringValue": str(value)}
