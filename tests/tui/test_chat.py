"""The inline conversation, typed into through a pipe, seen through a terminal emulator."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import pyte
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from kodo.core.events import Event, MessageAdded, Passing, RunEnded, RunStarted, Stored
from kodo.core.messages import Assistant, Delta, Text, User
from kodo.tui.chat import Chat, LineStream, Reopen, SlashCommand, Terminal

ENTER, CTRL_C, CTRL_D = "\r", "\x03", "\x04"


class AnsweringScreen(pyte.Screen):
    """A terminal that tells where its cursor is when it is asked."""

    reply: Callable[[str], None]

    def write_process_input(self, data: str) -> None:
        self.reply(data)


class Glass:
    """What prompt_toolkit writes to, seen as a terminal of 80 columns."""

    encoding = "utf-8"

    def __init__(self, reply: Callable[[str], None] = print) -> None:
        self._screen = AnsweringScreen(80, 30)
        self._screen.reply = reply
        self.changed: Callable[[], object] = bool
        self._screen.set_mode(20)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> int:
        self._stream.feed(text)
        self.changed()
        return len(text)

    def flush(self) -> None:
        return None

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no file")

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)


@dataclass
class FakeConversation:
    """A session whose runs do what the test says."""

    act: Callable[["FakeConversation"], Awaitable[None]]
    readers: list[Callable[[Event | Passing], None]] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    steered: list[str] = field(default_factory=list)
    interrupted: anyio.Event = field(default_factory=anyio.Event)

    def subscribe(self, reader: Callable[[Event | Passing], None]) -> None:
        self.readers.append(reader)

    def steer(self, message: User) -> None:
        self.steered.append(words(message))

    def tell(self, happening: Stored | Passing) -> None:
        for reader in self.readers:
            if isinstance(happening, Passing):
                reader(happening)
            else:
                reader(Event(1, "r", datetime(2026, 1, 1, tzinfo=UTC), happening))

    async def run(self, task: User) -> RunEnded:
        self.tasks.append(words(task))
        self.tell(RunStarted(words(task), "lab/m", "tools", "/w", "bwrap", "0"))
        try:
            await self.act(self)
        except anyio.get_cancelled_exc_class():
            self.interrupted.set()
            raise
        ended = RunEnded("unverified", "")
        self.tell(ended)
        return ended


def words(message: User) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


@dataclass
class Stage:
    """An open chat: keys go in, the glass shows what comes out."""

    chat: Chat
    keys: PipeInput
    glass: Glass
    left: anyio.Event = field(default_factory=anyio.Event)
    result: Reopen | None = None

    async def sees(self, text: str) -> None:
        """Wait until the terminal shows a text."""
        loop = asyncio.get_running_loop()
        with anyio.fail_after(10):
            while True:
                changed = anyio.Event()
                self.glass.changed = partial(loop.call_soon_threadsafe, changed.set)
                if text in self.glass.text():
                    return
                await changed.wait()

    async def leave(self) -> None:
        self.keys.send_text(CTRL_D)
        with anyio.fail_after(10):
            await self.left.wait()


@asynccontextmanager
async def open_stage(
    conversation: FakeConversation, root: Path, *commands: SlashCommand, first: str = ""
) -> AsyncGenerator[Stage]:
    with create_pipe_input() as keys:
        glass = Glass(keys.send_text)
        output = Vt100_Output(
            glass,  # type: ignore[arg-type]
            lambda: Size(rows=30, columns=80),
            term="xterm",
        )
        chat = Chat(
            conversation,
            root,
            list(commands),
            title="lab/m",
            colour=False,
            width=80,
            terminal=Terminal(keys, output),
        )
        stage = Stage(chat, keys, glass)

        async def talk() -> None:
            stage.result = await chat.talk(first)
            stage.left.set()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(talk)
                yield stage


async def answer(conversation: FakeConversation) -> None:
    for piece in ("Here is **it", "**.\n\nAnd more."):
        conversation.tell(Delta("text", piece))
    text = "Here is **it**.\n\nAnd more."
    conversation.tell(MessageAdded(Assistant((Text(text),), "lab/m")))


@pytest.mark.anyio
async def test_a_task_is_typed_and_its_answer_stands_above_the_prompt(workspace: Path) -> None:
    conversation = FakeConversation(answer)
    async with open_stage(conversation, workspace) as stage:
        await stage.sees("lab/m")
        stage.keys.send_text(f"hello{ENTER}")
        await stage.sees("UNVERIFIED")
        await stage.leave()
    shown = stage.glass.text()
    assert conversation.tasks == ["hello"]
    assert "Here is it." in shown
    assert "And more." in shown
    assert "**" not in shown


@pytest.mark.anyio
async def test_what_is_typed_while_it_works_steers_and_ctrl_c_interrupts(workspace: Path) -> None:
    async def work(conversation: FakeConversation) -> None:
        await anyio.sleep_forever()

    conversation = FakeConversation(work)
    async with open_stage(conversation, workspace, first="begin") as stage:
        await stage.sees("starting")
        stage.keys.send_text(f"look at b too{ENTER}")
        await stage.sees("→ look at b too")
        stage.keys.send_text(CTRL_C)
        await conversation.interrupted.wait()
        stage.keys.send_text(f"again{ENTER}")
        await stage.sees("› again")
        await stage.leave()
    assert conversation.tasks == ["begin", "again"]
    assert conversation.steered == ["look at b too"]


@pytest.mark.anyio
@pytest.mark.parametrize(("typed", "allowed"), [("y", True), ("n", False), ("", False)])
async def test_a_question_is_answered_by_what_is_typed_next(
    workspace: Path, typed: str, *, allowed: bool
) -> None:
    answers: list[str] = []
    chats: list[Chat] = []

    async def work(conversation: FakeConversation) -> None:
        answers.append(await chats[0].ask("run shell rm -rf build?", "not contained"))

    async with open_stage(FakeConversation(work), workspace) as stage:
        chats.append(stage.chat)
        stage.keys.send_text(f"go{ENTER}")
        await stage.sees("allow? [y/N]")
        await stage.sees("rm -rf build")
        stage.keys.send_text(f"{typed}{ENTER}")
        await stage.sees("UNVERIFIED")
        await stage.leave()
    assert answers == ["yes" if allowed else "no"]


@pytest.mark.anyio
async def test_slash_commands_run_and_may_end_the_chat(workspace: Path) -> None:
    given: list[str] = []

    async def act(rest: str) -> Reopen | None:
        given.append(rest)
        return Reopen(model=rest)

    command = SlashCommand("/model", "change it", act)
    async with open_stage(FakeConversation(answer), workspace, command) as stage:
        stage.keys.send_text(f"/nope{ENTER}")
        await stage.sees("unknown command /nope")
        stage.keys.send_text(f"/model lab/other{ENTER}")
        with anyio.fail_after(10):
            await stage.left.wait()
    assert given == ["lab/other"]
    assert stage.result == Reopen(model="lab/other")


@pytest.mark.anyio
async def test_only_whole_lines_reach_the_terminal(workspace: Path) -> None:
    glass = Glass()
    lines = LineStream()
    with create_app_session(output=Vt100_Output(glass, lambda: Size(rows=30, columns=80))):  # type: ignore[arg-type]
        lines.write("half")
        await lines.print_now()
        assert glass.text().strip() == ""
        lines.write(" and half\nnext")
        await lines.print_now()
    assert glass.text().strip() == "half and half"
