"""Ask the model: several samples where it can, holes where it can, always paid and announced.

Knows no prompt and no task. Guards that every call is reserved in the budget, recorded as sent, cut
by the time that is left, and that its speed is known.
"""

import time
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import cast

import anyio
from msgspec.structs import replace

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.strategies.search.case.allowance import Allowance
from kodo.agent.turn import announce
from kodo.agent.window.tokens import estimate_tokens, message_tokens
from kodo.base.errors import ModelError
from kodo.base.hashing import sha256_hex
from kodo.core.events import Noted, PromptPart, PromptSent
from kodo.core.messages import Assistant, Message, Usage
from kodo.core.model import Candidate, Completer, Hole, Prompt, Sampler


@dataclass(slots=True)
class Speed:
    """Tokens and seconds of all calls so far."""

    output_tokens: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        """Return the speed for people, or "" before the first call."""
        return f"{self.output_tokens / self.seconds:.0f} tok/s" if self.seconds > 0.01 else ""


class Speaker:
    """The only place of the search that calls the model."""

    __slots__ = ("_agent", "_allowance", "_journal", "_seed", "calls", "speed")

    def __init__(self, agent: Agent, journal: Journal, allowance: Allowance) -> None:
        self._agent = agent
        self._journal = journal
        self._allowance = allowance
        self._seed = 0
        self.speed = Speed()
        self.calls = 0

    @property
    def can_sample(self) -> bool:
        """Whether several answers cost one reading of the prompt."""
        return "sample" in self._agent.model.info.abilities

    @property
    def can_complete(self) -> bool:
        """Whether the model fills holes."""
        return "complete" in self._agent.model.info.abilities

    @property
    def model_id(self) -> str:
        """What the model is called."""
        return self._agent.model.info.id

    async def ask(
        self,
        instructions: str,
        messages: tuple[Message, ...],
        *,
        output_tokens: int,
        samples: int = 1,
        temperature: float = 0.0,
        stop: tuple[str, ...] = ("\n```\n",),
        most_s: float = 120.0,
    ) -> list[Assistant]:
        """Return up to `samples` replies; fewer, or none, where time or the model gave out.

        Raises LimitReached; a ModelError only where not a single reply came of it.
        """
        self._seed += 1
        prompt = Prompt(
            instructions=instructions,
            messages=messages,
            output_tokens=min(output_tokens, self._agent.model.info.output_tokens),
            stop=stop,
            temperature=temperature,
            seed=self._seed,
            cache_key=self._journal.thread.header.id,
        )
        await announce(prompt, self._journal)
        replies: list[Assistant] = []
        began_s = time.monotonic()
        with anyio.move_on_after(max(0.1, min(most_s, self._allowance.left_s()))):
            if samples > 1 and self.can_sample:
                await self._together(prompt, samples, replies)
            else:
                await self._one_by_one(prompt, samples, replies)
        self._note(replies, time.monotonic() - began_s)
        return replies

    async def fill(self, hole: Hole, samples: int, *, most_s: float = 30.0) -> list[Candidate]:
        """Return what the model would put into the hole; nothing where it cannot or time is out."""
        if not self.can_complete or self._allowance.over():
            return []
        text = hole.prefix + hole.suffix
        size = estimate_tokens(text)
        await self._journal.record(
            PromptSent(sha256_hex(text.encode("utf-8", "replace")), (PromptPart("hole", size),))
        )
        found: list[Candidate] = []
        began_s = time.monotonic()
        info, budget = self._agent.model.info, self._agent.budget
        with budget.hold(size, hole.output_tokens * samples, info.price) as allowed:
            hole = replace(hole, output_tokens=max(1, allowed // samples))
            with anyio.move_on_after(max(0.1, min(most_s, self._allowance.left_s()))):
                completer = cast(Completer, self._agent.model)
                try:
                    found = await completer.complete(hole, samples)
                except ModelError as error:  # holes are one idea of several; the search goes on
                    note = Noted(f"a hole could not be filled: {error}", "warning")
                    await self._journal.record(note)
            written = sum(estimate_tokens(candidate.text) for candidate in found)
            cost_usd = 0.0 if info.provider == "local" else None
            usage = Usage(input_tokens=size, output_tokens=written, cost_usd=cost_usd)
            budget.charge(usage)
        self.calls += 1
        self.speed.seconds += time.monotonic() - began_s
        self.speed.output_tokens += written
        return found

    async def _together(self, prompt: Prompt, samples: int, replies: list[Assistant]) -> None:
        budget, sampler = self._agent.budget, cast(Sampler, self._agent.model)
        with self._hold(prompt, samples) as allowed:
            prompt = replace(prompt, output_tokens=max(1, allowed // samples))
            before = len(replies)
            try:
                await sampler.sample(prompt, samples, self._journal.emit, replies.append)
            finally:
                for reply in replies[before:]:
                    budget.charge(reply.usage)

    async def _one_by_one(self, prompt: Prompt, samples: int, replies: list[Assistant]) -> None:
        for number in range(samples):
            with self._hold(prompt, 1) as allowed:
                one = replace(
                    prompt, output_tokens=allowed, seed=(prompt.seed or 0) + 1000 * number
                )
                try:
                    async with aclosing(self._agent.model.stream(one)) as stream:  # pyright: ignore[reportArgumentType]
                        async for piece in stream:
                            if isinstance(piece, Assistant):
                                self._agent.budget.charge(piece.usage)
                                replies.append(piece)
                            else:
                                await self._journal.emit(piece)
                except ModelError:
                    if not replies:
                        raise
                    return

    def _hold(self, prompt: Prompt, samples: int) -> AbstractContextManager[int]:
        """Keep what a call may take: the prompt is read once, the answers are `samples`."""
        size = estimate_tokens(prompt.instructions) + sum(map(message_tokens, prompt.messages))
        wanted = (prompt.output_tokens or self._agent.model.info.output_tokens) * samples
        return self._agent.budget.hold(size, wanted, self._agent.model.info.price)

    def _note(self, replies: list[Assistant], seconds: float) -> None:
        self.calls += 1
        self.speed.output_tokens += sum(reply.usage.output_tokens for reply in replies)
        self.speed.seconds += seconds
