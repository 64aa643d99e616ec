"""The embedded model over an engine that plays lines: what it is asked, and what comes of it."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec
import pytest

from kodo.base.errors import ConfigError, ModelError
from kodo.core.messages import Assistant, Delta, Text, ToolCall, ToolResult, user
from kodo.core.model import Hole, Prompt, ToolSpec
from kodo.engine.request import (
    Event,
    Finished,
    Piece,
    Reading,
    Request,
    TextEngine,
    Timings,
    TokenScore,
    Turn,
)
from kodo.models import local_calls
from kodo.models.local import LocalModel, turns

pytestmark = pytest.mark.anyio

SHELL = ToolSpec("shell", "Run a command.", '{"type":"object","properties":{"command":{}}}')


class PlayedEngine:
    """A TextEngine that answers sample i with line i, and keeps what it was asked."""

    def __init__(self, *lines: str, scores: Sequence[float] = (), cut: bool = False) -> None:
        self.context_tokens = 512
        self._lines = lines
        self._scores = scores
        self._stop: str = "length" if cut else "end"
        self.requests: list[Request] = []
        self.turns: list[Turn] = []
        self.closed = 0

    async def render(self, turns: Sequence[Turn]) -> str:
        self.turns = list(turns)
        return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        yield Reading(10, 10)
        for sample in range(request.samples):
            line = self._lines[sample]
            yield Piece(sample, line)
            score = (TokenScore(line, self._scores[sample]),) if self._scores else ()
            yield Finished(
                sample,
                line,
                "length" if self._stop == "length" else "end",
                score,
                Timings(10, 4, 100.0, 3, 10.0),
            )

    async def aclose(self) -> None:
        self.closed += 1


def model_of(engine: TextEngine, tmp_path: Path, name: str = "m.gguf") -> LocalModel:
    """Return a model over `engine`; a catalog name skips the file check, which `open` does."""

    async def open_engine(path: Path, context_tokens: int) -> TextEngine:
        return engine

    if not name.endswith(".gguf"):
        return LocalModel(_folder_with(tmp_path, name), name, open_engine)
    (tmp_path / name).write_bytes(b"GGUF")
    return LocalModel(tmp_path, str(tmp_path / name), open_engine)


def _folder_with(tmp_path: Path, name: str) -> Path:
    file = tmp_path / f"{name}-instruct-q4_k_m.gguf"
    with file.open("wb") as sparse:
        sparse.write(b"GGUF")
        sparse.truncate(491_400_064)  # takes no space on disk
    return tmp_path


async def test_text_streams_and_ends_in_one_reply(tmp_path: Path) -> None:
    engine = PlayedEngine("hello")
    model = model_of(engine, tmp_path)
    heard = [item async for item in model.stream(Prompt("Be terse.", (user("hi"),), seed=3))]
    assert heard[:2] == [Delta("prefill", done=10, total=10), Delta("text", "hello")]
    reply = heard[-1]
    assert isinstance(reply, Assistant)
    assert (reply.text, reply.stop, reply.model) == ("hello", "end", model.info.id)
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (10, 4, 3)
    assert engine.turns == [Turn("system", "Be terse."), Turn("user", "hi")]
    assert (engine.requests[0].seed, engine.requests[0].temperature) == (3, 0.0)


async def test_tools_become_a_schema_and_a_call(tmp_path: Path) -> None:
    engine = PlayedEngine('{"tool": "shell", "arguments": {"command": "ls"}}')
    model = model_of(engine, tmp_path)
    heard = [item async for item in model.stream(Prompt("", (user("hi"),), (SHELL,)))]
    reply = heard[-1]
    assert isinstance(reply, Assistant)
    assert reply.stop == "tool_calls"
    assert reply.calls == (ToolCall("call_1", "shell", '{"command": "ls"}'),)
    assert "- shell: Run a command." in engine.turns[0].content
    tree = msgspec.json.decode(engine.requests[0].schema or "")
    assert tree["anyOf"][0]["properties"]["tool"] == {"const": "shell"}


@pytest.mark.parametrize(
    ("line", "cut", "text", "stop"),
    [
        ('{"answer": "done"}', False, "done", "end"),
        ('{"tool": "shell", "argu', True, '{"tool": "shell", "argu', "length"),
        ("free text", False, "free text", "end"),
    ],
)
async def test_what_is_no_call_is_text(
    tmp_path: Path, line: str, cut: bool, text: str, stop: str
) -> None:
    model = model_of(PlayedEngine(line, cut=cut), tmp_path)
    reply = [item async for item in model.stream(Prompt("", (user("hi"),), (SHELL,)))][-1]
    assert isinstance(reply, Assistant)
    assert (reply.text, reply.stop, reply.calls) == (text, stop, ())


def test_a_thread_with_calls_becomes_alternating_turns() -> None:
    call = ToolCall("call_1", "shell", '{"command": "ls"}')
    found = turns(
        Prompt(
            "",
            (
                user("a"),
                user("b"),
                Assistant((Text("I look."), call), "local/x", "tool_calls"),
                ToolResult("call_1", "shell", (Text("file"),)),
                user("go on"),
            ),
        )
    )
    assert [turn.role for turn in found] == ["user", "assistant", "user"]
    assert found[0].content == "a\n\nb"
    assert local_calls.read(found[1].content.split("\n", 1)[1], "call_1", ()) == call
    assert found[2].content == "Result of shell (ok):\nfile\n\ngo on"


async def test_samples_share_one_prompt(tmp_path: Path) -> None:
    engine = PlayedEngine("a", "b", "c")
    model = model_of(engine, tmp_path)
    heard: list[Delta] = []

    async def on_delta(delta: Delta) -> None:
        heard.append(delta)

    replies: list[Assistant] = []
    await model.sample(Prompt("", (user("hi"),), temperature=0.8), 3, on_delta, replies.append)
    assert [reply.text for reply in replies] == ["a", "b", "c"]
    assert [reply.usage.input_tokens for reply in replies] == [10, 0, 0]
    assert len(engine.requests) == 1
    assert [delta.text for delta in heard if delta.kind == "text"] == ["a"]


async def test_holes_are_filled_likeliest_first_without_duplicates(tmp_path: Path) -> None:
    engine = PlayedEngine("    x", "    y", "    x", scores=(-2.0, -0.5, -1.0))
    model = model_of(engine, tmp_path, "qwen2.5-coder-0.5b")
    assert {"complete", "small", "sample"} <= model.info.abilities
    hole = Hole("def f():\n    ", "\n", stop=("\n",), temperature=0.8)
    found = await model.complete(hole, 3)
    assert [(candidate.text, candidate.mean_logprob) for candidate in found] == [
        ("y", -0.5),
        ("x", -2.0),
    ]
    assert engine.requests[0].prompt.endswith("<|fim_middle|>def f():\n")


async def test_a_model_without_markers_refuses_holes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot fill holes"):
        await model_of(PlayedEngine(), tmp_path).complete(Hole("a", "b"))


async def test_the_engine_is_loaded_once_and_closed(tmp_path: Path) -> None:
    engine = PlayedEngine("x")
    model = model_of(engine, tmp_path)
    await model.aclose()
    assert engine.closed == 0
    [item async for item in model.stream(Prompt("", (user("hi"),)))]
    await model.aclose()
    await model.aclose()
    assert engine.closed == 1


async def test_unknown_and_absent_models_name_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kodo models list"):
        LocalModel(tmp_path, "gpt-9")
    with pytest.raises(ConfigError, match=r"nothing\.gguf"):
        LocalModel(tmp_path, str(tmp_path / "nothing.gguf"))
    model = LocalModel(tmp_path, "smollm2-135m")
    with pytest.raises(ModelError, match="kodo models pull smollm2-135m"):
        [item async for item in model.stream(Prompt("", (user("hi"),)))]
