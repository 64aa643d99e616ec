"""What a run has at hand: the model, the tools, the jail, the budget. Made by runtime/build.

Strategies get this value and a Journal; they know no adapter by name.
"""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from kodo.agent.budget import RunBudget
from kodo.agent.hooks.hook import Hooks
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.permission.question import Answer, Question
from kodo.agent.permission.rules import Rule
from kodo.agent.permission.taint import Taint
from kodo.agent.permission.verdicts import RuleBook
from kodo.base.redaction import Redactor
from kodo.core.check import Check, Evidence
from kodo.core.events import RunOutcome
from kodo.core.messages import Value
from kodo.core.model import Model
from kodo.core.recall import Recall
from kodo.core.sandbox import Sandbox, Scratch
from kodo.core.store import Blobs, Snapshots
from kodo.core.tool import Tool

Mode = Literal["ask", "auto"]
Ask = Callable[[Question], Awaitable[Answer]]
"""Puts a question to the person; "no" where there is nobody."""


class Ending(Value, frozen=True):
    """How a strategy left the task. `summary` is the last message to the person."""

    outcome: RunOutcome
    summary: str
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    limit: str = ""


def yes() -> bool:
    """Return True."""
    return True


async def keep_no_rule(rule: Rule) -> None:
    """Keep no rule: there is no file for it."""


def no_redactor() -> Redactor:
    """Return a redactor that knows no secret, only the shapes of tokens."""
    return Redactor({})


class Agent(msgspec.Struct):
    """Everything a strategy may use.

    `open_scratch` makes a throw-away copy of the workspace with a sandbox of its own; it raises
    SandboxError where the workspace is too large to copy. `instructions` is the system text for
    capable models, AGENTS.md included; `project_notes` is AGENTS.md alone. `rung_chosen` says
    that the user named the sandbox rung; `denials` collects what was refused, for the outcome.
    `recall` is the project's memory; without it nothing is recalled. `knows_more` tells whether
    it holds what no prompt of this thread has ever held. `steps` counts what may
    have changed files.

    `book` holds the rules, `save_rule` adds one of the person's; `taint` tells whose text the
    context holds, `redactor` takes secrets out. `offline` is the jail without the network, for
    calls of a tainted context, `online` the one with it where `sandbox` has none. `git` is the jail
    for lines of plain git, which may write the repository. The text of `vouched` tools counts as
    nobody's, and they may be called in any context. `hooks` are the commands that speak at moments
    of the run.
    """

    model: Model
    tools: Mapping[str, Tool]
    sandbox: Sandbox
    workspace: Path
    blobs: Blobs
    snapshots: Snapshots
    budget: RunBudget
    instructions: str
    project_notes: str
    open_scratch: Callable[[], Awaitable[Scratch]]
    ask: Ask
    mode: Mode = "auto"
    allow_net: bool = False
    checks: Sequence[Check] = ()
    schema: str | None = None
    rung_chosen: bool = False
    recall: Recall | None = None
    knows_more: Callable[[], bool] = yes
    offline: Sandbox | None = None
    online: Sandbox | None = None
    git: Sandbox | None = None
    book: RuleBook | None = None
    save_rule: Callable[[Rule], Awaitable[None]] = keep_no_rule
    taint: Taint = msgspec.field(default_factory=Taint)
    redactor: Callable[[], Redactor] = no_redactor
    vouched: Container[str] = frozenset[str]()
    denials: list[str] = msgspec.field(default_factory=list[str])
    steps: int = 0
    hooks: Hooks = msgspec.field(default_factory=Hooks)


class Strategy(Protocol):
    """A way to drive a model to the end of a task."""

    @property
    def name(self) -> str:
        """`tools` or `search`."""
        ...

    async def run(self, agent: Agent, journal: Journal, inbox: Inbox) -> Ending:
        """Work until the task is done or given up.

        The newest user message of `journal.thread` is the task; steering arrives in `inbox`.
        Raises LimitReached, ModelError, SandboxError, StoreError; the caller turns them into the
        run's outcome and closes open calls.
        """
        ...
