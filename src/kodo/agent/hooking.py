"""Runs hooks: each in the jail, one after the other, its outcome an event of the log.

Knows the agent and the journal. Guards that a hook never permits what the policy does not, that one
that fails is named, and that what it changes can be taken back like any step.
"""

from collections.abc import Sequence

import msgspec

from kodo.agent.agent import Agent
from kodo.agent.hooks.hook import Hook
from kodo.agent.hooks.wire import HookAnswer, HookCall, HookInput, HookResult, read_answer
from kodo.agent.journal import Journal
from kodo.agent.steps import recorded_step
from kodo.base.redaction import Redactor
from kodo.base.text import cut_middle, repair_surrogates, repair_utf8
from kodo.core.events import HookDecision, HookMoment, HookRan
from kodo.core.messages import Text, ToolCall, ToolResult, Value
from kodo.core.sandbox import ExecResult

MAX_ANSWER_BYTES = 256 << 10
MAX_TEXT_BYTES = 16 << 10
DENIED_CODE = 2
_SPLIT = b"\n\x1e"
_SCRIPT = (
    'exec 3>&1; err=$(bash -c "$1" 2>&1 1>&3 3>&-); code=$?;'
    ' printf \'\\n\\036%s\' "$err"; exit "$code"'
)
"""Runs $1 and prints what it wrote to stderr behind a mark, for a sandbox joins the two."""


class HookOutcome(Value, frozen=True):
    """What the hooks of one moment said together.

    `denied` is the reason of the one that denied, with its name, "" where none did. `arguments`
    are the replaced ones. `texts` are for the model.
    """

    denied: str = ""
    arguments: bytes | None = None
    texts: tuple[str, ...] = ()


async def run_hooks(
    agent: Agent,
    journal: Journal,
    moment: HookMoment,
    *,
    call: ToolCall | None = None,
    result: ToolResult | None = None,
    summary: str = "",
) -> HookOutcome:
    """Run the hooks of a moment in order; the first that denies ends it.

    Raises SandboxError, StoreError.
    """
    hooks = agent.hooks.at(moment, call.name if call is not None else "")
    if not hooks:
        return HookOutcome()
    texts: list[str] = []
    replaced: bytes | None = None
    step = recorded_step(agent, journal, call.id if call is not None else "")
    async with agent.hooks.lock, step:
        for hook in hooks:
            about = _about(agent, journal, hook, call, replaced, result, summary)
            answer = await _run(agent, journal, hook, about)
            if answer.text:
                texts.append(f"[the hook {hook.title!r} says]\n{answer.text}")
            if answer.decision == "deny":
                denied = f"the hook {hook.title!r}: {answer.reason or 'no reason given'}"
                return HookOutcome(denied, replaced, tuple(texts))
            if answer.arguments is not None:
                replaced = msgspec.json.encode(answer.arguments)
    return HookOutcome("", replaced, tuple(texts))


def with_texts(result: ToolResult, texts: Sequence[str]) -> ToolResult:
    """Return a result with what hooks say behind it."""
    if not texts:
        return result
    parts = (*result.parts, *(Text(f"\n{text}") for text in texts))
    return msgspec.structs.replace(result, parts=parts)


def _about(
    agent: Agent,
    journal: Journal,
    hook: Hook,
    call: ToolCall | None,
    replaced: bytes | None,
    result: ToolResult | None,
    summary: str,
) -> HookInput:
    asked: HookCall | None = None
    if call is not None:
        arguments = replaced or (call.arguments or "{}").encode()
        asked = HookCall(call.id, call.name, msgspec.Raw(arguments))
    came = HookResult(result.outcome, result.text) if result is not None else None
    return HookInput(
        version=1,
        moment=hook.on,
        hook=hook.title,
        session=journal.thread.header.id,
        workspace=str(agent.workspace),
        call=asked,
        result=came,
        summary=summary,
    )


async def _run(agent: Agent, journal: Journal, hook: Hook, about: HookInput) -> HookAnswer:
    """Run one hook and record what it did; a failure becomes what `on_error` says."""
    quiet = agent.offline or agent.sandbox
    ran = await (agent.online or agent.sandbox if hook.network else quiet).exec(
        ["bash", "-c", _SCRIPT, "kodo-hook", hook.command],
        stdin=msgspec.json.encode(about) + b"\n",
        timeout_s=hook.timeout_s,
        max_output_bytes=MAX_ANSWER_BYTES,
    )
    answer, failure = _judge(hook, ran, agent.redactor())
    decision: HookDecision = "pass"
    if failure:
        decision = "deny" if hook.on_error == "deny" else "failed"
        answer = HookAnswer("deny" if hook.on_error == "deny" else "allow", failure)
    elif answer.decision == "deny":
        decision = "deny"
    elif answer.arguments is not None:
        decision = "replace"
    elif answer.text:
        decision = "text"
    call_id = about.call.id if about.call is not None else ""
    said = answer.reason or answer.text
    took_s = round(ran.duration_s, 3)
    await journal.record(HookRan(hook.title, hook.on, decision, said, call_id, took_s))
    return answer


def _judge(hook: Hook, ran: ExecResult, redactor: Redactor) -> tuple[HookAnswer, str]:
    """Return the answer, or in words why there is none."""
    stdout, _, stderr = ran.output.partition(_SPLIT)
    told = _clean(stderr, redactor)
    if ran.timed_out:
        return HookAnswer(), f"gave no answer within {hook.timeout_s:g} s (timeout_s)"
    if ran.exit_code == DENIED_CODE:
        return HookAnswer("deny", told or _clean(stdout, redactor)), ""
    if ran.exit_code != 0:
        return HookAnswer(), f"failed with exit code {ran.exit_code}: {told or 'no message'}"
    if ran.omitted_bytes:
        return HookAnswer(), f"answered more than {MAX_ANSWER_BYTES} bytes"
    try:
        answer = read_answer(stdout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return HookAnswer(), f"did not answer as docs/schema/hook-answer.json says: {error}"
    if answer.arguments is not None and hook.on != "before_tool":
        return HookAnswer(), f"replaces arguments, which only 'before_tool' may, not {hook.on!r}"
    return msgspec.structs.replace(
        answer,
        reason=_clean(answer.reason.encode("utf-8", "replace"), redactor),
        text=_clean(answer.text.encode("utf-8", "replace"), redactor),
    ), ""


def _clean(data: bytes, redactor: Redactor) -> str:
    text = repair_surrogates(repair_utf8(data)).strip()
    return redactor.text(cut_middle(text, MAX_TEXT_BYTES).text)
