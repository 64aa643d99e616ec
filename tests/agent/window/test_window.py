"""The window: for any thread and any size calls keep their results, and the marks only rise."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kodo.agent.window.head import SHARE
from kodo.agent.window.tokens import Gauge, estimate_tokens, message_tokens
from kodo.agent.window.window import Window
from kodo.core.events import (
    Event,
    Evicted,
    MessageAdded,
    PromptPart,
    PromptSent,
    RunStarted,
    Stored,
)
from kodo.core.messages import Assistant, Message, Text, ToolCall, ToolResult, Usage, User, user
from kodo.core.thread import Entry
from kodo.models.scripted import broken_exchange

AT = datetime(2026, 1, 2, tzinfo=UTC)
STARTED = RunStarted("t", "a/m", "tools", "/w", "local", "0")


class Script:
    """A thread as it grows, and the window that follows it."""

    def __init__(self, window_tokens: int) -> None:
        self.window = Window(window_tokens)
        self.entries: list[Entry] = []

    def add(self, *bodies: Stored) -> None:
        new: list[Entry] = []
        for body in bodies:
            seq = len(self.entries) + 1
            event = Event(seq, "run", AT + timedelta(seconds=seq), body)
            entry = Entry(f"id{seq}", f"id{seq - 1}" if seq > 1 else None, event)
            self.entries.append(entry)
            new.append(entry)
        self.window.take(new)

    def say(self, *messages: Message) -> None:
        self.add(*(MessageAdded(message) for message in messages))

    def evict(self, target: float, recent: float = 200, window_tokens: int = 0) -> Evicted | None:
        evicted = self.window.evict(target, recent, window_tokens, repaired=bool(window_tokens))
        if evicted is not None:
            self.add(evicted)
        return evicted

    def again(self) -> Window:
        """Return the window that the whole log makes at once."""
        made = Window(self.window.marks.window_tokens)
        made.take(self.entries)
        return made


def exchange(number: int, sizes: list[int], text: str = "") -> list[Message]:
    calls = tuple(ToolCall(f"c{number}.{at}", "t", f'{{"n":{number}}}') for at in range(len(sizes)))
    results = [
        ToolResult(call.id, "t", (Text(f"row of {call.id}\n" * size),))
        for call, size in zip(calls, sizes, strict=True)
    ]
    return [Assistant((Text(text), *calls) if text else calls, "a/m", "tool_calls"), *results]


def said(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


TURNS = st.lists(
    st.tuples(st.lists(st.integers(0, 300), max_size=4), st.booleans(), st.integers(0, 40)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(TURNS, st.integers(1_000, 12_000), st.integers(100, 4_000))
def test_whatever_is_evicted_the_conversation_stays_whole(
    turns: list[tuple[list[int], bool, int]], window_tokens: int, target: int
) -> None:
    script = Script(window_tokens)
    script.add(STARTED)
    script.say(user("GOAL: mend it.\nNever touch vendor/."))
    marks = script.window.marks
    for number, (sizes, steered, words) in enumerate(turns):
        script.say(*exchange(number, sizes, "word " * words))
        if steered:
            script.say(user(f"steering {number}"))
        if script.window.tokens > 2 * target:
            before = script.window.tokens
            evicted = script.evict(target)
            if evicted is not None:
                assert script.window.tokens < before or script.window.head_message is not None
        now = script.window.marks
        assert now.stubbed_to >= marks.stubbed_to
        assert now.shortened_to >= marks.shortened_to
        assert now.folded_to >= marks.folded_to
        marks = now
        messages = script.window.messages()
        assert broken_exchange(messages) is None
        assert isinstance(messages[0], User)
        assert "GOAL: mend it." in said(messages[0])
        assert "Never touch vendor/." in said(messages[0])
        assert script.window.tokens == sum(map(message_tokens, messages))
    # What the log alone tells is the very same.
    again = script.again()
    assert again.messages() == script.window.messages()
    assert again.digest() == script.window.digest()
    assert again.sizes == script.window.sizes


def test_results_go_first_then_texts_then_whole_exchanges() -> None:
    script = Script(100_000)
    script.add(STARTED)
    script.say(user("the task"))
    for number in range(30):
        script.say(*exchange(number, [400], "I look. " * 100))
    whole = script.window.tokens
    script.evict(whole * 0.8)
    states = {piece.kind: piece.state for piece in script.window.pieces[:3]}
    assert states == {"task": "whole", "reply": "whole", "result": "stub"}
    script.evict(whole * 0.16)
    states = {piece.kind: piece.state for piece in script.window.pieces[:3]}
    assert states == {"task": "whole", "reply": "short", "result": "short"}
    assert script.window.head_message is None
    script.evict(whole * 0.04)
    assert script.window.head_message is not None
    # the newest exchange is as it came, though everything else had to go
    script.evict(1)
    assert script.window.pieces[-1].kind == "result"
    assert script.window.marks.folded_to <= script.window.pieces[-2].seq


def test_evict_changes_nothing_until_it_is_recorded() -> None:
    script = Script(8_000)
    script.say(user("the task"), *exchange(1, [400]), *exchange(2, [3]))
    before = script.window.messages()
    evicted = script.window.evict(100, 50)
    assert evicted is not None
    assert script.window.messages() == before
    assert evicted.tokens > 0
    assert evicted.entries
    script.add(evicted)
    assert script.window.messages() != before
    assert script.window.tokens < sum(map(message_tokens, before))


def test_when_nothing_is_left_to_give() -> None:
    script = Script(8_000)
    script.say(user("the task"))
    assert script.window.evict(1, 0) is None
    script.say(*exchange(1, [400]))
    while script.evict(1, 0) is not None:
        pass
    assert script.window.tokens < 300
    assert script.window.evict(1, 0) is None


def test_a_plan_stays_as_it_is_until_there_is_a_newer_one() -> None:
    def plan(number: int) -> list[Message]:
        call = ToolCall(f"p{number}", "plan", "{}")
        steps = "".join(f"[ ] step {at} of plan {number}\n" for at in range(60))
        return [
            Assistant((call,), "a/m", "tool_calls"),
            ToolResult(call.id, "plan", (Text(steps),)),
        ]

    script = Script(40_000)
    script.say(user("the task"), *plan(1))
    for number in range(8):
        script.say(*exchange(number, [300]))
    script.evict(1_500)
    assert "step 59 of plan 1" in str(script.window.messages())
    script.say(*plan(2))
    for number in range(8, 16):
        script.say(*exchange(number, [300]))
    script.evict(1_500)
    text = "".join(map(str, script.window.messages()))
    assert "step 59 of plan 2" in text
    assert "step 30 of plan 1" not in text


def test_the_head_has_a_line_a_call_and_never_outgrows_its_share() -> None:
    script = Script(20_000)
    script.add(STARTED)
    script.say(user("TASK one"))
    for number in range(300):
        script.say(*exchange(number, [2], "I look at it." if number % 3 else ""))
        if number % 10 == 9:
            script.say(user(f"mind {number}"))
        if number == 150:
            script.add(STARTED)
            script.say(user("TASK two: " + "and also this. " * 30))
        if script.window.tokens > 6_000:
            script.evict(2_000)
    head = script.window.head_message
    assert head is not None
    text = said(head)
    assert estimate_tokens(text) < 20_000 * SHARE * 1.2
    for words in ("TASK one", "TASK two", "mind 9", "## What was done (e2 to e", "calls (t "):
        assert words in text
    assert "→ 3 lines" in text
    assert "you said: I look at it." in text


def test_a_smaller_window_cuts_what_is_there_already() -> None:
    script = Script(100_000)
    script.say(user("the task\n" + "word " * 9_000), *exchange(1, [2_000]))
    assert script.window.pieces[0].state == "whole"
    script.evict(4_000, 1_000, window_tokens=8_000)
    assert script.window.marks.window_tokens == 8_000
    assert script.window.pieces[0].state == "cut"
    assert script.again().messages() == script.window.messages()


def test_another_model_has_its_own_window_and_count() -> None:
    script = Script(100_000)
    script.add(STARTED)
    script.say(user("the task"), *exchange(1, [2_000]))
    script.evict(2_000, 1_000, window_tokens=8_000)
    script.window.gauge.factor = 2.0
    script.add(RunStarted("t", "b/other", "tools", "/w", "local", "0"))
    assert script.window.marks.window_tokens == 100_000
    assert script.window.gauge.factor == 1.0


def test_usage_teaches_the_gauge() -> None:
    script = Script(100_000)
    script.say(user("the task"))
    script.add(PromptSent("h", (PromptPart("transcript", 4_000),)))
    script.say(Assistant((Text("x"),), "a/m", usage=Usage(input_tokens=6_000)))
    assert script.window.gauge.factor == 1.25
    script.add(PromptSent("h", (PromptPart("sweep", 4_000),)))  # no part of the conversation
    script.say(Assistant((Text("x"),), "a/m", usage=Usage(input_tokens=90_000)))
    assert script.window.gauge.factor == 1.25


def test_a_gauge_believes_only_what_can_be() -> None:
    gauge = Gauge()
    for estimated, reported in ((100, 400), (4_000, 0), (4_000, 40_000), (4_000, 100)):
        gauge.learn(estimated, reported)
        assert gauge.factor == 1.0
    for _ in range(20):
        gauge.learn(4_000, 15_000)
    assert gauge.factor == 3.0
    gauge.correct(4_000, 4_400)
    assert gauge.real(1_000) == 1_100
