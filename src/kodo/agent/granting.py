"""What a call is granted: the policy's answer, the person's, and the sandbox that follows from it.

Knows the agent and the journal, no tool by name. Guards that in a tainted context a call that
nobody was asked about gets no network, and that every question and its answer stand in the log.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.permission.gitlines import read_git_line
from kodo.agent.permission.taint import source_of
from kodo.agent.policy import judge
from kodo.base.redaction import Redactor
from kodo.core.events import ApprovalAsked, ApprovalGiven
from kodo.core.messages import Message, Text, ToolCall, User
from kodo.core.sandbox import Sandbox
from kodo.core.store import Blobs
from kodo.core.tool import Tool

_BETWEEN = re.compile(r"[\s<>\"'`()\[\]]+")


class Grant(NamedTuple):
    """What a call that may run is given: a sandbox, and whether the network is for it.

    `git_hint` tells the model why the repository stays closed to a line that would change it.
    """

    sandbox: Sandbox
    allow_net: bool
    git_hint: str = ""


class RedactedBlobs:
    """Blobs that keep whole outputs without the secrets in them."""

    __slots__ = ("_blobs", "_redactor")

    def __init__(self, blobs: Blobs, redactor: Redactor) -> None:
        self._blobs = blobs
        self._redactor = redactor

    async def put(self, data: bytes) -> str:
        """See `kodo.core.store.Blobs.put`."""
        return await self._blobs.put(self._redactor.data(data))

    async def get(self, name: str) -> bytes:
        """See `kodo.core.store.Blobs.get`."""
        return await self._blobs.get(name)


def for_git(agent: Agent, tool: Tool, arguments: bytes, granted: Grant) -> Grant:
    """Return the jail in which plain git may write the repository, where the call is just that."""
    if agent.git is None or tool.name != "shell":
        return granted
    wanted = _wanted(arguments)
    line = read_git_line(wanted.command)
    if line.why_not:
        return granted._replace(git_hint=_HINT.format(why=line.why_not))
    if not line.changes or wanted.background:
        return granted
    place = (agent.workspace / (wanted.workdir or "") / line.folder).resolve()
    if line.folder and place != (agent.workspace / (wanted.workdir or "")).resolve():
        return granted._replace(git_hint=_HINT.format(why="'cd' to another folder"))
    return Grant(agent.git, allow_net=False)


_HINT = (
    "[kodo] Commands cannot write .git. Run git commands by themselves (several with && are fine), "
    "in a call that holds nothing else; use workdir instead of cd and -C. Here it was: {why}"
)


class _ShellWords(msgspec.Struct):
    command: str = ""
    workdir: str | None = None
    background: bool = False


def _wanted(arguments: bytes) -> _ShellWords:
    try:
        return msgspec.json.decode(arguments, type=_ShellWords)
    except msgspec.DecodeError:
        return _ShellWords()


async def grant(
    agent: Agent, journal: Journal, call: ToolCall, tool: Tool, arguments: bytes
) -> Grant | str:
    """Return what the call is given, or the reason why it is refused.

    In a tainted context a call that nobody was asked about runs in the jail without the network.
    """
    tainted = "" if tool.name in agent.vouched else agent.taint.why
    if tainted and tool.name == "fetch" and _is_given(journal.thread.messages(), arguments):
        tainted = ""
    whole = Grant(agent.online or agent.sandbox, agent.allow_net)
    ruling = judge(
        tool,
        whole.sandbox,
        allow_net=agent.allow_net,
        mode=agent.mode,
        trusted=agent.rung_chosen,
        arguments=arguments,
        book=agent.book,
        tainted=tainted,
    )
    if ruling.decision == "allow":
        if tainted and agent.offline is not None and tool.effect != "net":
            whole = Grant(agent.offline, allow_net=False)
        return for_git(agent, tool, arguments, whole)
    if ruling.question is not None:
        question = ruling.question
        await journal.record(ApprovalAsked(call.id, question.text, ruling.reason))
        answer = await agent.ask(question)
        allowed = answer != "no"
        await journal.record(ApprovalGiven(call.id, allowed, "user" if allowed else "policy"))
        if answer == "always" and question.offer is not None:
            await agent.save_rule(question.offer)
        if allowed:
            return for_git(agent, tool, arguments, whole)
    agent.denials.append(f"{call.name}: {ruling.reason}")
    return ruling.reason


class _Address(msgspec.Struct):
    url: str = ""


def _is_given(messages: Iterable[Message], arguments: bytes) -> bool:
    """Tell whether the address to fetch stands, just so, in what the person said.

    Such an address carries nothing out that the model or a stranger has put into it.
    """
    try:
        url = msgspec.json.decode(arguments, type=_Address).url
    except msgspec.DecodeError:
        return False
    return bool(url) and any(
        url in (word, word.rstrip(".,;:!?"))
        for message in messages
        if isinstance(message, User)
        for part in message.parts
        if isinstance(part, Text)
        for word in _BETWEEN.split(part.text)
    )


def brought_in(agent: Agent, tool: Tool, granted: Grant) -> str:
    """Return whose text a finished call has brought into the context; "" for nobody's."""
    if tool.name in agent.vouched:
        return ""
    if tool.effect == "exec" and granted.allow_net and granted.sandbox is not agent.offline:
        return "the network" if agent.offline is not None else ""
    return source_of(tool.name)
