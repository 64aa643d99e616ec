"""The one spine: everything that happens in a run, as values that every face reads.

Stored events have a `seq`; Delta and ToolProgress pass by, have none, and may be dropped.
"""

from datetime import datetime
from typing import Literal

import msgspec

from kodo.core.check import Evidence, Finding
from kodo.core.limits import Spent
from kodo.core.messages import Delta, Message, Value

RunOutcome = Literal[
    "verified",  # finished, and its checks passed
    "unverified",  # finished, but nothing could prove it
    "failed",  # checks fail, or it gave up
    "denied",  # a needed permission was denied
    "limit",  # a limit was reached
    "broken",  # a provider, the sandbox or the store broke
    "interrupted",
]


class RunStarted(Value, frozen=True, tag="run_started"):
    """A task was taken up. `kodo_version` and `sandbox` tell under what conditions."""

    task: str
    model: str
    strategy: str
    cwd: str
    sandbox: str
    kodo_version: str


class MessageAdded(Value, frozen=True, tag="message"):
    """A message became part of the thread."""

    message: Message


class PromptPart(Value, frozen=True):
    """A piece of a prompt and about how many tokens it took.

    `hash` is the SHA-256 of its bytes where it is known; those of `instructions`, `tools` and
    `schema` are kept as blobs of that name.
    """

    name: str
    tokens: int
    hash: str = ""


class Remembered(Value, frozen=True):
    """A piece of stored text that was recalled into a prompt; `source` says whose it is.

    `ref` is as `kodo.core.recall` has it; lines are 1-based and inclusive.
    """

    ref: str
    first_line: int
    last_line: int
    source: str


class PromptSent(Value, frozen=True, tag="prompt"):
    """A model call began. `hash` is a SHA-256: equal prompts have equal ones.

    `recalled` is what the recall block held, in its order; `window_tokens` the room of the model,
    of which `reply_tokens` were kept free; 0 where nobody looked.
    """

    hash: str
    parts: tuple[PromptPart, ...] = ()
    recalled: tuple[Remembered, ...] = ()
    window_tokens: int = 0
    reply_tokens: int = 0


class ToolStarted(Value, frozen=True, tag="tool_started"):
    """A call passed the policy and runs now."""

    call_id: str
    name: str
    arguments: str


class ApprovalAsked(Value, frozen=True, tag="approval_asked"):
    """A call waits for a person. `reason` names the rule."""

    call_id: str
    question: str
    reason: str


class ApprovalGiven(Value, frozen=True, tag="approval_given"):
    """The answer, and who gave it."""

    call_id: str
    allowed: bool
    by: Literal["user", "policy"]
    reason: str = ""


class SnapshotTaken(Value, frozen=True, tag="snapshot"):
    """The state of the files was kept. `snapshot` is the blob of its manifest.

    Around a step that may change files stand two, `step` and `stepped`: `step` counts from 1 within
    the run, `call_id` is the call that it carries out ("": a check). Where steps of a run were
    taken back or put back, `step` is the first of them, 0 the whole run.
    """

    snapshot: str
    label: str
    step: int = 0
    call_id: str = ""


class FileChange(Value, frozen=True):
    """One changed file: `before` and `after` name blobs."""

    path: str
    before: str | None
    after: str | None
    diff: str = ""


class FilesChanged(Value, frozen=True, tag="files_changed"):
    """Files were changed by an edit or a tool. The contents are blobs, None where absent."""

    call_id: str
    changes: tuple[FileChange, ...]


class CheckRun(Value, frozen=True, tag="check"):
    """A check was run. `decision` is its verdict."""

    check: str
    decision: Literal["pass", "note", "ask", "block"]
    evidence: tuple[Evidence, ...] = ()


class FindingRaised(Value, frozen=True, tag="finding"):
    """A check found something that people should see."""

    check: str
    finding: Finding


class HostContacted(Value, frozen=True, tag="host"):
    """A tool of kodo, or a command through the gate, asked for a host other than the model's.

    `purpose` says which of them, the port, and for a host that was not reached why.
    """

    host: str
    purpose: str


class Evicted(Value, frozen=True, tag="evicted"):
    """Entries left the window; they remain in the log. `tokens` is about what that freed.

    With the events before it, this decides what the window holds: results of entries below
    `stubbed_to` (a `seq`) are stubs, of those below `shortened_to` all parts are short, and those
    below `folded_to` stand in the first message only. Where a provider said that a prompt was too
    long, `window_tokens` is the room of the model and `factor` how many real tokens an estimated
    one is; else they are 0.
    """

    entries: tuple[str, ...]
    tokens: int
    stubbed_to: int = 0
    shortened_to: int = 0
    folded_to: int = 0
    window_tokens: int = 0
    factor: float = 0.0


class Rewound(Value, frozen=True, tag="rewound"):
    """A person stepped back: the conversation goes on from the entry `to`.

    `left` counts the entries that are no longer on the path; they remain in the log.
    """

    to: int
    left: int


class Retrying(Value, frozen=True, tag="retrying"):
    """A model call failed in a way that may pass. Waits `wait_s` before try number `attempt`."""

    error: str
    attempt: int
    wait_s: float


class LimitNear(Value, frozen=True, tag="limit_near"):
    """At least four fifths of a limit are spent."""

    limit: str
    used: float
    limit_value: float


class Noted(Value, frozen=True, tag="note"):
    """Something a person should know: what the agent does now, or what it could not do."""

    text: str
    kind: Literal["step", "warning"] = "step"


HookMoment = Literal["before_tool", "after_tool", "before_finish", "session_start", "session_end"]
HookDecision = Literal["pass", "deny", "replace", "text", "failed"]


class HookRan(Value, frozen=True, tag="hook"):
    """A hook of the user ran at a moment of the run.

    `replace` means that it replaced the arguments of the call `call_id`, `text` that it told the
    model something; `said` is that, or the reason. `failed` is a failure that was ignored.
    """

    hook: str
    moment: HookMoment
    decision: HookDecision
    said: str = ""
    call_id: str = ""
    duration_s: float = 0.0


class RunEnded(Value, frozen=True, tag="run_ended"):
    """The last event of every run. `limit` names the field of Limits where that ended it."""

    outcome: RunOutcome
    summary: str
    spent: Spent = Spent()
    evidence: tuple[Evidence, ...] = ()
    changed: tuple[str, ...] = ()
    reason: str = ""
    limit: str = ""


Stored = (
    RunStarted
    | MessageAdded
    | PromptSent
    | ToolStarted
    | ApprovalAsked
    | ApprovalGiven
    | SnapshotTaken
    | FilesChanged
    | CheckRun
    | FindingRaised
    | HostContacted
    | Evicted
    | Rewound
    | Retrying
    | LimitNear
    | Noted
    | HookRan
    | RunEnded
)


class ToolProgress(Value, frozen=True):
    """A piece of a running tool's output. Never stored as such."""

    call_id: str
    text: str


Passing = Delta | ToolProgress


class Event(Value, frozen=True):
    """A stored happening: `seq` counts from 1 within its thread, `at` is aware UTC."""

    seq: int
    run_id: str
    at: datetime
    body: Stored


def encode_event(event: Event) -> bytes:
    """Return the event as compact JSON."""
    return _ENCODER.encode(event)


def decode_event(data: bytes) -> Event:
    """Return the event that `encode_event` made. Raises msgspec.DecodeError."""
    return _DECODER.decode(data)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)
