"""Which lines stand in the window already, so that nothing is recalled that can be read there.

Knows texts only. Guards the time of a turn: each shown message is read once, until an eviction.
"""

import re

import msgspec

from kodo.agent.window.window import Window
from kodo.core.messages import Message, Text, ToolCall

_NUMBERED = re.compile(r"^\s*\d+[\t:|]")
_SHORTEST = 4
_COVERED = 0.8


class ShownLines:
    """The lines of a window, as hashes."""

    __slots__ = ("_lines", "_read", "_version", "_window")

    def __init__(self, window: Window) -> None:
        self._window = window
        self._version = -1
        self._read = 0
        self._lines: set[int] = set()

    def cover(self, text: str) -> bool:
        """Tell whether nearly all lines of `text` stand in the window."""
        self._catch_up()
        wanted = {hash(line) for line in _plain_lines(text)}
        return len(wanted & self._lines) >= _COVERED * len(wanted)

    def _catch_up(self) -> None:
        window = self._window
        if window.version != self._version:
            self._version, self._read = window.version, 0
            self._lines = set()
            if window.head_message is not None:
                self._add(window.head_message)
        for piece in window.pieces[self._read :]:
            self._add(piece.shown)
        self._read = len(window.pieces)

    def _add(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, Text):
                self._lines.update(map(hash, _plain_lines(part.text)))
            elif isinstance(part, ToolCall):
                self._lines.update(map(hash, _argument_lines(part)))


def _argument_lines(call: ToolCall) -> list[str]:
    """Return the lines of a call's arguments, by themselves and as the memory writes them."""
    try:
        given = msgspec.json.decode(call.arguments or "{}", type=dict[str, object])
    except msgspec.DecodeError:
        return _plain_lines(call.arguments)
    lines = [call.name]
    for name, value in given.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        lines += [*_plain_lines(text), *_plain_lines(f"{name}: {text}")[:1]]
    return lines


def _plain_lines(text: str) -> list[str]:
    """Return the lines that tell something, without the numbers that tools put before them."""
    lines = (_NUMBERED.sub("", line).strip() for line in text.split("\n"))
    return [line for line in lines if len(line) >= _SHORTEST]
