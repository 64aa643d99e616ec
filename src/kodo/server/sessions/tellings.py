"""What the session API says to a face: replies to its commands, and what happens in sessions.

Knows the values of core. Guards that stored events go out as they are stored, with their `seq`.
"""

from typing import Literal

import msgspec

from kodo.core.events import Event, ToolProgress
from kodo.core.messages import Delta
from kodo.core.store import ThreadSummary
from kodo.core.thread import ThreadHeader

Choice = Literal["no", "yes", "always"]


class Telling(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of all that is told."""


class Reply(Telling, frozen=True):
    """The base of what answers a command; `id` is the command's."""

    id: str = ""


class Question(Telling, frozen=True, tag="question"):
    """A run waits for a person. `offer`: the rule that `always` would save, as text ("": none)."""

    session: str
    question: str
    text: str
    reason: str
    offer: str = ""


class Answered(Telling, frozen=True, tag="answered"):
    """A question was answered, by this face or another; or it ended with its run (`withdrawn`)."""

    session: str
    question: str
    choice: Choice = "no"
    withdrawn: bool = False


class Working(Telling, frozen=True, tag="working"):
    """A run began, or none is at work any more."""

    session: str
    working: bool


class EventTold(Telling, frozen=True, tag="event"):
    """A stored event. Each is told once, in the order of `seq`."""

    session: str
    event: Event


class DeltaTold(Telling, frozen=True, tag="delta"):
    """A piece of a reply on its way; left out for a reader that is behind."""

    session: str
    delta: Delta


class ProgressTold(Telling, frozen=True, tag="progress"):
    """A piece of a tool's output; left out for a reader that is behind."""

    session: str
    progress: ToolProgress


class Closed(Telling, frozen=True, tag="closed"):
    """A session broke or the server ends: nothing more comes from it. Open it again to go on."""

    session: str
    reason: str = ""


class Opened(Reply, frozen=True, tag="opened"):
    """A session is open. Events up to `last_seq` are already stored; `questions` wait."""

    session: str = ""
    header: ThreadHeader | None = None
    model: str = ""
    last_seq: int = 0
    working: bool = False
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()


class Listed(Reply, frozen=True, tag="listed"):
    """Sessions, newest first; `open` are ids of those that are open in the server."""

    sessions: tuple[ThreadSummary, ...] = ()
    open: tuple[str, ...] = ()


class Done(Reply, frozen=True, tag="done"):
    """A command was carried out."""


class Taken(Reply, frozen=True, tag="taken"):
    """A message was taken: it began a run, or steers the one at work."""

    how: Literal["run", "steer"] = "run"


class FileDiff(msgspec.Struct, frozen=True):
    """One changed file as a unified diff."""

    path: str
    kind: Literal["new", "deleted", "changed"]
    diff: str


class Changed(Reply, frozen=True, tag="changed"):
    """The files that undo, redo or rewind touched, or `diff` was asked about.

    With `dry_run` nothing was touched: `refused` names files that somebody changed since, and
    `obstacle` what forbids it. `back` is the `seq` to rewind to for having everything back.
    """

    files: tuple[FileDiff, ...] = ()
    dry_run: bool = False
    refused: tuple[str, ...] = ()
    obstacle: str = ""
    beyond: tuple[str, ...] = ()
    back: int = 0


class BlobRead(Reply, frozen=True, tag="blob"):
    """The bytes of a blob; base64 in JSON."""

    data: bytes = b""


class Failed(Reply, frozen=True, tag="failed"):
    """A command could not be carried out; `code` is a word for programs."""

    code: str = ""
    message: str = ""


AnyTelling = (
    Opened
    | Listed
    | Done
    | Taken
    | Changed
    | BlobRead
    | Failed
    | EventTold
    | DeltaTold
    | ProgressTold
    | Question
    | Answered
    | Working
    | Closed
)
_ENCODER = msgspec.json.Encoder()


def encode_telling(telling: AnyTelling) -> str:
    """Return a telling as the text of a frame."""
    return _ENCODER.encode(telling).decode()
