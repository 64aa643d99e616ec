"""What a hook reads from stdin and what it may answer: the JSON of docs/schema/hook-*.json.

Knows no process. Guards that an answer with an unknown field is an error and not ignored.
"""

from typing import Any, Literal

import msgspec

from kodo.core.events import HookMoment
from kodo.core.messages import Outcome, Value


class HookCall(msgspec.Struct, frozen=True):
    """The call that a hook is asked about; `arguments` are the model's."""

    id: str
    tool: str
    arguments: msgspec.Raw


class HookResult(msgspec.Struct, frozen=True):
    """What the call came to, as the model will read it."""

    outcome: Outcome
    text: str


class HookInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands on a hook's stdin, as one line of JSON.

    `call` stands at tool moments, `result` after a tool, `summary` before the finish: the model's
    last message.
    """

    version: Literal[1]
    moment: HookMoment
    hook: str
    session: str
    workspace: str
    call: HookCall | None = None
    result: HookResult | None = None
    summary: str = ""


class HookAnswer(Value, frozen=True):
    """What a hook may answer; an empty answer, or `{}`, lets things go on.

    `allow` is the same: a hook never permits what the policy asks about or denies. `arguments`
    replace those of the call (before_tool). `text` is for the model.
    """

    decision: Literal["allow", "deny"] = "allow"
    reason: str = ""
    arguments: dict[str, Any] | None = None
    text: str = ""


def read_answer(stdout: bytes) -> HookAnswer:
    """Return the answer on a hook's stdout. Raises msgspec.DecodeError where it is none."""
    return msgspec.json.decode(stdout, type=HookAnswer) if stdout.strip() else HookAnswer()
