"""Who may do what: which calls run at once, which ask first, which are denied.

Rules speak first; what none speaks to runs where the sandbox contains it. Does not parse commands
(`permission/` does) and asks nobody itself. Guards that a denial names its rule and the way out,
and that text of strangers does not lead to the network, to publishing or to credentials unasked.
"""

from typing import Literal

import msgspec

from kodo.agent.permission.question import Question, command_question, offered_rule
from kodo.agent.permission.rules import Rule
from kodo.agent.permission.taint import MCP_PREFIX
from kodo.agent.permission.verdicts import RuleBook, Verdict
from kodo.base.text import printable
from kodo.core.messages import Value
from kodo.core.sandbox import Guarantee, Sandbox
from kodo.core.tool import Tool

CONTAINS_EXEC: frozenset[Guarantee] = frozenset({"write_outside_denied", "network_denied"})


def contains_commands(sandbox: Sandbox, *, allow_net: bool) -> bool:
    """Tell whether commands in this jail cannot harm what lies outside it."""
    needed = CONTAINS_EXEC - {"network_denied"} if allow_net else CONTAINS_EXEC
    return sandbox.guarantees >= needed


class Ruling(Value, frozen=True):
    """`reason` is for the person and the model: which rule, and the way out.

    `question` is what a person is asked where the decision is `ask`.
    """

    decision: Literal["allow", "ask", "deny"]
    reason: str = ""
    question: Question | None = None


class _ShellWords(msgspec.Struct):
    command: str = ""


def judge(
    tool: Tool,
    sandbox: Sandbox,
    *,
    allow_net: bool,
    mode: str,
    trusted: bool,
    arguments: bytes = b"{}",
    book: RuleBook | None = None,
    tainted: str = "",
) -> Ruling:
    """Decide about a call of `tool`.

    Reading and editing the workspace are what the person asked for. Commands run freely in a jail
    that contains them, except those that a rule of `book` asks about or denies; where the jail
    does not contain them (`--rung local`), `ask` mode asks and `auto` mode runs them only if the
    user chose that rung (`trusted`). `tainted` names whose text the context holds, "" for nobody's.
    """
    reachable = allow_net or "network_denied" not in sandbox.guarantees
    if book is not None and (told := book.judge_tool(tool.name, tainted=bool(tainted))):
        if told.decision == "allow":
            return Ruling("allow")
        reason = _named(told.rule, told.source, told.reason)
        return _ruled(told.decision, reason, _tool_question(tool, arguments))
    if tool.effect in ("read", "write"):
        return Ruling("allow")
    if tool.effect == "net":
        return _judge_net(tool, arguments, allow_net=allow_net, tainted=tainted)
    if tool.name == "shell_input" and tainted and allow_net:
        return _judge_net(tool, arguments, allow_net=True, tainted=tainted)
    command = _command(arguments)
    verdict = Verdict("open")
    if book is not None and command:
        verdict = book.judge(command, tainted=bool(tainted) and reachable)
    if verdict.decision in ("ask", "deny"):
        reason = _named(verdict.rule, verdict.source, verdict.reason)
        if tainted and any(part.reach for part in verdict.parts):
            reason += f" (the context holds text from {tainted})"
        question = Question(command_question(command, verdict), reason, _offer(command, verdict))
        return _ruled(verdict.decision, reason, question)
    if verdict.decision == "allow" or contains_commands(sandbox, allow_net=allow_net):
        return Ruling("allow")
    if mode == "auto" and trusted:
        return Ruling("allow")
    reason = (
        f"rule 'uncontained': the sandbox {sandbox.name!r} does not contain commands "
        "(choose --rung local yourself to run them unasked)"
    )
    if not command:
        return _ruled("ask", reason, _tool_question(tool, arguments))
    return _ruled(
        "ask",
        reason,
        Question(command_question(command, verdict), reason, _offer(command, verdict)),
    )


def _offer(command: str, verdict: Verdict) -> Rule | None:
    return offered_rule(command, verdict)


def _judge_net(tool: Tool, arguments: bytes, *, allow_net: bool, tainted: str) -> Ruling:
    if not allow_net and not tool.name.startswith(MCP_PREFIX):
        return Ruling("deny", "the network is off for this run; allow it with --allow-host HOST")
    if not tainted:
        return Ruling("allow")
    reason = (
        f"rule 'tainted-network': the context holds text from {tainted}, and this call sends "
        "something out; trust the folder (kodo trust), or answer in kodo chat"
    )
    return _ruled("ask", reason, _tool_question(tool, arguments))


def _ruled(decision: str, reason: str, question: Question | str) -> Ruling:
    asked = Question(question, reason) if isinstance(question, str) else question
    return Ruling("deny", reason) if decision == "deny" else Ruling("ask", reason, asked)


def _tool_question(tool: Tool, arguments: bytes) -> str:
    return f"call {tool.name}?\n  {printable(arguments.decode('utf-8', 'replace'))}"


def _named(rule: str, source: str, reason: str) -> str:
    whose = {"built in": "", "user": " of yours", "project": " of the project"}.get(source, "")
    return f"rule {rule!r}{whose}" + (f": {reason}" if reason else "")


def _command(arguments: bytes) -> str:
    try:
        return msgspec.json.decode(arguments, type=_ShellWords).command
    except msgspec.DecodeError:
        return ""
