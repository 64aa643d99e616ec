"""About how many tokens texts and messages take, and how far providers say that we are off.

Knows no tokenizer: bytes are counted, and a factor is learned from the usage of each reply. Guards
that a report nobody can believe changes nothing.
"""

from kodo.core.messages import Assistant, Image, Message, ToolCall, ToolResult

IMAGE_TOKENS = 1000
MESSAGE_TOKENS = 8
CALL_TOKENS = 12
BYTES_A_TOKEN = 4

_LEAST_TOLD = 400  # below, what a provider adds to every prompt weighs more than our error
_BELIEVED = (0.3, 4.0)
_NARROW, _WIDE = 0.6, 3.0


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has: a quarter of its UTF-8 bytes."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return (size + 3) // BYTES_A_TOKEN


def message_tokens(message: Message) -> int:
    """Return about how many tokens a message takes."""
    tokens = MESSAGE_TOKENS
    if isinstance(message, Assistant | ToolResult):
        tokens += MESSAGE_TOKENS
    for part in message.parts:
        if isinstance(part, Image):
            tokens += IMAGE_TOKENS
        elif isinstance(part, ToolCall):
            tokens += estimate_tokens(part.arguments) + CALL_TOKENS
        else:
            tokens += estimate_tokens(part.text)
    return tokens


class Gauge:
    """How many real tokens one of our estimated ones is, as far as replies have told."""

    __slots__ = ("factor",)

    def __init__(self) -> None:
        self.factor = 1.0

    def learn(self, estimated: float, reported: int) -> None:
        """Move half-way to what a provider reported for a prompt of `estimated` tokens.

        `estimated` counts by bytes alone, without the factor.
        """
        if estimated < _LEAST_TOLD or not _believable(reported / estimated):
            return
        middle = (self.factor + reported / estimated) / 2
        self.factor = min(_WIDE, max(_NARROW, middle))

    def correct(self, estimated: float, reported: int) -> None:
        """Take a provider's count of a prompt that did not fit as it is."""
        if estimated > 0 and _believable(reported / estimated):
            self.factor = min(_WIDE, max(_NARROW, reported / estimated))

    def real(self, estimated: float) -> int:
        """Return an estimate in the provider's tokens."""
        return round(estimated * self.factor)


def _believable(ratio: float) -> bool:
    return _BELIEVED[0] <= ratio <= _BELIEVED[1]
