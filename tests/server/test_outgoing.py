"""What leaves over a WebSocket, seen from the server: which writes, in which order."""

import anyio
import msgspec
import pytest
from starlette.types import Message

from kodo.server.frames import FRAMES
from kodo.server.responses.encoding import Encoded
from kodo.server.responses.outgoing import Outgoing

pytestmark = pytest.mark.anyio


def event(number: int) -> Encoded:
    return Encoded("test", msgspec.json.encode(number))


async def test_events_that_come_together_leave_with_one_write_and_in_order() -> None:
    writes: list[list[bytes]] = []

    async def send(message: Message) -> None:
        writes.append(list(message[FRAMES]))

    async with anyio.create_task_group() as tasks:
        out = Outgoing({"extensions": {FRAMES: {}}}, send, tasks)
        await out.send([event(1), event(2)])
        await out.send([event(3)])
        assert writes == []
    assert writes == [[b"1", b"2", b"3"]]


async def test_flush_writes_at_once_and_nothing_twice() -> None:
    writes: list[list[bytes]] = []

    async def send(message: Message) -> None:
        writes.append(list(message[FRAMES]))

    async with anyio.create_task_group() as tasks:
        out = Outgoing({"extensions": {FRAMES: {}}}, send, tasks)
        await out.send([event(1)])
        await out.flush()
        assert writes == [[b"1"]]
    assert writes == [[b"1"]]


async def test_who_sends_waits_for_a_slow_reader() -> None:
    reads = anyio.Event()
    began = anyio.Event()
    done: list[int] = []

    async def send(message: Message) -> None:
        began.set()
        await reads.wait()

    async with anyio.create_task_group() as tasks:
        out = Outgoing({"extensions": {FRAMES: {}}}, send, tasks)

        async def second() -> None:
            await out.send([event(2)])
            done.append(2)

        await out.send([event(1)])
        await began.wait()
        tasks.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        assert done == []
        reads.set()
    assert done == [2]
