"""The inline conversation: a prompt below, everything that happens above it in the scrollback.

Knows a session and events, not models or tools. Guards that typing never waits for a run: what is
typed while it works steers it, Ctrl-C interrupts it.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TextIO

import anyio
import anyio.lowlevel
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app_session, run_in_terminal
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from kodo.base.clock import Monotonic, monotonic_s
from kodo.core.events import Event, Passing, RunEnded
from kodo.core.messages import User, user
from kodo.tui.ansi import Paint, Tone, one_line, safe
from kodo.tui.mentions import ChatCompleter, attach_mentions
from kodo.tui.prose import MarkdownProse
from kodo.tui.screen import Screen
from kodo.tui.status import Status

REFRESH_S = 0.25
PRINT_PAUSE_S = 0.05


class Conversation(Protocol):
    """The part of a session that the chat uses."""

    def subscribe(self, reader: Callable[[Event | Passing], None]) -> None:
        """Let `reader` hear what happens."""
        ...

    def steer(self, message: User) -> None:
        """Leave a message for the running task."""
        ...

    async def run(self, task: User) -> RunEnded:
        """Carry out a task."""
        ...


@dataclass(frozen=True, slots=True)
class Reopen:
    """The chat ends and is to be opened again, with another model or thread (empty: as it is)."""

    model: str = ""
    thread: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A command of the chat. `run` takes the words behind it and returns Reopen to leave."""

    name: str
    summary: str
    run: Callable[[str], Awaitable[Reopen | None]]
    while_working: bool = False


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the chat reads and writes; tests give their own, None means the real terminal."""

    input: Input | None = None
    output: Output | None = None


class Chat:
    """One conversation in one terminal."""

    def __init__(
        self,
        conversation: Conversation,
        root: Path,
        commands: list[SlashCommand],
        *,
        title: str,
        colour: bool,
        width: int,
        history: Path | None = None,
        terminal: Terminal | None = None,
        clock: Monotonic = monotonic_s,
    ) -> None:
        self._conversation = conversation
        self._root = root
        self._commands = {command.name: command for command in commands}
        self._title = title
        self._paint = Paint(colour=colour)
        self._status = Status(clock)
        self._terminal = terminal or Terminal()
        self._completer = ChatCompleter(root, [(item.name, item.summary) for item in commands])
        self._lines = LineStream()
        self._screen = Screen(
            self._lines,
            colour=colour,
            live=False,
            width=width,
            clock=clock,
            heartbeat_s=None,
            prose=MarkdownProse(colour=colour, width=min(width, 100)),
        )
        self._history = _history(history)
        self._running: anyio.CancelScope | None = None
        self._answer: _Answer | None = None
        self._reopen: Reopen | None = None
        conversation.subscribe(self._hear)

    def say(self, *lines: str) -> None:
        """Print safe lines above the prompt."""
        self._screen.say(*lines)

    async def ask(
        self, question: str, reason: str, offer: str = ""
    ) -> Literal["no", "yes", "always"]:
        """Put a question to the person; whatever is typed next is the answer.

        `offer` is the rule that "always" would save, as text. The question is shown whole: what a
        person cannot see they cannot judge.
        """
        self._answer = answer = _Answer(anyio.Event(), offers=bool(offer))
        mark = self._paint(Tone.WARN, "?")
        first, *rest = safe(question).split("\n")
        self.say(f"{mark} {first}", *(f"  {line}" for line in rest), f"  {safe(reason)}")
        if offer:
            self.say("  a: always, by this rule:", *(f"    {x}" for x in safe(offer).splitlines()))
        try:
            await answer.given.wait()
        finally:
            self._answer = None
        return answer.choice

    async def talk(self, first: str = "") -> Reopen | None:
        """Converse until the person leaves; returns Reopen where they want another session."""
        terminal = self._terminal
        with create_app_session(input=terminal.input, output=terminal.output):
            prompt = self._make_prompt()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._lines.keep_printing)
                if first:
                    tasks.start_soon(self._work, first)
                await self._read(prompt, tasks.start_soon)
                tasks.cancel_scope.cancel()
            self._screen.close()
            await self._lines.print_now()
        return self._reopen

    def _make_prompt(self) -> PromptSession[str]:
        return PromptSession(
            history=self._history,
            completer=self._completer,
            complete_while_typing=True,
            key_bindings=self._keys(),
            bottom_toolbar=self._toolbar,
            refresh_interval=REFRESH_S,
        )

    async def _read(self, prompt: PromptSession[str], start: Callable[..., object]) -> None:
        while self._reopen is None:
            try:
                text = await prompt.prompt_async(self._message)
            except EOFError:
                return
            except KeyboardInterrupt:
                self._interrupt()
                continue
            text = text.strip()
            if self._answer is not None:
                self._answer.give(text)
            elif text in ("/quit", "/exit"):
                return
            elif text.startswith("/"):
                await self._command(text)
            elif text and self._running is not None:
                self._conversation.steer(user(attach_mentions(text, self._root)))
                self.say(self._paint(Tone.DIM, f"→ {one_line(text, 100)}"))
            elif text:
                self._completer.refresh()
                start(self._work, text)
                await anyio.lowlevel.checkpoint()

    async def _work(self, text: str) -> None:
        """Run one task; an interrupt ends the run, not the chat."""
        with anyio.CancelScope() as scope:
            self._running = scope
            try:
                await self._conversation.run(user(attach_mentions(text, self._root)))
            finally:
                self._running = None

    async def _command(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        command = self._commands.get(name)
        if command is None:
            self.say(f"unknown command {safe(name)}; see /help")
        elif self._running is not None and not command.while_working:
            self.say(f"{name} has to wait until the run has ended (Ctrl-C interrupts it)")
        else:
            self._reopen = await command.run(rest.strip())

    def _interrupt(self) -> None:
        if self._answer is not None:
            self._answer.give("")
        if self._running is not None:
            self._running.cancel()
        else:
            self.say(self._paint(Tone.DIM, "nothing runs; Ctrl-D or /quit leaves"))

    def _hear(self, happening: Event | Passing) -> None:
        self._status.take(happening)
        self._screen.take(happening)

    def _message(self) -> ANSI:
        if self._answer is not None:
            choices = "[y/a/N]" if self._answer.offers else "[y/N]"
            return ANSI(self._paint(Tone.WARN, f"allow? {choices} "))
        return ANSI(self._paint(Tone.HEAD, "› "))

    def _toolbar(self) -> str:
        return self._status.line(200) or self._title

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        def newline(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        keys.add("escape", "enter")(newline)
        return keys


class _Answer:
    """The answer to a question, once it is given."""

    __slots__ = ("choice", "given", "offers")

    def __init__(self, given: anyio.Event, *, offers: bool) -> None:
        self.given = given
        self.offers = offers
        self.choice: Literal["no", "yes", "always"] = "no"

    def give(self, text: str) -> None:
        """Take what was typed; anything but a clear yes is a no."""
        word = text.lower()
        if word in ("a", "always") and self.offers:
            self.choice = "always"
        elif word in ("y", "yes"):
            self.choice = "yes"
        self.given.set()


class LineStream(io.TextIOBase, TextIO):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    """A text stream whose whole lines are printed above the prompt, half lines held back.

    prompt_toolkit's own proxy prints from a thread, which tears the prompt where a line comes
    just as one prompt gives way to the next; here everything happens in the one event loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting = ""
        self._arrived = anyio.Event()

    def write(self, text: str) -> int:
        """Keep the text; its whole lines go out at the next chance."""
        self._waiting += text
        if "\n" in text:
            self._arrived.set()
        return len(text)

    def flush(self) -> None:
        """Do nothing: half a line is not shown."""

    async def keep_printing(self) -> None:
        """Print what arrives until cancelled, a few times a second at most."""
        while True:
            await self._arrived.wait()
            await self.print_now()
            await anyio.sleep(PRINT_PAUSE_S)

    async def print_now(self) -> None:
        """Print the whole lines that wait."""
        self._arrived = anyio.Event()
        end = self._waiting.rfind("\n") + 1
        text, self._waiting = self._waiting[:end], self._waiting[end:]
        if not text:
            return
        output = get_app_session().output

        def put() -> None:
            output.enable_autowrap()
            output.write_raw(text)
            output.flush()

        await run_in_terminal(put)


def _history(path: Path | None) -> History:
    """Return the history file, or one in memory where it cannot be written."""
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
