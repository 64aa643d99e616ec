"""A hook: which command runs at which moment, and what becomes of its failure.

Knows no sandbox and no run. Guards that a hook whose values cannot be meant is named at the start.
"""

from fnmatch import fnmatchcase
from typing import Literal

import anyio

from kodo.core.events import HookMoment
from kodo.core.messages import Value

MAX_TIMEOUT_S = 600.0


class Hook(Value, frozen=True):
    """A command that runs at a moment, with JSON on stdin (docs/hooks.md).

    `tool` is a pattern (`apply_patch`, `mcp__*`) that the tool's name must match; it counts for
    `before_tool` and `after_tool`. `on_error` says what a failure or the time limit means.
    `network` lets it reach the allowed hosts of the run; else it has no network.
    """

    on: HookMoment
    command: str
    name: str = ""
    tool: str = "*"
    timeout_s: float = 30.0
    on_error: Literal["ignore", "deny"] = "ignore"
    network: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.command.strip().partition("\n")[0][:60]

    def speaks(self, moment: HookMoment, tool: str) -> bool:
        """Tell whether it runs now."""
        return self.on == moment and (not tool or fnmatchcase(tool, self.tool))

    def fault(self) -> str:
        """Return what is wrong with its values, "" where nothing is."""
        if not self.command.strip():
            return "its command is empty"
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            return (
                f"timeout_s is {self.timeout_s:g}; it is more than 0 and at most {MAX_TIMEOUT_S:g}"
            )
        if self.tool != "*" and self.on not in ("before_tool", "after_tool"):
            return f"tool = {self.tool!r} has no meaning for {self.on!r}; only for tool moments"
        return ""


class Hooks:
    """The hooks of a session, in the order in which they run.

    `begun`: session_start is over. `lock`: one moment at a time, also where calls run together.
    """

    __slots__ = ("all", "begun", "lock")

    def __init__(self, hooks: tuple[Hook, ...] = ()) -> None:
        self.all = hooks
        self.begun = False
        self.lock = anyio.Lock()

    def at(self, moment: HookMoment, tool: str = "") -> list[Hook]:
        """Return those that speak at a moment."""
        return [hook for hook in self.all if hook.speaks(moment, tool)]
