"""Which face a run gets on this stdout: the screen for people, or JSON lines for programs.

The commands that start runs ask here, so that terminals are judged in one place.
"""

import os
import sys
from typing import Protocol, TextIO

import anyio

from kodo.cli.jsonl import JsonLines
from kodo.core.events import Event, Passing
from kodo.core.messages import Usage
from kodo.runtime.config import Environment
from kodo.tui.screen import Screen

LIVE_TICK_S = 0.12
QUIET_TICK_S = 5.0


class Face(Protocol):
    """Whatever shows a run."""

    def take(self, happening: Event | Passing) -> None:
        """Show one happening."""
        ...

    def tick(self) -> None:
        """Show that time goes by."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found."""
        ...


async def keep_ticking(face: Face) -> None:
    """Tick a face until cancelled: often where a status line lives, else only now and then."""
    pause_s = LIVE_TICK_S if isinstance(face, Screen) and face.live else QUIET_TICK_S
    while True:
        await anyio.sleep(pause_s)
        face.tick()


def make_screen(
    environment: Environment,
    stream: TextIO | None = None,
    *,
    verbosity: int = 0,
    live: bool = True,
) -> Screen:
    """Return the screen for people on `stream` (default: stdout), coloured where that is wanted."""
    target = sys.stdout if stream is None else stream
    terminal = is_terminal(target)
    dumb = environment.get("TERM") == "dumb"
    return Screen(
        target,
        colour=wants_colour(environment, target),
        live=live and terminal and not dumb,
        width=terminal_width(environment, target) if terminal else 100,
        verbosity=verbosity,
    )


def make_json_lines(thread_id: str, usage_before: Usage | None = None) -> JsonLines:
    """Return the JSON lines writer on stdout."""
    return JsonLines(sys.stdout, thread_id, usage_before)


def terminal_width(environment: Environment, stream: TextIO) -> int:
    """Return the columns of a terminal; $COLUMNS wins, 100 where nobody knows."""
    named = environment.get("COLUMNS") or ""
    if named.isdecimal() and int(named) > 0:
        return int(named)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 100
    except (OSError, ValueError):
        return 100


def wants_colour(environment: Environment, stream: TextIO) -> bool:
    """Tell whether `stream` is a terminal whose user does not refuse colours."""
    return is_terminal(stream) and not environment.colour_refused


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal; a closed one is not."""
    try:
        return stream.isatty()
    except ValueError:
        return False
