"""A `kodo serve` in the foreground that lends its models, over a real socket, the model a fake."""

import socket
import stat
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.runtime.resident.test_keeper import Echo, Heard, answer, keeping

from kodo.core.messages import Assistant, Text
from kodo.core.model import Model
from kodo.runtime.resident import words
from kodo.runtime.resident.asking import ask_lender, ask_stop, borrow
from kodo.runtime.resident.lender import lending
from kodo.runtime.resident.place import Place
from kodo.runtime.resident.words import Call, Report, Status

pytestmark = pytest.mark.anyio
OURS = Assistant((Text("hi hi"),), "lent")
THEIRS = Assistant((Text("hi hi"),), "resident")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "run")


def idle() -> AbstractContextManager[None]:
    return nullcontext()


async def test_commands_use_a_model_that_is_lent(place: Place) -> None:
    working: list[str] = []

    @contextmanager
    def held() -> Generator[None]:
        working.append("began")
        yield
        working.append("ended")

    heard, lent = Heard(), {"local/echo": Echo("lent")}
    async with lending(place, lambda: lent, held) as lends:
        assert lends
        assert stat.S_IMODE(place.lending.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
        assert await answer(heard.model(place), "hi") == ("hi hi", OURS)
        assert await anyio.to_thread.run_sync(ask_stop, place) is None
        report = await anyio.to_thread.run_sync(ask_lender, place)
        assert report is not None
        assert (report.models, report.answered) == (("local/echo",), 1)
        async with lending(place, lambda: lent, idle) as second:
            assert not second
        assert place.lending.exists()
    assert (working, heard.notes) == (["began", "ended"], [])
    assert not place.lending.exists()
    assert borrow(place, "local/echo") is None


async def test_a_model_that_is_not_lent_is_asked_of_the_resident(place: Place) -> None:
    heard, lent = Heard(), {"local/other": Echo("lent")}
    async with (
        lending(place, lambda: lent, idle),
        keeping(place, lambda name: Echo("resident")),
    ):
        assert (await answer(heard.model(place), "hi"))[1] == THEIRS
    assert heard.notes == []


def of_another_version(call: Call) -> bytes:
    report = Report(1, "0.0.0 elsewhere", ("local/echo",), 0, 0, 0.0)
    return words.line(report if isinstance(call.ask, Status) else words.Mismatch("0.0.0"))


def breaking_off(call: Call) -> bytes:
    report = Report(1, words.VERSION, ("local/echo",), 0, 0, 0.0)
    return words.line(report) if isinstance(call.ask, Status) else b""


def no_kodo(call: Call) -> bytes:
    del call
    return b"HTTP/1.1 400 Bad Request\r\n\r\n"


@pytest.mark.parametrize("says", [of_another_version, breaking_off, no_kodo])
async def test_a_lender_that_is_of_no_use_is_passed_over_silently(
    place: Place, says: Callable[[Call], bytes]
) -> None:
    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send(says(words.calls.decode(await stream.receive())))

    def make(name: str) -> Model:
        return Echo("resident")

    heard = Heard()
    place.make()
    async with (
        await anyio.create_unix_listener(str(place.lending)) as listener,
        anyio.create_task_group() as tasks,
        keeping(place, make),
    ):
        tasks.start_soon(listener.serve, serve)
        assert (await answer(heard.model(place), "hi"))[1] == THEIRS
        tasks.cancel_scope.cancel()
    assert heard.notes == []


async def test_a_socket_of_a_lender_that_is_gone_is_no_hindrance(place: Place) -> None:
    place.make()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.lending))
    heard = Heard()
    async with keeping(place, lambda name: Echo("resident")):
        assert (await answer(heard.model(place), "hi"))[1] == THEIRS
    async with lending(place, lambda: {"local/echo": Echo("lent")}, idle) as lends:
        assert lends
        assert (await answer(heard.model(place), "hi"))[1] == OURS
