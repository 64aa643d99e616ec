"""One model call: budget first, then the stream, then the bill.

Guards that a reply is recorded whole or not at all, and that every call is paid for. Knows no
provider.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import anyio
import msgspec
from msgspec.structs import replace

from kodo.agent.budget import RunBudget
from kodo.agent.journal import Journal
from kodo.agent.pace import Pace
from kodo.agent.window.tokens import estimate_tokens, message_tokens
from kodo.base.errors import ModelError, ProtocolError
from kodo.base.hashing import sha256_hex
from kodo.core.events import LimitNear, PromptPart, PromptSent, Retrying
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Model, Prompt

SECOND_TRY_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
_ENCODER = msgspec.json.Encoder()

_Hear = Callable[[Delta], Awaitable[None]]


async def announce(prompt: Prompt, journal: Journal) -> None:
    """Record that a prompt is about to be sent, by its hash and the size of its parts."""
    tools = "".join(tool.parameters + tool.description for tool in prompt.tools)
    messages = _ENCODER.encode(prompt.messages)
    parts = (
        PromptPart("instructions", estimate_tokens(prompt.instructions)),
        PromptPart("tools", estimate_tokens(tools)),
        PromptPart("messages", (len(messages) + 3) // 4),
    )
    await journal.record(PromptSent(sha256_hex(_ENCODER.encode(prompt)), parts))


async def speak(
    model: Model,
    prompt: Prompt,
    budget: RunBudget,
    journal: Journal,
    *,
    sent: PromptSent | None = None,
    pace: Pace | None = None,
) -> Assistant:
    """Send the prompt and return the whole reply; deltas pass by through the journal.

    `sent` is what to record of the prompt, where its maker knows better; `pace` hears how fast it
    is read. The adapter retries until the first byte. A failure after it but before the first delta
    (an overload told inside the stream) is tried once more here. Raises LimitReached before
    spending, ModelError, and ProtocolError where the stream ends without a reply.
    """
    if sent is None:
        await announce(prompt, journal)
    else:
        await journal.record(sent)

    if pace is not None:
        pace.begin()

    async def hear(delta: Delta) -> None:
        if pace is not None:
            pace.take(delta)
        await journal.emit(delta)

    return await _ask(model, prompt, budget, journal, hear)


async def consult(
    model: Model, prompt: Prompt, budget: RunBudget, journal: Journal, purpose: str
) -> Assistant:
    """Ask something beside the conversation: on the run's account, recorded, but not shown.

    Raises as `speak` does.
    """
    size = estimate_tokens(prompt.instructions) + sum(map(message_tokens, prompt.messages))
    digest = sha256_hex(_ENCODER.encode(prompt))
    await journal.record(PromptSent(digest, (PromptPart(purpose, size),)))

    async def hear(delta: Delta) -> None:
        return None

    return await _ask(model, prompt, budget, journal, hear)


async def _ask(
    model: Model, prompt: Prompt, budget: RunBudget, journal: Journal, hear: _Hear
) -> Assistant:
    seq = journal.thread.next_seq
    try:
        reply = await _attempt(model, prompt, budget, hear)
    except ModelError as error:
        wait_s = error.retry_after_s or SECOND_TRY_WAIT_S
        left_s = budget.seconds_left()
        if (
            not error.retryable
            or _was_retried(journal, seq)
            or wait_s > LONGEST_WAIT_S
            or (left_s is not None and wait_s > left_s)
        ):
            raise
        await journal.record(Retrying(str(error), 2, wait_s))
        await anyio.sleep(wait_s)
        reply = await _attempt(model, prompt, budget, hear)
    for name, used, value in budget.newly_near():
        await journal.record(LimitNear(name, used, value))
    return reply


def _was_retried(journal: Journal, since: int) -> bool:
    """Tell whether the adapter has tried again, and so has given up for good."""
    events = [entry.event for entry in journal.thread.path()]
    return any(event.seq >= since and isinstance(event.body, Retrying) for event in events)


async def _attempt(model: Model, prompt: Prompt, budget: RunBudget, hear: _Hear) -> Assistant:
    """Make one call with a share of the budget held for it, and pay for it."""
    wanted = prompt.output_tokens or model.info.output_tokens
    limits = budget.limits
    size = 0
    if limits.tokens is not None or limits.cost_usd is not None:
        tools = sum(estimate_tokens(tool.parameters + tool.description) for tool in prompt.tools)
        texts = estimate_tokens(prompt.instructions) + estimate_tokens(prompt.recalled)
        size = tools + texts + sum(map(message_tokens, prompt.messages))
    with budget.hold(size, wanted, model.info.price) as allowed:
        if allowed < wanted:
            prompt = replace(prompt, output_tokens=allowed)
        reply = await _hear_out(model, prompt, hear)
        budget.charge(reply.usage)
        return reply
    raise AssertionError("the budget swallows no error")


async def _hear_out(model: Model, prompt: Prompt, hear: _Hear) -> Assistant:
    reply: Assistant | None = None
    begun = False
    try:
        async with aclosing(model.stream(prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, Assistant):
                    reply = piece
                else:
                    begun = begun or piece.kind != "prefill"
                    await hear(piece)
    except ModelError as error:
        if begun:
            error.retryable = False
        raise
    if reply is None:
        raise ProtocolError(f"{model.info.id!r} ended its stream without a reply")
    return reply
