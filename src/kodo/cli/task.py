"""Carry out one task for a command: open the session, show it, end with the exit code.

Shared by exec, resume and fork. Guards that an interrupt ends the run cleanly and that what the
user asked to be written is written.
"""

import os
import select
import signal
import stat
import sys
from pathlib import Path

import anyio
import msgspec

from kodo.agent.agent import Ask
from kodo.base.errors import ConfigError, KodoError
from kodo.base.text import repair_surrogates, repair_utf8
from kodo.cli.border import describe
from kodo.cli.commit import commit
from kodo.cli.exits import FAILED, INTERRUPTED, cause, outcome_code
from kodo.cli.jsonl import JsonLines
from kodo.cli.render import Face, keep_ticking, make_json_lines, make_screen
from kodo.core.events import RunEnded
from kodo.core.messages import Image, Text, Usage, User, UserPart
from kodo.core.thread import Thread
from kodo.runtime.build import Opening, nobody, open_session
from kodo.runtime.config import Settings
from kodo.runtime.session import Session

PIPE_PATIENCE_S = 1.0
_IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


class Request(msgspec.Struct):
    """What a command wants done. `last_message` is the file for the last message."""

    task: str
    images: list[Path] = msgspec.field(default_factory=list[Path])
    json: bool = False
    last_message: Path | None = None
    commit: bool = False
    verbosity: int = 0


def carry_out(settings: Settings, opening: Opening, request: Request, ask: Ask = nobody) -> int:
    """Run the task to its end and return the exit code. Raises KodoError."""
    return anyio.run(_carry_out, settings, opening, request, ask)


async def _carry_out(settings: Settings, opening: Opening, request: Request, ask: Ask) -> int:
    for note in settings.notes:
        sys.stderr.write(f"kodo: note: {note}\n")
    async with open_session(settings, opening, ask) as session:
        face: Face
        if request.json:
            face = make_json_lines(session.thread.header.id, spent_before(session.thread))
        else:
            face = make_screen(settings.environment, verbosity=request.verbosity)
        session.subscribe(face.take)
        try:
            ended = await run_shown(session, await make_task(session, request), face)
        except (KodoError, ExceptionGroup) as error:
            if isinstance(face, JsonLines) and not _is_told(session.thread):
                face.fail(describe(cause(error)))
            raise
        finally:
            face.close()
    if ended is None:
        return INTERRUPTED
    if request.last_message is not None:
        text = ended.summary
        request.last_message.write_text(text if text.endswith("\n") else f"{text}\n", "utf-8")
    code = outcome_code(ended.outcome)
    if request.commit and not commit(settings, request.task, ended):
        return code or FAILED
    return code


def _is_told(thread: Thread) -> bool:
    """Tell whether the newest event is the end of a run, so that readers know of the failure."""
    path = thread.path()
    return bool(path) and isinstance(path[-1].event.body, RunEnded)


async def run_shown(session: Session, task: User | None, face: Face) -> RunEnded | None:
    """Run the task; SIGINT and SIGTERM end it in order and give None."""
    ended: RunEnded | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        tasks.start_soon(keep_ticking, face)
        ended = await session.run(task)
        tasks.cancel_scope.cancel()
    return ended


async def make_task(session: Session, request: Request) -> User:
    """Return the task as a message, its images kept in the store. Raises ConfigError."""
    parts: list[UserPart] = [Text(request.task)] if request.task else []
    for path in request.images:
        media_type = _IMAGE_TYPES.get(path.suffix.lower())
        if media_type is None:
            known = ", ".join(sorted(_IMAGE_TYPES))
            raise ConfigError(f"{str(path)!r} is not an image that models take ({known})")
        try:
            data = await anyio.Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from error
        parts.append(Image(media_type, await session.blobs.put(data)))
    if not parts:
        raise ConfigError('there is no task; say what to do: kodo exec "fix the failing test"')
    return User(tuple(parts))


def read_task(words: str | None) -> str:
    """Return the task text: the argument, with what comes through a pipe behind it.

    `-` reads all of stdin. A pipe that stays silent for a second beside a given task is left
    alone: nothing waits on a writer that may never come.
    """
    if words == "-":
        return repair_utf8(sys.stdin.buffer.read()).strip()
    task = repair_surrogates(words or "").strip()
    piped = _read_pipe(patient=not task)
    if not piped:
        return task
    return f"{task}\n\n{piped}" if task else piped


def _read_pipe(*, patient: bool) -> str:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return ""
    piped = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)  # some parents' pipes are socket pairs
    if not (piped or stat.S_ISREG(mode)):
        return ""
    if piped and not patient and not select.select([0], [], [], PIPE_PATIENCE_S)[0]:
        sys.stderr.write(
            f"kodo: note: nothing came through the pipe within {PIPE_PATIENCE_S:g} s, so it is not "
            "read; to wait for it, give `-` as the task\n"
        )
        return ""
    return repair_utf8(sys.stdin.buffer.read()).strip()


def read_schema(path: Path | None) -> str | None:
    """Return a JSON Schema file as compact JSON text. Raises ConfigError."""
    if path is None:
        return None
    try:
        schema = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{str(path)!r} is not a JSON Schema: {error}") from error
    return msgspec.json.encode(schema).decode()


def spent_before(thread: Thread) -> Usage:
    """Return what earlier runs of the thread have used, summed."""
    total = Usage()
    for entry in thread.path():
        if isinstance(entry.event.body, RunEnded):
            total = total.plus(entry.event.body.spent.usage)
    return total


def check_writable(path: Path | None) -> Path | None:
    """Return the path of a file that is to be written. Raises ConfigError where it cannot be."""
    if path is None:
        return None
    if path.is_dir():
        raise ConfigError(f"cannot write {str(path)!r}: it is a folder; give -o a file")
    if not path.parent.is_dir():
        raise ConfigError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"cannot write {str(path)!r}: permission denied; give -o another file")
    return path
