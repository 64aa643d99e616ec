"""Which earlier session a command means, and the store it lies in.

Shared by sessions, diff, undo and redo. Guards that a missing store reads as "nothing was done
here" and is not made by looking.
"""

import argparse
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kodo.base.errors import ConfigError
from kodo.core.thread import Thread
from kodo.runtime.config import Settings
from kodo.store.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Earlier:
    """An open store and a thread in it."""

    store: Store
    thread: Thread


def add_thread(parser: argparse.ArgumentParser) -> None:
    """Add [ID] and --last."""
    parser.add_argument(
        "thread",
        metavar="ID",
        nargs="?",
        help="the session: its id or the first 6 characters or more (default: the last one here)",
    )
    parser.add_argument("--last", action="store_true", help="the last session of this folder")


class _StepOrThread(argparse.Action):
    """Tells a step (a short number) from the id of a session (6 characters or more)."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        words = [str(value) for value in values or ()]
        steps = [word for word in words if word.isascii() and word.isdigit() and len(word) < 5]
        threads = [word for word in words if word not in steps]
        if len(steps) > 1 or len(threads) > 1:
            parser.error(f"give at most one step and one session id, not {' '.join(words)!r}")
        if steps and int(steps[0]) == 0:
            parser.error("steps count from 1")
        namespace.step = int(steps[0]) if steps else 0
        namespace.thread = threads[0] if threads else None


def add_step_and_thread(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add [STEP] [ID] and --last; `step` is 0 where none is given."""
    parser.add_argument(
        "words",
        metavar="STEP ID",
        nargs="*",
        action=_StepOrThread,
        help=f"STEP, a number: {meaning}; ID: the session, its id or the first 6 characters or "
        "more (default: the last one here)",
    )
    parser.add_argument("--last", action="store_true", help="the last session of this folder")
    parser.set_defaults(step=0, thread=None)


@asynccontextmanager
async def open_project(settings: Settings) -> AsyncGenerator[Store]:
    """Open the store of the project. Raises ConfigError where nothing was done here yet."""
    path = settings.paths.store(settings.cwd)
    if not path.exists():
        raise ConfigError(
            f"there are no sessions for {str(settings.project)!r} yet; start one with: kodo exec"
        )
    async with open_store(path) as store:
        yield store


@asynccontextmanager
async def open_earlier(
    settings: Settings, arguments: argparse.Namespace, *, only_here: bool = False
) -> AsyncGenerator[Earlier]:
    """Open the session that ID or --last name. Raises ConfigError, StoreError.

    Where none began in this folder, that is the last one of the project (worktrees share a store),
    or with `only_here` none; an ID is taken from anywhere.
    """
    async with open_project(settings) as store:
        wanted: str | None = arguments.thread
        if wanted is not None and arguments.last:
            raise ConfigError(f"give a session id or --last, not both ({wanted!r})")
        if wanted is None:
            wanted = await store.log.latest(str(settings.cwd))
        if wanted is None:
            wanted = await store.log.latest()
            if only_here and wanted is not None:
                header, _ = await store.log.load(wanted)
                raise ConfigError(
                    f"no session began in {str(settings.cwd)!r}; the last one of this project "
                    f"({wanted}) is of {header.cwd!r}: name it by its id, or use -C"
                )
        if wanted is None:
            raise ConfigError(
                f"no session for {str(settings.project)!r} yet; start one with: kodo exec"
            )
        header, entries = await store.log.load(wanted)
        yield Earlier(store, Thread(header, iter(entries)))
