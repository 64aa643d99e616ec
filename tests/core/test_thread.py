"""The thread: an append-only tree whose path, open calls and forks follow from its entries."""

from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded, Noted, Stored
from kodo.core.messages import Assistant, Message, Text, ToolCall, ToolResult, user
from kodo.core.thread import Entry, Thread, ThreadHeader

AT = datetime(2026, 1, 2, tzinfo=UTC)
HEADER = ThreadHeader("thread-1", AT, "/work")


def add(thread: Thread, body: Stored, entry_id: str = "") -> str:
    """Attach the next entry to the head and return its id."""
    name = entry_id or f"e{thread.next_seq}"
    thread.append(Entry(name, thread.head, Event(thread.next_seq, "run", AT, body)))
    return name


def say(thread: Thread, message: Message) -> str:
    return add(thread, MessageAdded(message))


def call(*names: str) -> Assistant:
    return Assistant(tuple(ToolCall(name, "shell", "{}") for name in names), "m/m", "tool_calls")


def result(name: str) -> ToolResult:
    return ToolResult(name, "shell", (Text("ok"),))


def ids(thread: Thread, to: str | None = None) -> list[str]:
    return [entry.id for entry in thread.path(to)]


def test_a_new_thread_is_empty() -> None:
    thread = Thread(HEADER)
    assert (thread.head, thread.next_seq) == (None, 1)
    assert (thread.path(), thread.messages(), thread.open_calls()) == ([], [], [])


def test_entries_follow_each_other() -> None:
    thread = Thread(HEADER)
    first = say(thread, user("a"))
    add(thread, Noted("no message"))
    last = say(thread, user("b"))
    assert ids(thread) == [first, "e2", last]
    assert ids(thread, first) == [first]
    assert thread.messages() == [user("a"), user("b")]
    assert (thread.head, thread.next_seq) == (last, 4)


def test_what_came_since_an_entry() -> None:
    thread = Thread(HEADER)
    assert thread.since(None) == []
    first = say(thread, user("a"))
    second = say(thread, user("b"))
    assert thread.since(None) == thread.path()
    assert [entry.id for entry in thread.since(first) or ()] == [second]
    assert thread.since(second) == []
    thread.move(first)
    third = say(thread, user("c"))
    assert thread.since(second) is None  # another branch
    assert [entry.id for entry in thread.since(first) or ()] == [third]


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    thread = Thread(HEADER)
    say(thread, user("a"))
    event = Event(2, "run", AT, Noted("x"))
    with pytest.raises(StoreError, match=r"'e9' names an unknown parent 'nobody'"):
        thread.append(Entry("e9", "nobody", event))
    with pytest.raises(StoreError, match=r"'e1' is already in thread 'thread-1'"):
        thread.append(Entry("e1", None, event))
    with pytest.raises(StoreError, match=r"no entry 'nobody' in thread 'thread-1'"):
        thread.path("nobody")
    with pytest.raises(StoreError, match=r"no entry 'nobody'"):
        thread.move("nobody")
    assert (thread.head, thread.next_seq) == ("e1", 2)


def test_moving_back_starts_a_branch_and_keeps_the_other() -> None:
    thread = Thread(HEADER)
    for text in "abc":
        say(thread, user(text))
    thread.move("e1")
    assert thread.messages() == [user("a")]
    say(thread, user("d"))
    assert ids(thread) == ["e1", "e4"]
    assert ids(thread, "e3") == ["e1", "e2", "e3"]
    assert thread.next_seq == 5


def test_open_calls_are_those_without_a_result_on_this_path() -> None:
    thread = Thread(HEADER)
    say(thread, call("1", "2", "3"))
    assert [item.id for item in thread.open_calls()] == ["1", "2", "3"]
    answered = say(thread, result("2"))
    assert [item.id for item in thread.open_calls()] == ["1", "3"]
    say(thread, result("1"))
    say(thread, result("3"))
    assert thread.open_calls() == []
    thread.move(answered)
    assert [item.id for item in thread.open_calls()] == ["1", "3"]


def test_a_fork_copies_the_path_under_fresh_ids() -> None:
    thread = Thread(HEADER)
    for text in "abc":
        say(thread, user(text))
    thread.move("e2")
    say(thread, user("d"))
    fresh = count(1)
    header = ThreadHeader("thread-2", AT, "/work", "", ("thread-1", "e4"))
    copy = thread.fork(header, lambda: f"f{next(fresh)}")
    assert copy.header == header
    assert copy.messages() == thread.messages() == [user("a"), user("b"), user("d")]
    assert ids(copy) == ["f1", "f2", "f3"]
    assert [entry.event.seq for entry in copy.path()] == [1, 2, 3]
    assert [entry.parent_id for entry in copy.path()] == [None, "f1", "f2"]
    say(copy, user("e"))
    assert thread.next_seq == 5


@given(st.lists(st.integers(0, 5), max_size=30))
def test_a_thread_built_again_from_its_entries_is_the_same(moves: list[int]) -> None:
    thread = Thread(HEADER)
    entries: list[Entry] = []
    for move in moves:
        if entries and move:
            thread.move(entries[-min(move, len(entries))].id)
        entry = Entry(
            f"e{thread.next_seq}",
            thread.head,
            Event(thread.next_seq, "run", AT, MessageAdded(user(str(move)))),
        )
        thread.append(entry)
        entries.append(entry)
    again = Thread(HEADER, iter(entries))
    assert again.head == thread.head
    assert again.path() == thread.path()
    for entry in entries:
        assert again.path(entry.id) == thread.path(entry.id)
        assert again.path(entry.id)[-1] == entry
