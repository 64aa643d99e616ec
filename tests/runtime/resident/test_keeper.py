"""The resident engine and its callers over a real socket, the model scripted or a small fake."""

import errno
import os
import socket
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from kodo.base.errors import ContextOverflow, ModelError
from kodo.core.events import Retrying
from kodo.core.messages import Assistant, Delta, Text, user
from kodo.core.model import Candidate, Hole, Model, ModelInfo, Prompt
from kodo.runtime.resident import words
from kodo.runtime.resident.asking import ask_status, ask_stop
from kodo.runtime.resident.client import ResidentModel, needed
from kodo.runtime.resident.keeper import Keeper
from kodo.runtime.resident.place import Place, locked
from kodo.runtime.resident.start import ensure
from kodo.runtime.resident.words import Call, Mismatch

pytestmark = pytest.mark.anyio
INFO = ModelInfo("local/echo", "local", 1000, 100)


class Echo:
    """A model that says the prompt's newest text, twice; `hold` keeps an answer from its end."""

    def __init__(self, name: str = "local/echo") -> None:
        self.name = name
        self.hold: anyio.Event | None = None
        self.left = anyio.Event()
        self.closed = False
        self.asked = 0

    @property
    def info(self) -> ModelInfo:
        return INFO

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        self.asked += 1
        newest = prompt.messages[-1]
        text = newest.parts[0].text if isinstance(newest.parts[0], Text) else ""
        if text == "too long":
            raise ContextOverflow("it is too long", limit_tokens=5, prompt_tokens=7)
        if text == "fault":
            raise RuntimeError("a fault of the engine")
        try:
            yield Delta("prefill", done=1, total=1)
            yield Delta("text", f"{text} ")
            if self.hold is not None:
                await self.hold.wait()
            yield Delta("text", text)
            yield Assistant((Text(f"{text} {text}"),), self.name)
        finally:
            self.left.set()

    async def sample(
        self,
        prompt: Prompt,
        samples: int,
        on_delta: Callable[[Delta], Awaitable[None]],
        on_reply: Callable[[Assistant], None],
    ) -> None:
        for number in range(samples):
            await on_delta(Delta("text", str(number)))
            on_reply(Assistant((Text(str(number)),), self.name))

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        return [Candidate(f"{hole.prefix}|{hole.suffix}", -0.5)] * samples

    async def aclose(self) -> None:
        self.closed = True


def listening(place: Place) -> socket.socket:
    place.make()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place.socket))
    listener.listen()
    return listener


@asynccontextmanager
async def keeping(
    place: Place, make: Callable[[str], Model], idle_s: float = 600
) -> AsyncGenerator[None]:
    listener = listening(place)
    ready = anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Keeper(place, make, idle_s).serve, listener, ready.set)
            await ready.wait()
            yield
            tasks.cancel_scope.cancel()
    finally:
        listener.close()
        place.socket.unlink(missing_ok=True)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "run")


class Heard:
    """What was noted, and the model that was made in this process."""

    def __init__(self) -> None:
        self.notes: list[Retrying] = []
        self.own = Echo("own")

    async def note(self, retrying: Retrying) -> None:
        self.notes.append(retrying)

    def model(self, place: Place) -> ResidentModel:
        variables = {"PATH": "/nowhere", "HOME": "/nowhere"}
        return ResidentModel(
            INFO, place, variables, idle_s=5, make_own=lambda: self.own, on_note=self.note
        )


async def answer(model: ResidentModel, text: str) -> tuple[str, Assistant]:
    """Return the text of all deltas, and the reply."""
    said: list[str] = []
    async for piece in model.stream(Prompt("", (user(text),))):
        if isinstance(piece, Assistant):
            return "".join(said), piece
        said.append(piece.text)
    raise AssertionError("no reply")


