"""What a face says over the session API: commands, each answered under the `id` it came with.

Knows values only. Guards that a newer face is understood: fields that are not known are ignored.
"""

from typing import Literal

import msgspec


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """The base of all commands. `id` is the face's own; every reply carries it back."""

    id: str = ""


class RunOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a face may choose for a session; None leaves it to the configuration of the folder.

    The sandbox can be made tighter than the server was started with, never looser. Budgets are for
    each run.
    """

    model: str | None = None
    strategy: Literal["auto", "tools", "search"] | None = None
    mode: Literal["ask", "auto"] | None = None
    sandbox: Literal["read-only", "workspace-write", "full"] | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    budget_seconds: float | None = None
    budget_tool_calls: int | None = None
    budget_model_calls: int | None = None


class ListSessions(Command, frozen=True, tag="list"):
    """List the newest sessions of the project around a folder ("": the server's own)."""

    folder: str = ""
    limit: int = 50


class OpenSession(Command, frozen=True, tag="open"):
    """Open a session and read it from then on.

    `mode`: a new one, an earlier one, or a fork of one at entry `entry` (0: its head). `thread` is
    an id or the beginning of one, "" the last of the folder. All stored events with a `seq` above
    `after_seq` are told, then what happens; None tells only what happens.
    """

    folder: str = ""
    mode: Literal["new", "resume", "fork"] = "new"
    thread: str = ""
    entry: int = 0
    after_seq: int | None = 0
    options: RunOptions = RunOptions()


class CloseSession(Command, frozen=True, tag="close"):
    """Read a session no longer. A run goes on without readers."""

    session: str = ""


class AttachedImage(msgspec.Struct, frozen=True):
    """An image of a message; `data` is base64 in JSON."""

    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: bytes


class Send(Command, frozen=True, tag="send"):
    """Say something: it begins a run, or steers the one that is at work."""

    session: str = ""
    text: str = ""
    images: tuple[AttachedImage, ...] = ()


class Interrupt(Command, frozen=True, tag="interrupt"):
    """End the run that is at work."""

    session: str = ""


class AnswerQuestion(Command, frozen=True, tag="answer"):
    """Answer a question of a run. The first answer counts; `always` saves the offered rule."""

    session: str = ""
    question: str = ""
    choice: Literal["no", "yes", "always"] = "no"


class Undo(Command, frozen=True, tag="undo"):
    """Take back what the last run changed, from step `step` on (0: all of it)."""

    session: str = ""
    step: int = 0
    force: bool = False
    dry_run: bool = False


class Redo(Command, frozen=True, tag="redo"):
    """Bring back what the last undo took away."""

    session: str = ""
    force: bool = False


class Diff(Command, frozen=True, tag="diff"):
    """Ask what the last run changed: all of it, or one step."""

    session: str = ""
    step: int = 0


class Rewind(Command, frozen=True, tag="rewind"):
    """Step back to the entry with the `seq` `to`: the conversation, the files, or both."""

    session: str = ""
    to: int = 0
    messages: bool = True
    files: bool = True
    force: bool = False
    dry_run: bool = False


class ReadBlob(Command, frozen=True, tag="blob"):
    """Ask for the bytes of a blob that an event names, such as an image."""

    session: str = ""
    name: str = ""


AnyCommand = (
    ListSessions
    | OpenSession
    | CloseSession
    | Send
    | Interrupt
    | AnswerQuestion
    | Undo
    | Redo
    | Diff
    | Rewind
    | ReadBlob
)
COMMAND: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
