"""One model call: budget first, then the stream, then the bill.

Guards that a reply is recorded whole or not at all, and that every call is paid for. Knows no
provider.
"""

from contextlib import aclosing

import anyio
import msgspec

from kodo.agent.budget import RunBudget
from kodo.agent.journal import Journal
from kodo.base.errors import ModelError, ProtocolError
from kodo.base.hashing import sha256_hex
from kodo.core.events import LimitNear, PromptPart, PromptSent, Retrying
from kodo.core.messages import Assistant
from kodo.core.model import Model, Prompt

SECOND_TRY_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
_ENCODER = msgspec.json.Encoder()


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has: a quarter of its UTF-8 bytes."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4


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


async def speak(model: Model, prompt: Prompt, budget: RunBudget, journal: Journal) -> Assistant:
    """Send the prompt and return the whole reply; deltas pass by through the journal.

    The adapter retries until the first byte. A failure after it but before the first delta (an
    overload told inside the stream) is tried once more here. Raises LimitReached before spending,
    ModelError, and ProtocolError where the stream ends without a reply.
    """
    await announce(prompt, journal)
    seq = journal.thread.next_seq
    try:
        reply = await _attempt(model, prompt, budget, journal)
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
        reply = await _attempt(model, prompt, budget, journal)
    budget.charge(reply.usage)
    for name, used, value in budget.newly_near():
        await journal.record(LimitNear(name, used, value))
    return reply


def _was_retried(journal: Journal, since: int) -> bool:
    """Tell whether the adapter has tried again, and so has given up for good."""
    events = [entry.event for entry in journal.thread.path()]
    return any(event.seq >= since and isinstance(event.body, Retrying) for event in events)


async def _attempt(model: Model, prompt: Prompt, budget: RunBudget, journal: Journal) -> Assistant:
    budget.reserve_model_call()
    reply: Assistant | None = None
    begun = False
    try:
        async with aclosing(model.stream(prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, Assistant):
                    reply = piece
                else:
                    begun = begun or piece.kind != "prefill"
                    await journal.emit(piece)
    except ModelError as error:
        if begun:
            error.retryable = False
        raise
    if reply is None:
        raise ProtocolError(f"{model.info.id!r} ended its stream without a reply")
    return reply
