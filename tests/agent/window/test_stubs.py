"""Stubs: what was there, verbatim lines, true line numbers, arguments that stay JSON."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.agent.window.stubs import (
    cut_output,
    cut_words,
    short_arguments,
    short_output,
    short_reply,
    short_words,
    stub_output,
    title_of,
)
from kodo.agent.window.tokens import message_tokens
from kodo.base.text import cut_middle
from kodo.core.messages import (
    Assistant,
    Image,
    Outcome,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    user,
)

CALL = ToolCall("c", "shell", '{"command":"pytest -q","timeout_s":30}')
WHOLE = "".join(f"line {number} of the output\n" for number in range(1, 901)).replace(
    "line 400 of", "E   AssertionError: 400 of"
)


def output(text: str, outcome: Outcome = "ok", details: str = "") -> ToolResult:
    return ToolResult("c", "shell", (Text(text),), outcome, details)


def test_a_stub_says_what_was_there_and_how_to_get_it_back() -> None:
    result = output(f"{WHOLE}[exit code 1, 3.2 s]", "ok", '{"exit_code":1,"command":"x"}')
    stub = stub_output(result, "e42", title_of(CALL), 600)
    head, *lines = stub.text.split("\n")
    assert head == (
        '[e42 · shell(command="pytest -q", timeout_s=30) · exit code 1 · 901 lines, about 5,157 '
        'tokens; it left the window, get it back with recall("e42", 1, 901)]'
    )
    assert lines[:2] == ["line 1 of the output", "line 2 of the output"]
    assert "E   AssertionError: 400 of the output" in lines
    assert lines[-1] == "[exit code 1, 3.2 s]"
    assert (stub.call_id, stub.name, stub.outcome) == ("c", "shell", "ok")
    assert message_tokens(stub) < message_tokens(result) / 10


def numbered(stub: str) -> list[tuple[int, int]]:
    """Return the stretches that the marks of a stub name."""
    pairs = re.findall(r"\[… lines? (\d+)(?: to (\d+))? …\]", stub)
    return [(int(first), int(last or first)) for first, last in pairs]


@pytest.mark.parametrize("budget", [300, 800, 1600])
@pytest.mark.parametrize("cut", [None, 4_000, 12_000])
def test_what_a_stub_leaves_out_is_had_by_the_numbers_it_names(
    budget: int, cut: int | None
) -> None:
    text = WHOLE if cut is None else cut_middle(WHOLE, cut).text
    stub = stub_output(output(text), "e42", "shell()", budget).text
    lines = WHOLE.split("\n")[:-1]
    shown = [line for line in stub.split("\n")[1:] if not line.startswith("[… ")]
    left_out = [line for first, last in numbered(stub) for line in lines[first - 1 : last]]
    assert sorted(shown + left_out) == sorted(lines)


def test_a_cut_output_names_the_lines_that_are_missing() -> None:
    cut = cut_output(output(WHOLE), "e42", 2_000).text
    found = re.search(r'recall\("e42", (\d+), (\d+)\)', cut)
    assert found is not None
    head, _, rest = cut.partition("\n[… ")
    tail = rest.partition(" …]\n")[2]
    lines = WHOLE.split("\n")
    missing = lines[int(found[1]) - 1 : int(found[2])]
    assert "\n".join((head, *missing, tail)) == WHOLE
    assert cut_output(output("short"), "e42", 2_000) == output("short")


def test_what_is_short_stays() -> None:
    result = output("two\nlines\n")
    assert stub_output(result, "e1", "shell()", 400) is result
    assert short_output(result, "e1", "shell()") is result


def test_a_short_stub_is_one_line_and_counts_images() -> None:
    picture = ToolResult("c", "read", (Text("a.png\n" * 40), Image("image/png", "0" * 64)), "error")
    short = short_output(picture, "e7", 'read(path="a.png")')
    assert len(short.parts) == 1
    assert short.text.count("\n") == 0
    assert 'e7 · read(path="a.png") · error · 40 lines' in short.text
    assert "an image" in short.text


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("c", "t", ""),
        ToolCall("c", "t", "{broken"),
        ToolCall("c", "t", "[1, 2]"),
        ToolCall("c", "t", msgspec.json.encode({"a": "x\n" * 500}).decode()),
    ],
)
def test_a_title_is_one_short_line(call: ToolCall) -> None:
    title = title_of(call)
    assert title.startswith("t(")
    assert "\n" not in title
    assert len(title) < 180


def test_a_short_reply_keeps_its_calls_and_drops_its_reasoning() -> None:
    content = msgspec.json.encode({"path": "a.py", "content": "x = 1\n" * 500}).decode()
    reply = Assistant(
        (Reasoning("hm " * 500, "s", "a"), Text("word " * 400), ToolCall("c1", "write", content)),
        "a/m",
        "tool_calls",
    )
    short = short_reply(reply, "e41")
    assert [type(part) for part in short.parts] == [Text, ToolCall]
    assert 'recall("e41")' in short.text
    (call,) = short.calls
    assert (call.id, call.name) == ("c1", "write")
    arguments = msgspec.json.decode(call.arguments, type=dict[str, str])
    assert arguments["path"] == "a.py"
    assert arguments["content"].startswith("x = 1\nx = 1\n")
    assert 'bytes left the window: recall("e41") …]' in arguments["content"]
    plain = Assistant((Text("done"),), "a/m")
    assert short_reply(plain, "e1") is plain


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=2_000),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=20), JSON) | st.text(max_size=3_000))
def test_short_arguments_are_an_object_and_never_longer(given: dict[str, object] | str) -> None:
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    short = short_arguments(text, "e9")
    assert len(short) <= len(text)
    if short != text:
        assert isinstance(msgspec.json.decode(short), dict)


def test_a_long_task_keeps_head_tail_and_rules() -> None:
    story = "".join(f"It was the day number {number}.\n" for number in range(500))
    text = f"Mend the parser.\n{story}You must never touch vendor/.\n{story}Begin."
    short = short_words(text, "e3", 1_500)
    assert short.startswith("Mend the parser.\n")
    assert "You must never touch vendor/." in short
    assert "\nBegin.\n" in short
    assert short.endswith('get all of it with recall("e3", 1, 1003)]')
    assert len(short) < 2_000
    assert short_words("short", "e3", 1_500) == "short"


def test_one_endless_line_is_cut_too() -> None:
    short = short_words("word " * 20_000, "e3", 1_500)
    assert len(short) < 2_000
    assert 'recall("e3", 1, 1)' in short


def test_words_keep_their_images() -> None:
    picture = Image("image/png", "0" * 64)
    message = User((Text("see:\n" + "x\n" * 5_000), picture))
    cut = cut_words(message, "e3", 600)
    assert cut.parts[1] == picture
    assert message_tokens(cut) < message_tokens(message)
    assert cut_words(user("short"), "e3", 600) == user("short")
