"""Events as bytes, with what is equal in every piece of a text encoded once.

Knows JSON and the shapes of events, no transport. Guards that a piece from a template is byte for
byte what encoding its event would give.
"""

import msgspec
from msgspec import UnsetType

from kodo.server.responses import events

_ENCODER = msgspec.json.Encoder()
_NUMBER, _DELTA = b'"sequence_number":0', b'"delta":""'


class Encoded(msgspec.Struct, frozen=True):
    """An event that is JSON already; `kind` is its type."""

    kind: str
    data: bytes


Sendable = events.Event | Encoded


class TextTemplate:
    """Makes the text deltas of one item: only its number and its text are encoded each time."""

    __slots__ = ("_kind", "_middle", "_start", "_tail")

    def __init__(self, item_id: str, output_index: int, stream_id: str | UnsetType) -> None:
        empty = events.TextDelta(
            sequence_number=0,
            stream_id=stream_id,
            item_id=item_id,
            output_index=output_index,
            delta="",
        )
        # Quotes inside strings are escaped in JSON, so the marks cannot stand in an id.
        start, _, rest = _ENCODER.encode(empty).partition(_DELTA)
        middle, _, self._tail = rest.partition(_NUMBER)
        self._start = start + _DELTA[:-2]
        self._middle = middle + _NUMBER[:-1]
        self._kind = kind_of(empty)

    def piece(self, sequence_number: int, text: str) -> Encoded:
        """Return the event of one piece."""
        data = b"%b%b%b%d%b" % (
            self._start,
            _ENCODER.encode(text),
            self._middle,
            sequence_number,
            self._tail,
        )
        return Encoded(self._kind, data)


def kind_of(event: Sendable) -> str:
    """Return the type of an event."""
    return event.kind if isinstance(event, Encoded) else str(event.__struct_config__.tag)


def json_event(event: Sendable) -> bytes:
    """Return an event as JSON."""
    return event.data if isinstance(event, Encoded) else _ENCODER.encode(event)


def server_event(event: Sendable) -> bytes:
    """Return an event as a server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (kind_of(event).encode(), json_event(event))
