"""Messages are pure values; usage adds up without inventing costs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.core.messages import (
    Assistant,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    user,
)

COUNTS = st.integers(0, 10**9)
# One draw of five numbers: `builds` looks at the signature each time, which is slow under load.
USAGES = st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, st.none() | st.integers(0, 100)).map(
    lambda numbers: Usage(*numbers)
)


def test_calls_and_text_keep_their_order() -> None:
    first, second = ToolCall("1", "shell", "{}"), ToolCall("2", "read", "{}")
    reply = Assistant((Reasoning("r"), Text("a"), first, Text("b"), second), "m/m", "tool_calls")
    assert reply.calls == (first, second)
    assert reply.text == "ab"
    assert ToolResult("1", "shell", (Text("x"), Text("y"))).text == "xy"


def test_equal_messages_are_equal_and_cannot_change() -> None:
    assert user("a") == user("a") != user("b")
    assert hash(user("a")) == hash(user("a"))
    with pytest.raises(AttributeError):
        user("a").parts = ()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_message_is_told_by_its_tag() -> None:
    decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
    for message in (user("a"), Assistant((), "m/m"), ToolResult("1", "shell", ())):
        assert decoder.decode(msgspec.json.encode(message)) == message
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decoder.decode(b'{"type":"user","parts":[],"extra":1}')


@given(USAGES, USAGES, USAGES)
def test_usage_adds_up_in_any_order(a: Usage, b: Usage, c: Usage) -> None:
    assert a.plus(b) == b.plus(a)
    assert a.plus(b).plus(c) == a.plus(b.plus(c))
    assert a.plus(Usage()) == a == Usage().plus(a)
    assert a.plus(b).input_tokens == a.input_tokens + b.input_tokens
    assert a.plus(b).reasoning_tokens == a.reasoning_tokens + b.reasoning_tokens


def test_an_unknown_cost_makes_the_sum_unknown() -> None:
    known, unknown = Usage(1, 0, 1, 0, 0.5), Usage(1, 0, 1, 0)
    assert known.plus(known).cost_usd == 1.0
    assert known.plus(unknown).cost_usd is None
    assert unknown.plus(known).cost_usd is None
