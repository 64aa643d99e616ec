"""Server-sent events, read from bytes that may be cut anywhere.

Knows nothing of HTTP or of what the events mean. Guards memory: an event has a size limit.
Follows https://html.spec.whatwg.org/multipage/server-sent-events.html (ids and retry are not used).
"""

from collections.abc import Iterator

import msgspec

MAX_EVENT_BYTES = 32 << 20
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event is larger than the limit."""


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: its `name` (empty where the server gave none) and its data, still bytes."""

    name: str
    data: bytes


class EventParser:
    """Turns pieces of a stream into events, whatever the line ends (LF, CR LF or CR)."""

    __slots__ = ("_at_start", "_line", "_lines", "_max_bytes", "_name", "_size", "_skip_lf")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_event_bytes
        self._line = bytearray()
        self._lines: list[bytes] = []
        self._name = ""
        self._size = 0
        self._skip_lf = False
        self._at_start = True

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """Yield the events that `piece` completes. Raises EventTooLarge."""
        if self._skip_lf and piece:
            self._skip_lf = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        if piece.endswith(b"\r"):
            self._skip_lf = True
        # bytes.splitlines cuts at CR, LF and CR LF, and at nothing else.
        for line in piece.splitlines(keepends=True):
            body = line.rstrip(b"\r\n")
            self._size += len(body)
            if self._size > self._max_bytes:
                raise EventTooLarge(f"a server-sent event is larger than {self._max_bytes} bytes")
            self._line += body
            if len(body) == len(line):  # the line goes on in the next piece
                continue
            whole = bytes(self._line)
            self._line.clear()
            if self._at_start:
                self._at_start = False
                whole = whole.removeprefix(_BOM)
            if (event := self._take(whole)) is not None:
                yield event

    def close(self) -> Iterator[ServerEvent]:
        """Yield what a stream that ended without a blank line still held.

        The standard drops it, but servers end streams that way; a reply cut in the middle is then
        no JSON, which the reader notices.
        """
        if self._line and (event := self._take(bytes(self._line))) is not None:
            yield event
        self._line.clear()
        if (event := self._take(b"")) is not None:
            yield event

    def _take(self, line: bytes) -> ServerEvent | None:
        if not line:
            self._size = 0
            name, self._name = self._name, ""
            lines, self._lines = self._lines, []
            return ServerEvent(name, b"\n".join(lines)) if lines else None
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._lines.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None
