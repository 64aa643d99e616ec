"""Who may do what: which calls run at once, which ask first, which are denied.

What the sandbox already contains is not asked about. Does not parse commands: the jail holds them,
not their spelling. Guards that a denial names its reason and the way out.
"""

from typing import Literal

from kodo.core.messages import Value
from kodo.core.sandbox import Guarantee, Sandbox
from kodo.core.tool import Tool

CONTAINS_EXEC: frozenset[Guarantee] = frozenset({"write_outside_denied", "network_denied"})


def contains_commands(sandbox: Sandbox, *, allow_net: bool) -> bool:
    """Tell whether commands in this jail cannot harm what lies outside it."""
    needed = CONTAINS_EXEC - {"network_denied"} if allow_net else CONTAINS_EXEC
    return sandbox.guarantees >= needed


class Ruling(Value, frozen=True):
    """`reason` is for the person and the model: which rule, and the way out."""

    decision: Literal["allow", "ask", "deny"]
    reason: str = ""


def judge(tool: Tool, sandbox: Sandbox, *, allow_net: bool, mode: str, trusted: bool) -> Ruling:
    """Decide about a call of `tool`.

    Reading and editing the workspace are what the person asked for. Commands run freely in a jail
    that contains them; where the jail does not (`--rung local`), `ask` mode asks and `auto` mode
    runs them only if the user chose that rung (`trusted`).
    """
    if tool.effect in ("read", "write"):
        return Ruling("allow")
    if tool.effect == "net":
        if allow_net:
            return Ruling("allow")
        return Ruling("deny", "the network is off for this run; allow it with --allow-host HOST")
    if contains_commands(sandbox, allow_net=allow_net):
        return Ruling("allow")
    if mode == "auto" and trusted:
        return Ruling("allow")
    return Ruling(
        "ask",
        f"the sandbox {sandbox.name!r} does not contain commands "
        "(choose --rung local yourself to run them unasked)",
    )
