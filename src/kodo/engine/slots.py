"""Who may use a slot of the engine, and when: fair turns, and the state brought to where it is due.

Knows waiting and the book of chains; what saves and restores is given. Guards that a slot has one
user at a time, that no chain starves the others, and that a cancelled one leaves its slot at once.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from kodo.engine.chains import Chains, Drop, Restore, Save, Step

Act = Callable[[Step], Awaitable[int | None]]
"""Carries a step out; returns the bytes written by a Save, None where it could not be done."""


@dataclass(slots=True, eq=False)
class _Waiter:
    chain: str
    slots: int
    turn: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class Lease:
    """The right to one slot, or to all of them (`slot` None: whoever runs chooses)."""

    slot: int | None
    text: str = ""
    tokens: int = 0

    def done(self, text: str, tokens: int) -> None:
        """Tell what the slot holds now: prompt and answer, and how many tokens they are."""
        self.text, self.tokens = text, tokens


class Slots:
    """The slots of one engine, lent out in turn: to the chain that has the fewest, then by age."""

    __slots__ = ("_act", "_chains", "_free", "_placing", "_running", "_waiting")

    def __init__(self, chains: Chains, act: Act) -> None:
        self._chains = chains
        self._act = act
        self._free = chains.slots
        self._placing = anyio.Lock()
        self._running: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def lend(self, chain: str, prompt: str, output_tokens: int) -> AsyncGenerator[Lease]:
        """Lend one slot for a request, with as much of its prompt in it as is to be had."""
        async with self._turn(chain, 1):
            async with self._placing:
                placement = self._chains.place(chain, prompt, output_tokens)
                lease = Lease(placement.slot)
                try:
                    await self._carry_out(placement.steps)
                except BaseException:
                    self._chains.broke_off(placement.slot)
                    raise
            try:
                yield lease
            finally:
                if lease.text:
                    self._chains.done(placement.slot, lease.text, lease.tokens)
                else:
                    self._chains.broke_off(placement.slot)

    @asynccontextmanager
    async def lend_all(self, chain: str) -> AsyncGenerator[Lease]:
        """Lend all slots, their chains put aside before."""
        async with self._turn(chain, self._chains.slots):
            async with self._placing:
                await self._carry_out(self._chains.put_all_aside())
            yield Lease(None)

    @asynccontextmanager
    async def _turn(self, chain: str, slots: int) -> AsyncGenerator[None]:
        waiter = _Waiter(chain, slots)
        self._waiting.append(waiter)
        self._give_turns()
        try:
            await waiter.turn.wait()
            yield
        finally:
            if waiter.turn.is_set():
                self._free += slots
                self._running[chain] -= 1
                if not self._running[chain]:
                    del self._running[chain]
            else:
                self._waiting.remove(waiter)
            self._give_turns()

    def _give_turns(self) -> None:
        while self._waiting:
            # min takes the first of equals: the oldest.
            first = min(self._waiting, key=lambda waiter: self._running[waiter.chain])
            if first.slots > self._free:
                return  # nobody overtakes, or who needs all of them would wait for ever
            self._waiting.remove(first)
            self._free -= first.slots
            self._running[first.chain] += 1
            first.turn.set()

    async def _carry_out(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            written = await self._act(step)
            match step:
                case Save(file=file) if written is not None:
                    await self._carry_out(self._chains.saved(file, written))
                case Save(file=file) | Restore(file=file) if written is None:
                    self._chains.lost(file)
                    await self._act(Drop(file))
                case _:
                    pass
