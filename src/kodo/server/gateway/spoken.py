"""What of a reply a client has heard already, so that only the rest is sent at its end.

Some models stream everything, some nothing, some (held to a schema) something else than the reply
holds. Knows no wire. Guards that a client hears each part of a reply exactly once.
"""

from collections.abc import Iterator

from kodo.core.messages import Assistant, Part, Reasoning, Text, ToolCall


class Spoken:
    """What was sent of one reply."""

    __slots__ = ("_calls", "_has_reasoned", "_texts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: set[str] = set()
        self._has_reasoned = False

    @property
    def text(self) -> str:
        """The text that was sent."""
        return "".join(self._texts)

    def say(self, text: str) -> None:
        """Note text that was sent."""
        self._texts.append(text)

    def reason(self) -> None:
        """Note that reasoning was sent."""
        self._has_reasoned = True

    def call(self, call_id: str) -> bool:
        """Note that a call is being sent; returns whether this is the first of it."""
        if call_id in self._calls:
            return False
        self._calls.add(call_id)
        return True

    def unsaid(self, reply: Assistant) -> Iterator[Part]:
        """Yield the parts of the reply that were not sent. To be asked once."""
        has_text, has_reasoned, calls = bool(self._texts), self._has_reasoned, set(self._calls)
        for part in reply.parts:
            match part:
                case Text() if not has_text and part.text:
                    yield part
                case Reasoning() if not has_reasoned:
                    yield part
                case ToolCall() if part.id not in calls:
                    yield part
                case _:
                    pass
