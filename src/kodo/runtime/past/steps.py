"""The steps of two runs side by side: what was called and said, and where they part.

Knows entries of threads only. Guards against a false "same": calls are compared with their
arguments, replies without calls by their text.
"""

from collections.abc import Sequence
from itertools import zip_longest

from kodo.core.events import MessageAdded, RunEnded
from kodo.core.messages import Assistant, ToolResult, Value
from kodo.core.thread import Entry, Thread


class Step(Value, frozen=True):
    """One reply of a model: its calls, each with its arguments, or what it said; how they ended."""

    entry: int
    calls: tuple[str, ...]
    said: str = ""
    results: tuple[str, ...] = ()

    def does(self) -> tuple[str, ...] | str:
        """Return what two runs have to have in common here."""
        return self.calls or self.said


class Steps(Value, frozen=True):
    """The steps behind an entry, and how the run ended ("" where it has not)."""

    steps: tuple[Step, ...]
    outcome: str = ""
    model: str = ""
    tokens: int = 0


class Comparison(Value, frozen=True):
    """Two ways on from an entry. `same` steps are equal; `first` is where they part, 0 nowhere."""

    thread: str
    fork: str
    entry: int
    same: int
    first: int
    before: Steps
    after: Steps


def whole_exchange(thread: Thread, entry: Entry) -> Entry:
    """Return the entry, or the last one before it at which no call waits for its result."""
    open_since: Entry | None = None
    waiting: set[str] = set()
    previous: Entry | None = None
    for item in thread.path(entry.id):
        body = item.event.body
        if isinstance(body, MessageAdded):
            if isinstance(body.message, Assistant) and body.message.calls:
                waiting = {call.id for call in body.message.calls}
                open_since = previous
            elif isinstance(body.message, ToolResult):
                waiting.discard(body.message.call_id)
        previous = item
    return open_since if waiting and open_since is not None else entry


def steps_behind(thread: Thread, entry: Entry | None) -> Steps:
    """Return the steps on the current path behind an entry (None: all of them)."""
    steps: list[Step] = []
    outcome = model = ""
    tokens = 0
    for item in thread.since(entry.id if entry is not None else None) or ():
        match item.event.body:
            case MessageAdded(message=Assistant() as reply):
                calls = tuple(f"{call.name} {call.arguments}" for call in reply.calls)
                steps.append(Step(item.event.seq, calls, reply.text.strip()))
                model = reply.model
                tokens += reply.usage.input_tokens + reply.usage.output_tokens
            case MessageAdded(message=ToolResult() as result) if steps:
                last = steps[-1]
                results = (*last.results, result.outcome)
                steps[-1] = Step(last.entry, last.calls, last.said, results)
            case RunEnded(outcome=ended):
                outcome = ended
                break
            case _:
                pass
    return Steps(tuple(steps), outcome, model, tokens)


def compare(thread: str, fork: str, entry: Entry, before: Steps, after: Steps) -> Comparison:
    """Return where two runs part."""
    same = first = 0
    pairs: Sequence[tuple[Step | None, Step | None]] = list(zip_longest(before.steps, after.steps))
    for number, (old, new) in enumerate(pairs, 1):
        if old is not None and new is not None and old.does() == new.does():
            same += 1
        elif not first:
            first = number
    return Comparison(thread, fork, entry.event.seq, same, first, before, after)