async def test_all_three_ways_of_asking(place: Place) -> None:
    echo, heard = Echo(), Heard()
    async with keeping(place, lambda name: echo):
        model = heard.model(place)
        assert await answer(model, "hi") == ("hi hi", Assistant((Text("hi hi"),), "local/echo"))
        replies: list[Assistant] = []
        deltas: list[Delta] = []

        async def hear(delta: Delta) -> None:
            deltas.append(delta)

        await model.sample(Prompt("", (user("x"),)), 3, hear, replies.append)
        assert [reply.text for reply in replies] == ["0", "1", "2"]
        assert len(deltas) == 3
        assert await model.complete(Hole("a", "b"), 2) == [Candidate("a|b", -0.5)] * 2
        await model.aclose()
    assert (heard.notes, echo.asked) == ([], 1)


async def test_errors_arrive_as_they_were_raised(place: Place) -> None:
    async with keeping(place, lambda name: Echo()):
        with pytest.raises(ContextOverflow, match="too long") as caught:
            await answer(Heard().model(place), "too long")
    assert (caught.value.limit_tokens, caught.value.prompt_tokens) == (5, 7)


async def test_leaving_an_answer_frees_the_engine(place: Place) -> None:
    echo = Echo()
    echo.hold = anyio.Event()
    async with keeping(place, lambda name: echo):
        stream = Heard().model(place).stream(Prompt("", (user("hi"),)))
        await anext(stream)
        await stream.aclose()
        with anyio.fail_after(5):
            await echo.left.wait()


async def test_another_model_takes_the_place_of_an_idle_one(place: Place) -> None:
    made: list[Echo] = []

    def make(name: str) -> Model:
        made.append(Echo(name))
        return made[-1]

    async with keeping(place, make):
        for name in ("local/a", "local/b", "local/b"):
            info = ModelInfo(name, "local", 1, 1)
            heard = Heard()
            model = ResidentModel(
                info, place, {}, idle_s=5, make_own=lambda: Echo(), on_note=heard.note
            )
            await answer(model, "x")
    assert [(echo.name, echo.asked) for echo in made] == [("local/a", 1), ("local/b", 2)]
    assert made[0].closed


class Slow(Echo):
    """Takes until `let_go` to close."""

    def __init__(self, name: str, closing: anyio.Event, let_go: anyio.Event) -> None:
        super().__init__(name)
        self._closing, self._let_go = closing, let_go

    async def aclose(self) -> None:
        self._closing.set()
        await self._let_go.wait()
        self.closed = True


async def test_two_callers_at_once_load_a_model_once(place: Place) -> None:
    made: list[Echo] = []
    closing, let_go = anyio.Event(), anyio.Event()

    def make(name: str) -> Model:
        made.append(Slow(name, closing, let_go))
        return made[-1]

    async def ask(name: str) -> None:
        info = ModelInfo(name, "local", 1, 1)
        await answer(
            ResidentModel(info, place, {}, idle_s=5, make_own=Echo, on_note=Heard().note), "x"
        )

    async with keeping(place, make):
        await ask("local/a")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "local/b")
            await closing.wait()
            tasks.start_soon(ask, "local/b")
            while True:  # until both are being answered
                report = await anyio.to_thread.run_sync(ask_status, place)
                if report is not None and report.calls == 2:
                    break
            let_go.set()
    assert [(echo.name, echo.asked) for echo in made] == [("local/a", 1), ("local/b", 2)]


class Full(socket.socket):
    """A listening socket of a process that has no file left, twice."""

    refused = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.refused < 2:
            self.refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_it_lives_on_when_files_run_out(place: Place) -> None:
    place.make()
    with Full(socket.AF_UNIX) as listener:
        listener.bind(str(place.socket))
        listener.listen()
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()
            keeper = Keeper(place, lambda name: Echo(), 600)
            tasks.start_soon(keeper.serve, listener, ready.set)
            await ready.wait()
            assert (await answer(Heard().model(place), "hi"))[0] == "hi hi"
            tasks.cancel_scope.cancel()
        assert listener.refused == 2


async def test_a_fault_in_one_call_is_told_and_ends_no_other(place: Place) -> None:
    async with keeping(place, lambda name: Echo()):
        with pytest.raises(ModelError, match="RuntimeError: a fault of the engine"):
            await answer(Heard().model(place), "fault")
        assert (await answer(Heard().model(place), "hi"))[1].model == "local/echo"


