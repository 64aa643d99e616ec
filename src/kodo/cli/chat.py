"""`kodo chat`: work together in the terminal, inline, with the session's own scrollback."""

import argparse
import sys
from collections.abc import Awaitable

import anyio

from kodo.agent.permission.question import Answer, Question
from kodo.agent.permission.rules import rule_text
from kodo.base.errors import ConfigError, KodoError
from kodo.cli.chat_files import FileCommands
from kodo.cli.context import window_lines
from kodo.cli.looking_back import SteppingBack, recall_lines
from kodo.cli.options import add_common, add_run, load
from kodo.cli.render import is_terminal, terminal_width, wants_colour
from kodo.core.store import Snapshots
from kodo.runtime.build import Opening, open_session
from kodo.runtime.config import Settings
from kodo.runtime.past.windows import report_window
from kodo.runtime.session import Session
from kodo.store.store import open_store
from kodo.tui.ansi import Paint, one_line
from kodo.tui.chat import Chat, Reopen, SlashCommand, Terminal

EXAMPLES = """\
examples:
  kodo chat
  kodo chat "explain @src/parser.py"
  kodo chat --last

In the chat: @file names a file, /help lists the commands, Alt-Enter makes a new line, Ctrl-C
interrupts the run, what you type while it works steers it, Ctrl-D leaves.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument("task", metavar="TASK", nargs="?", default="", help="what to begin with")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--resume", metavar="ID", help="go on with an earlier session")
    earlier.add_argument("--last", action="store_true", help="go on with the last session here")
    parser.add_argument("--fork", action="store_true", help="branch it off instead")
    add_run(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open the chat. Raises ConfigError where there is no terminal."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise ConfigError('chat needs a terminal; without one use: kodo exec "TASK"')
    settings = load(arguments)
    opening = Opening()
    if arguments.resume or arguments.last:
        opening = Opening("fork" if arguments.fork else "resume", arguments.resume or "")
    return anyio.run(converse, settings, opening, arguments.task or "", None)


async def converse(
    settings: Settings, opening: Opening, first: str, terminal: Terminal | None
) -> int:
    """Chat until the person leaves, reopening where the model or the thread is changed."""
    if settings.origin("mode") == "default":
        settings = settings.with_value("mode", "ask", "chat")
    for note in settings.notes:
        sys.stderr.write(f"kodo: note: {note}\n")
    while True:
        asker = _Asker()
        async with (
            open_session(settings, opening, asker.ask) as session,
            open_store(settings.paths.store(settings.cwd)) as store,
        ):
            commands = ChatCommands(settings, session, store.snapshots(settings.cwd))
            chat = commands.open_chat(terminal)
            asker.chat = chat
            reopen = await chat.talk(first)
            thread = "" if session.created else session.thread.header.id
        first = ""
        if reopen is None:
            return 0
        if reopen.model:
            settings = settings.with_value("model", reopen.model, "/model")
        wanted = reopen.thread or thread
        opening = Opening() if reopen.fresh or not wanted else Opening("resume", wanted)


class _Asker:
    """Gives questions of the run to the chat, which is made after the session."""

    __slots__ = ("chat",)

    def __init__(self) -> None:
        self.chat: Chat | None = None

    async def ask(self, question: Question) -> Answer:
        if self.chat is None:
            return "no"
        offer = rule_text(question.offer) if question.offer is not None else ""
        return await self.chat.ask(question.text, question.reason, offer)


class ChatCommands:
    """The slash commands of one open session."""

    def __init__(self, settings: Settings, session: Session, snapshots: Snapshots) -> None:
        self._settings = settings
        self._session = session
        self._snapshots = snapshots
        self._paint = Paint(colour=wants_colour(settings.environment, sys.stdout))
        self._files = FileCommands(session, snapshots, self._paint)
        self._chat: Chat | None = None

    def open_chat(self, terminal: Terminal | None) -> Chat:
        """Return the chat with its commands."""
        settings = self._settings
        self._chat = Chat(
            self._session,
            settings.cwd,
            self.table(),
            title=f"{settings.config.model} · {settings.cwd} · /help",
            colour=self._paint.colour,
            width=terminal_width(settings.environment, sys.stdout),
            history=settings.paths.history_file,
            terminal=terminal,
        )
        return self._chat

    def table(self) -> list[SlashCommand]:
        """Return the commands, in the order in which /help lists them."""
        return [
            SlashCommand("/help", "what can be typed here", self._help, while_working=True),
            SlashCommand("/model", "show or change the model: /model ID", self._model),
            SlashCommand(
                "/diff",
                "what the last run changed: /diff [STEP | steps]",
                self._diff,
                while_working=True,
            ),
            SlashCommand("/undo", "take it back: /undo [STEP] [--force]", self._undo),
            SlashCommand("/redo", "put back what undo took", self._redo),
            SlashCommand("/sessions", "earlier sessions here", self._sessions),
            SlashCommand("/resume", "open another session: /resume ID", self._resume),
            SlashCommand("/new", "begin a new session", self._new),
            SlashCommand("/context", "what is in the window", self._context, while_working=True),
            SlashCommand(
                "/recall", "find or read what was: /recall WORDS", self._recall, while_working=True
            ),
            SlashCommand("/rewind", "step back: /rewind ENTRY", self._rewind),
            SlashCommand("/quit", "leave", self._quit),
        ]

    def _say(self, *lines: str) -> None:
        if self._chat is not None:
            self._chat.say(*lines)

    async def _help(self, words: str) -> Reopen | None:
        self._say(*(f"  {item.name:<10} {item.summary}" for item in self.table()))
        self._say("  @path names a file · Alt-Enter new line · Ctrl-C interrupts · Ctrl-D leaves")
        return None

    async def _model(self, words: str) -> Reopen | None:
        if not words:
            self._say(f"model: {self._settings.config.model}; change it with /model provider/model")
            return None
        try:
            self._settings.check_model(words, "/model")
        except KodoError as error:
            self._say(str(error))
            return None
        return Reopen(model=words)

    async def _diff(self, words: str) -> Reopen | None:
        return await self._tell(self._files.diff(words))

    async def _undo(self, words: str) -> Reopen | None:
        return await self._tell(self._files.undo(words))

    async def _redo(self, words: str) -> Reopen | None:
        return await self._tell(self._files.redo(words))

    async def _tell(self, lines: Awaitable[list[str]]) -> None:
        try:
            self._say(*await lines)
        except KodoError as error:
            self._say(str(error))

    async def _sessions(self, words: str) -> Reopen | None:
        for summary in await self._session.log.list(20):
            header = summary.header
            state = summary.outcome or "not ended"
            self._say(f"  {header.id}  {state:<11} {one_line(header.title or '', 60)}")
        return None

    async def _resume(self, words: str) -> Reopen | None:
        if words:
            return Reopen(thread=words)
        self._say("name a session: /resume ID; /sessions lists them")
        return None

    async def _new(self, words: str) -> Reopen | None:
        return Reopen(fresh=True)

    async def _quit(self, words: str) -> Reopen | None:
        return None

    async def _context(self, words: str) -> Reopen | None:
        self._say(*window_lines(report_window(self._session.thread)))
        return None

    async def _recall(self, words: str) -> Reopen | None:
        memory = self._session.memory
        if memory is None or not words:
            self._say("say what to look for: /recall WORDS, or a reference: /recall e42")
            return None
        try:
            self._say(*await recall_lines(memory, words, self._paint))
        except KodoError as error:
            self._say(str(error))
        return None

    async def _rewind(self, words: str) -> Reopen | None:
        stepping = SteppingBack(self._settings, self._session, self._snapshots)
        try:
            self._say(*await stepping.go(words))
        except KodoError as error:
            self._say(str(error))
        return None
