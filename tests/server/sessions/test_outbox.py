"""A slow reader: what is stored comes in order and once, what passes by may be left out."""

from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from kodo.core.events import Event, Noted
from kodo.core.thread import Entry
from kodo.server.sessions.outbox import MOST_REPLIES, MOST_WAITING, Outbox, Overflow, Subscription

pytestmark = pytest.mark.anyio


async def test_a_reader_that_falls_behind_reads_on_from_the_thread() -> None:
    stored: list[Entry] = []
    outbox = Outbox()
    reading = Subscription(
        lambda seq, limit: stored[seq : seq + limit], lambda entry: str(entry.event.seq), 0
    )
    sent: list[str] = []
    gate = anyio.Event()

    async def write(text: str) -> None:
        sent.append(text)
        await gate.wait()

    def happens() -> None:
        seq = len(stored) + 1
        stored.append(Entry(f"e{seq}", None, Event(seq, "r", datetime.now(UTC), Noted("x"))))
        outbox.hear_event(reading, seq, str(seq))
        outbox.hear_passing(reading, "passing")

    async def settled(count: int) -> None:
        with anyio.fail_after(20):
            while len([one for one in sent if one.isdigit()]) < count:
                await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outbox.send_all, write)
        outbox.add(reading)
        await anyio.lowlevel.checkpoint()
        for _ in range(MOST_WAITING * 3):  # nothing is read meanwhile, and nothing waits
            happens()
        gate.set()
        await settled(MOST_WAITING * 3)
        happens()
        await settled(MOST_WAITING * 3 + 1)
        tasks.cancel_scope.cancel()
    numbers = [int(one) for one in sent if one.isdigit()]
    assert numbers == list(range(1, MOST_WAITING * 3 + 2))
    assert sent.count("passing") < MOST_WAITING


async def test_replies_that_nobody_takes_are_not_kept_for_ever() -> None:
    outbox = Outbox()
    for _ in range(MOST_REPLIES):
        outbox.say("reply")
    with pytest.raises(Overflow):
        outbox.say("one more")