async def test_status_and_stop(place: Place) -> None:
    assert ask_status(place) is None
    echo = Echo()
    listener = listening(place)
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        tasks.start_soon(Keeper(place, lambda name: echo, 600).serve, listener, ready.set)
        await ready.wait()
        await answer(Heard().model(place), "hi")
        report = await anyio.to_thread.run_sync(ask_status, place)
        assert report is not None
        assert (report.pid, report.models, report.answered) == (os.getpid(), ("local/echo",), 1)
        assert await anyio.to_thread.run_sync(ask_stop, place) is not None
    listener.close()
    assert echo.closed


async def test_it_ends_when_idle_or_when_its_socket_has_gone(place: Place) -> None:
    for idle_s, remove in ((0.05, False), (600.0, True)):
        listener = listening(place)
        keeper = Keeper(place, lambda name: Echo(), idle_s, look_s=0.02)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                ready = anyio.Event()
                tasks.start_soon(keeper.serve, listener, ready.set)
                await ready.wait()
                if remove:
                    place.socket.unlink()
        listener.close()
        place.socket.unlink(missing_ok=True)


async def test_another_version_is_told_so(place: Place) -> None:
    async with keeping(place, lambda name: Echo()):
        ask = words.Stream(Prompt("", (user("hi"),)))
        async with await anyio.connect_unix(str(place.socket)) as stream:
            await stream.send(words.line(Call("0.0.0 elsewhere", "local/echo", ask)))
            assert words.words.decode(await stream.receive()) == Mismatch(words.VERSION)
        async with await anyio.connect_unix(str(place.socket)) as stream:
            await stream.send(b'{"words": "of another time"}\n')
            assert words.words.decode(await stream.receive()) == Mismatch(words.VERSION)


async def test_where_none_can_be_started_the_model_runs_here_and_says_so_once(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    heard = Heard()
    model = heard.model(Place(blocked / "run"))
    assert (await answer(model, "hi"))[1].model == "own"
    assert (await answer(model, "hi"))[1].model == "own"
    assert "in this process" in heard.notes[0].error
    assert len(heard.notes) == 1
    await model.aclose()
    assert heard.own.closed


async def test_an_answer_that_breaks_off_is_given_again_from_where_it_was(place: Place) -> None:
    place.make()
    heard = Heard()
    model = heard.model(place)
    calls = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal calls
        calls += 1
        async with stream:
            with suppress(anyio.EndOfStream):
                await stream.receive()
            await stream.send(words.line(words.Said(Delta("text", "hi h"))))

    answers: list[tuple[str, Assistant]] = []
    async with (
        await anyio.create_unix_listener(str(place.socket)) as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, serve)
        answers.append(await answer(model, "hi"))
        tasks.cancel_scope.cancel()
    [(said, reply)] = answers
    assert (calls, reply.model, said) == (2, "own", "hi hi")
    assert len(heard.notes) == 1


def test_the_folder_is_private(place: Place) -> None:
    place.make()
    place.folder.chmod(0o755)
    place.make()
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    with pytest.raises(OSError, match="too long"):
        Place(place.folder / ("x" * 100)).make()


def test_no_keys_go_to_the_resident() -> None:
    found = needed({"OPENAI_API_KEY": "sk", "HOME": "/h", "XDG_DATA_HOME": "/d", "SECRET": "x"})
    assert found == {"HOME": "/h", "XDG_DATA_HOME": "/d"}


def test_a_lock_has_one_holder(place: Place) -> None:
    place.make()
    with locked(place.alive, wait=False) as first, locked(place.alive, wait=False) as second:
        assert (first, second) == (True, False)


async def test_callers_at_the_same_time_start_one_process(place: Place) -> None:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    connections: list[socket.socket] = []

    async def start() -> None:
        connections.append(await anyio.to_thread.run_sync(ensure, place, variables, 30.0))

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(start)
        pids = {report.pid for _ in range(4) if (report := ask_status(place))}
        assert len(connections) == 4
        assert len(pids) == 1
        assert stat.S_IMODE(place.socket.stat().st_mode) == 0o600
    finally:
        for connection in connections:
            connection.close()
        ended = await anyio.to_thread.run_sync(ask_stop, place)
    assert ended is not None
    assert ask_status(place) is None
    await anyio.to_thread.run_sync(os.waitpid, ended.pid, 0)
