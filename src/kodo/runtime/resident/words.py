"""What a caller and the resident engine say to each other: one call a connection, one line a word.

Values of `core` go over the wire as they are, since both sides are the same version: `Call.version`
says so, and the resident refuses any other. Closing the connection cancels the call.
"""

from pathlib import Path

import msgspec

import kodo
from kodo.base import errors
from kodo.base.errors import ContextOverflow, ModelError, Overloaded
from kodo.core.messages import Assistant, Delta, Value
from kodo.core.model import Candidate, Hole, Prompt

VERSION = f"{kodo.__version__} {Path(kodo.__file__).parent}"
"""Two installations beside each other never share an engine."""

MAX_LINE_BYTES = 64 << 20


class Stream(Value, frozen=True, tag="stream"):
    """Answer a prompt."""

    prompt: Prompt


class Sample(Value, frozen=True, tag="sample"):
    """Answer a prompt several times."""

    prompt: Prompt
    samples: int


class Complete(Value, frozen=True, tag="complete"):
    """Fill a hole."""

    hole: Hole
    samples: int


class Status(Value, frozen=True, tag="status"):
    """Tell what is loaded."""


class Stop(Value, frozen=True, tag="stop"):
    """End; with `idle_only` not while somebody is being answered."""

    idle_only: bool = False


class Call(Value, frozen=True):
    """What a caller asks. `model` is a whole id, or "" for status and stop."""

    version: str
    model: str
    ask: Stream | Sample | Complete | Status | Stop


class Said(Value, frozen=True, tag="said"):
    """A piece of an answer."""

    delta: Delta


class Replied(Value, frozen=True, tag="replied"):
    """A whole reply."""

    reply: Assistant


class Found(Value, frozen=True, tag="found"):
    """What may stand in a hole."""

    candidates: tuple[Candidate, ...]


class Report(Value, frozen=True, tag="report"):
    """The state of the resident: who it is, what is loaded, how long it has been idle (seconds)."""

    pid: int
    version: str
    models: tuple[str, ...]
    calls: int
    answered: int
    idle_s: float


class Failed(Value, frozen=True, tag="failed"):
    """A ModelError, by the name of its class."""

    kind: str
    message: str
    retryable: bool = False
    retry_after_s: float | None = None
    status: int | None = None
    limit_tokens: int | None = None
    prompt_tokens: int | None = None

    def error(self) -> ModelError:
        """Return the error as it was raised on the other side."""
        if self.kind == "ContextOverflow":
            return ContextOverflow(
                self.message,
                status=self.status,
                limit_tokens=self.limit_tokens,
                prompt_tokens=self.prompt_tokens,
            )
        kind: type[ModelError] = Overloaded if self.kind == "Overloaded" else ModelError
        return kind(
            self.message,
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
            status=self.status,
        )


class Mismatch(Value, frozen=True, tag="mismatch"):
    """The resident is of another version, and will not answer."""

    version: str


class Over(Value, frozen=True, tag="over"):
    """Nothing more comes."""


Word = Said | Replied | Found | Report | Failed | Mismatch | Over

_encoder = msgspec.json.Encoder()
calls = msgspec.json.Decoder(Call)
words = msgspec.json.Decoder(Word)


def line(value: Call | Word) -> bytes:
    """Return a value as a line."""
    return _encoder.encode(value) + b"\n"


def failed(error: errors.ModelError) -> Failed:
    """Return an error as a word."""
    return Failed(
        type(error).__name__,
        str(error),
        error.retryable,
        error.retry_after_s,
        error.status,
        getattr(error, "limit_tokens", None),
        getattr(error, "prompt_tokens", None),
    )
