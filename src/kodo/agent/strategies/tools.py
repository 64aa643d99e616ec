"""A capable model drives itself: it calls tools until it ends its turn and the gate accepts.

The loop of the house (docs/design): take what people said, speak, run the calls, again.
"""

import anyio

from kodo.agent.agent import Agent, Ending
from kodo.agent.context import Context, fixed_of, specs_of
from kodo.agent.dispatch import batches, run_batch
from kodo.agent.doom import NUDGE, LoopWatch
from kodo.agent.finish import FinishGate
from kodo.agent.hooking import run_hooks
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.turn import speak
from kodo.base.errors import ContextOverflow
from kodo.core.events import FileChange, FilesChanged
from kodo.core.messages import Assistant, Text, ToolResult, user
from kodo.core.thread import Thread

HOOK_REFUSALS = 3
CONTINUE = "[kodo] Your reply was cut at its length limit. Go on exactly where it stopped."


class ToolsStrategy:
    """Implements `kodo.agent.agent.Strategy` for models that emit tool calls."""

    name = "tools"

    def __init__(self, gate: FinishGate) -> None:
        self._gate = gate
        self._refused = 0

    async def run(self, agent: Agent, journal: Journal, inbox: Inbox) -> Ending:
        """Work until the model ends and the finish gate accepts. See the Strategy protocol.

        A model call or a tool that is still at work when the time is up is cut off.
        """
        with anyio.move_on_after(agent.budget.seconds_left()):
            return await self._work(agent, journal, inbox)
        raise agent.budget.out_of_time()

    async def _work(self, agent: Agent, journal: Journal, inbox: Inbox) -> Ending:
        context = Context(fixed_of(agent))
        watch = LoopWatch()
        continued = False
        while True:
            for message in inbox.take_all():
                await journal.add(message)
            reply = await self._speak(agent, journal, context)
            await journal.add(reply)
            if reply.stop == "refusal":
                return Ending("failed", reply.text, reason="the model refused the task")
            if reply.stop == "length" and not reply.calls:
                if continued:
                    return Ending(
                        "failed", reply.text, reason="the reply was cut at its length twice"
                    )
                continued = True
                await journal.add(user(CONTINUE))
                continue
            continued = False
            if not reply.calls:
                if not inbox.empty():
                    continue
                ending = await self._finish(agent, journal, reply)
                if ending is not None:
                    return ending
                continue
            for batch in batches(reply.calls, agent.tools):
                head = journal.thread.head
                results = await run_batch(agent, journal, batch)
                watch.note(_changes_since(journal.thread, head))
                for call, result in zip(batch, results, strict=True):
                    alarm = watch.see(call, result)
                    count = watch.count(call, result)
                    await journal.add(_nudged(result, count) if alarm == "nudge" else result)
                    if alarm == "stop":
                        return Ending(
                            "failed",
                            reply.text,
                            reason=f"{call.name!r} was called in vain again and again (doom loop)",
                        )

    async def _speak(self, agent: Agent, journal: Journal, context: Context) -> Assistant:
        """Speak; an overflow that the provider reports is repaired once by eviction."""
        try:
            return await self._speak_once(agent, journal, context)
        except ContextOverflow as error:
            if not await context.repair(journal, error):
                raise
        return await self._speak_once(agent, journal, context)

    async def _speak_once(self, agent: Agent, journal: Journal, context: Context) -> Assistant:
        context.take_tools(specs_of(agent))
        prompt, sent = await context.build(journal)
        return await speak(agent.model, prompt, agent.budget, journal, sent=sent, pace=context.pace)

    async def _finish(self, agent: Agent, journal: Journal, reply: Assistant) -> Ending | None:
        verdict = await self._gate.accepts(agent, journal)
        if verdict.outcome is not None:
            outcome = verdict.outcome
            said = await run_hooks(agent, journal, "before_finish", summary=reply.text)
            if said.denied:
                self._refused += 1
                if self._refused > HOOK_REFUSALS:
                    reason = f"{said.denied} (refused {self._refused} times)"
                    return Ending("failed", reply.text, verdict.evidence, reason)
                told = f"[kodo] You ended, but {said.denied}\nMend it, or say why not, and end."
                await journal.add(user("\n".join((told, *said.texts))))
                return None
            if agent.denials and outcome == "unverified":
                return Ending("denied", reply.text, verdict.evidence, agent.denials[-1])
            return Ending(outcome, reply.text, verdict.evidence, verdict.reason)
        await journal.add(user(verdict.complaint))
        return None


def _changes_since(thread: Thread, head: str | None) -> list[FileChange]:
    return [
        change
        for entry in thread.since(head) or ()
        if isinstance(entry.event.body, FilesChanged)
        for change in entry.event.body.changes
    ]


def _nudged(result: ToolResult, count: int) -> ToolResult:
    parts = (*result.parts, Text(NUDGE.format(count=count)))
    return ToolResult(result.call_id, result.name, parts, result.outcome, result.details)
