"""The scripted model: the format of CLI.md, and that it notices what goes wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.models.contract import Clock

from kodo.base.errors import AuthError, ConfigError, Overloaded
from kodo.core.messages import (
    Assistant,
    Delta,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from kodo.core.model import Prompt
from kodo.models.scripted import Scripted, ScriptError, Step, broken_exchange, load_script

pytestmark = pytest.mark.anyio


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "script.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


async def say(model: Scripted, *messages: Message) -> tuple[list[Delta], Assistant]:
    pieces = [piece async for piece in model.stream(Prompt("", messages or (user("hi"),)))]
    reply = pieces.pop()
    assert isinstance(reply, Assistant)
    return [piece for piece in pieces if isinstance(piece, Delta)], reply


async def test_every_field_of_a_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"expect": "h.", "reasoning": "hm", "text": "I read.", "calls": [{"name": "read",'
        ' "arguments": {"path": "a", "n": 1}}, {"name": "list", "arguments": "{broken"},'
        ' {"name": "plan"}], "usage": {"input_tokens": 3, "cost_usd": 0.5}}',
        "",
        '{"text": "cut", "stop": "length"}',
    )
    model = Scripted.from_file(path)
    deltas, reply = await say(model)
    assert reply == Assistant(
        (
            Reasoning("hm", None, "scripted"),
            Text("I read."),
            ToolCall("call_1_1", "read", '{"path":"a","n":1}'),
            ToolCall("call_1_2", "list", "{broken"),
            ToolCall("call_1_3", "plan", "{}"),
        ),
        f"scripted/{path}",
        "tool_calls",
        Usage(input_tokens=3, cost_usd=0.5),
    )
    assert "".join(d.text for d in deltas if d.kind == "text") == "I read."
    assert {(d.call_id, d.name) for d in deltas if d.kind == "call"} == {
        ("call_1_1", "read"),
        ("call_1_2", "list"),
        ("call_1_3", "plan"),
    }
    results = [ToolResult(call.id, call.name, (Text("out"),)) for call in reply.calls]
    _, second = await say(model, user("hi"), reply, *results)
    assert (second.text, second.stop) == ("cut", "length")
    assert [len(asked.messages) for asked in model.prompts] == [1, 5]
    await model.aclose()


async def test_long_text_comes_in_pieces() -> None:
    deltas, reply = await say(Scripted([Step(text="x" * 200)]))
    assert len(deltas) == 4
    assert "".join(delta.text for delta in deltas) == reply.text


async def test_an_unmet_expectation_names_the_line_and_the_text() -> None:
    model = Scripted([Step(expect="^out$")])
    call = Assistant((ToolCall("c", "t", "{}"),), "a/b")
    with pytest.raises(ScriptError, match=r"line 1 expects '\^out\$'.*'other'"):
        await say(model, call, ToolResult("c", "t", (Text("other"),)))
    await model.aclose()  # it has failed already; the lines left are no second error


async def test_a_missing_and_an_unused_line() -> None:
    model = Scripted([Step(text="a")])
    with pytest.raises(ScriptError, match="1 of its 1 lines were not used; the first is line 1"):
        model.finish()
    model = Scripted([Step(text="a"), Step(text="b")])
    await say(model)
    assert model.unused == 1
    with pytest.raises(ScriptError, match="line 2"):
        await model.aclose()
    model = Scripted([])
    with pytest.raises(ScriptError, match="0 lines and was asked for one more"):
        await say(model)


async def test_errors_and_delays_are_played(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"error": {"status": 429, "message": "slow", "retry_after_s": 2}, "delay_s": 1.5}',
        '{"error": {"status": 401, "message": "no"}}',
    )
    clock = Clock()
    model = Scripted(load_script(path), sleep=clock.sleep)
    with pytest.raises(Overloaded, match="slow") as caught:
        await say(model)
    assert (caught.value.retry_after_s, clock.waits) == (2, [1.5])
    with pytest.raises(AuthError):
        await say(model)
    await model.aclose()


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"txt": "x"}', "txt"),
        ('{"text": 1}', "text"),
        ('{"expect": "("}', "no regex"),
        ("nonsense", "malformed"),
    ],
)
def test_a_bad_line_is_named_before_anything_runs(tmp_path: Path, line: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=rf"script.jsonl:2: .*{wrong}"):
        Scripted.from_file(written(tmp_path, '{"text": "ok"}', line))
    with pytest.raises(ConfigError, match="cannot read"):
        Scripted.from_file(tmp_path / "none.jsonl")


async def test_a_prompt_that_is_no_whole_conversation_is_refused() -> None:
    model = Scripted([Step(text="x")])
    with pytest.raises(ScriptError, match=r"no result for \{'c': 't'\}"):
        await say(model, Assistant((ToolCall("c", "t", "{}"),), "a/b"))


def test_what_breaks_an_exchange() -> None:
    call = Assistant((ToolCall("c", "t", "{}"),), "a/b")
    twin = Assistant((ToolCall("c", "t", "{}"), ToolCall("c", "u", "{}")), "a/b")
    result = ToolResult("c", "t", ())
    assert broken_exchange((user("x"), call, result, call, result)) is None
    assert "answers no open call" in (broken_exchange((result,)) or "")
    assert "answers no open call" in (broken_exchange((call, result, result)) or "")
    assert "no result" in (broken_exchange((call, call, result)) or "")
    assert "two calls" in (broken_exchange((twin, result, result)) or "")


def test_a_scripted_run_loads_no_network() -> None:
    heavy = "{'httpcore2', 'httpx2', 'h11', 'email'}"
    code = (
        f"import sys, kodo.models.scripted, kodo.models.catalog; print({heavy} & {{*sys.modules}})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
