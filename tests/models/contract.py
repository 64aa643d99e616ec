"""What every adapter must do, whatever it speaks: the wires and the checks of their requests."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.models.network import PlayedNetwork

from kodo.core.events import Retrying
from kodo.core.messages import Assistant, Delta, Message, Text, ToolResult, user
from kodo.core.model import ModelInfo, Price, Prompt, ToolSpec
from kodo.models.anthropic import Anthropic
from kodo.models.chat_reply import ChatReader
from kodo.models.exchange import Endpoint, Reader
from kodo.models.messages_reply import MessagesReader
from kodo.models.openai_chat import OpenAIChat
from kodo.models.openai_responses import OpenAIResponses
from kodo.models.responses_reply import ResponsesReader
from kodo.models.transport import Transport

WIRE_FOLDER = Path(__file__).parent / "wire"
PRICE = Price(input_usd=1, output_usd=10, cached_usd=0.1)
READ_TOOL = ToolSpec("read", "Read a file.", '{"type":"object","properties":{"path":{}}}')
Adapter = OpenAIResponses | OpenAIChat | Anthropic
KEY = "sk-very-secret-key-1234567890"


@dataclass(frozen=True)
class Wire:
    """One adapter and where its recorded bytes lie. `path` is what it asks for under `/v1`."""

    name: str
    adapter: Callable[..., Adapter]
    path: str
    signature: str
    cost_usd: float
    reasoning_tokens: int

    def info(self) -> ModelInfo:
        return ModelInfo(
            id=f"maker_{self.name}/some/model",
            provider=f"maker_{self.name}",
            context_tokens=200_000,
            output_tokens=8_000,
            inputs=("text", "image"),
            price=PRICE,
            abilities=frozenset({"tools", "parallel_tools", "images", "reasoning", "schema"}),
        )

    def body(self, name: str) -> bytes:
        return (WIRE_FOLDER / self.name / name).read_bytes()

    def model(self, transport: Transport, **more: Any) -> Adapter:
        base_url = more.pop("base_url", "http://maker.test/v1")
        info = more.pop("info", self.info())
        return self.adapter(info, base_url=base_url, api_key=KEY, transport=transport, **more)

    def reader(self) -> Reader:
        endpoint = Endpoint(f"maker_{self.name}", "http://maker.test/v1", {})
        match self.name:
            case "responses":
                return ResponsesReader(self.info(), endpoint)
            case "chat":
                return ChatReader(self.info(), endpoint, lambda: "made")
            case _:
                return MessagesReader(self.info(), endpoint)


WIRES = [
    # Cost: 200 fresh and 1000 cached input tokens, 50 output tokens.
    Wire("responses", OpenAIResponses, "/responses", "gAAAAABsealed==", 0.0008, 20),
    Wire("chat", OpenAIChat, "/chat/completions", "reasoning_content", 0.0008, 20),
    # Of its 200 fresh tokens, 100 were written to the cache at 1.25 times the price.
    Wire("messages", Anthropic, "/messages", "EqQBsealed==", 0.000825, 0),
]


class Clock:
    """Sleeps in no time and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def played(network: PlayedNetwork, clock: Clock | None = None) -> Transport:
    """Return a transport over recorded bytes, without jitter and without waiting."""
    return Transport(network=network, sleep=(clock or Clock()).sleep, random=lambda: 0.0)


def listener(heard: list[Retrying]) -> Callable[[Retrying], Awaitable[None]]:
    """Return an `on_retry` that keeps what it hears."""

    async def hear(retry: Retrying) -> None:
        heard.append(retry)

    return hear


def prompt(*messages: Message, **more: Any) -> Prompt:
    """Return a prompt with instructions and one tool."""
    return Prompt("Be brief.", messages or (user("Hello"),), tools=(READ_TOOL,), **more)


async def collect(model: Adapter, asked: Prompt) -> tuple[list[Delta], Assistant]:
    """Return the deltas and the reply of one call, checking that the reply comes last and once."""
    deltas: list[Delta] = []
    replies: list[Assistant] = []
    async for piece in model.stream(asked):
        assert not replies, "something came after the reply"
        if isinstance(piece, Delta):
            deltas.append(piece)
        else:
            replies.append(piece)
    assert len(replies) == 1
    return deltas, replies[0]


def answered(reply: Assistant) -> list[Message]:
    """Return the reply and one result for each of its calls."""
    results = [ToolResult(c.id, c.name, (Text(f"out of {c.id}"),)) for c in reply.calls]
    return [reply, *results]


def check_request(wire: Wire, body: dict[str, Any]) -> list[str]:
    """Check a request's pairing of calls and results; return the ids of its calls in order."""
    match wire.name:
        case "responses":
            items: list[dict[str, Any]] = body["input"]
            calls = [i["call_id"] for i in items if i["type"] == "function_call"]
            results = [i["call_id"] for i in items if i["type"] == "function_call_output"]
        case "chat":
            rows: list[dict[str, Any]] = body["messages"]
            calls = [c["id"] for row in rows for c in row.get("tool_calls", [])]
            results = [row["tool_call_id"] for row in rows if row["role"] == "tool"]
        case _:
            calls, results = _check_turns(body["messages"])
    assert len(set(calls)) == len(calls), "a call id stands twice"
    assert sorted(calls) == sorted(results)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call) for call in calls)
    return calls


def _check_turns(turns: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    calls: list[str] = []
    results: list[str] = []
    waiting: list[str] = []
    assert [t["role"] for t in turns] == [("user", "assistant")[n % 2] for n in range(len(turns))]
    for turn in turns:
        kinds = [block["type"] for block in turn["content"]]
        assert kinds, "a message without content"
        given = [b["tool_use_id"] for b in turn["content"] if b["type"] == "tool_result"]
        assert sorted(given) == sorted(waiting), "the results do not follow their calls"
        assert kinds[: len(given)] == ["tool_result"] * len(given), "results do not come first"
        assert "text" not in kinds or all(b.get("text", "x").strip() for b in turn["content"])
        waiting = [b["id"] for b in turn["content"] if b["type"] == "tool_use"]
        calls += waiting
        results += given
    assert not waiting
    return calls, results
