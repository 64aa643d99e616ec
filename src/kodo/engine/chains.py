"""Which sequence stands in which slot of the KV cache, and how a request finds its own.

Pure bookkeeping: knows texts, sizes and the order of use, not llama.cpp, files or tasks. A request
continues a slot in place where nothing worth keeping is lost; else it gets a copy of the state with
the longest common beginning (its own, put aside earlier, or another chain's that it forks from).
Guards that a chain's state is lost only when the disk's share is full, the oldest first.
Not covered: states that llama.cpp itself drops when a guess of sizes here was too small; such a
request is slower and its count of cached tokens says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

import msgspec

WORTH_COPYING = 400
"""Characters (about 100 tokens): to read fewer again costs less than a copy."""

WORTH_KEEPING_TOKENS = 48
LOSS = 0.1
"""A slot is continued in place where at most this part of it is lost."""

BYTES_PER_TOKEN = 3
"""A cautious guess for prompts that were not counted yet."""

SOME_OUTPUT_TOKENS = 512
"""What is set aside for an answer; most are shorter than their limit."""


class Save(msgspec.Struct, frozen=True):
    """Write a slot's state to a file."""

    slot: int
    file: str


class Restore(msgspec.Struct, frozen=True):
    """Fill a slot from a file."""

    slot: int
    file: str


class Erase(msgspec.Struct, frozen=True):
    """Empty a slot."""

    slot: int


class Drop(msgspec.Struct, frozen=True):
    """Delete a file."""

    file: str


Step = Save | Restore | Erase | Drop


@dataclass(slots=True)
class Slot:
    """A slot of the cache: whose sequence it holds, of which text, and whether it is at work."""

    number: int
    chain: str = ""
    text: str = ""
    tokens: int = 0
    used: int = 0
    busy: bool = False
    file: str = ""  # holds this very state


@dataclass(slots=True)
class State:
    """A sequence in a file."""

    file: str
    chain: str
    text: str
    tokens: int
    used: int
    size_bytes: int = 0


@dataclass(slots=True, frozen=True)
class Placement:
    """Where a request runs, and what is to be done before, in order."""

    slot: int
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Chains:
    """The book of one engine. One caller at a time; the steps are carried out in between."""

    slots: int
    context_tokens: int
    disk_bytes: int
    _slots: list[Slot] = field(init=False)
    _states: dict[str, State] = field(default_factory=dict[str, State])
    _ticks: Iterable[int] = field(default_factory=count)
    _names: Iterable[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._slots = [Slot(number) for number in range(self.slots)]

    @property
    def idle(self) -> int:
        """How many slots are not at work."""
        return sum(not slot.busy for slot in self._slots)

    def place(self, chain: str, prompt: str, output_tokens: int) -> Placement:
        """Give a request an idle slot, of which there must be one."""
        steps: list[Step] = []
        idle = [slot for slot in self._slots if not slot.busy]
        target = self._continued(idle, chain, prompt)
        kept = common_length(prompt, target.text) if target else 0
        source = self._best_source(idle, prompt)
        if source is not None and _common(prompt, source) >= kept + WORTH_COPYING:
            if target is None or target.chain != chain or not chain:
                target = _emptiest(idle)
            steps += self._copy(source, target)
        else:
            target = target or _emptiest(idle)
            if len(target.text) - kept >= max(WORTH_COPYING, LOSS * len(target.text)):
                steps += self._put_aside(target)
        target.busy = True
        target.chain, target.text, target.file = chain, prompt, ""
        target.tokens = len(prompt) // BYTES_PER_TOKEN + min(output_tokens, SOME_OUTPUT_TOKENS)
        steps += self._make_room(target)
        return Placement(target.number, tuple(steps))

    def done(self, number: int, text: str, tokens: int) -> None:
        """Note what a slot holds after its request."""
        slot = self._slots[number]
        slot.busy, slot.text, slot.tokens, slot.used = False, text, tokens, self._tick()

    def broke_off(self, number: int) -> None:
        """Note that a request ended early: its slot holds some beginning of the prompt."""
        slot = self._slots[number]
        slot.busy, slot.used = False, self._tick()

    def put_all_aside(self) -> tuple[Step, ...]:
        """Give all slots, none at work, to somebody who uses them unseen."""
        steps: list[Step] = []
        for slot in self._slots:
            steps += self._put_aside(slot)
            slot.chain, slot.text, slot.tokens, slot.file = "", "", 0, ""
        return tuple(steps)

    def saved(self, file: str, size_bytes: int) -> tuple[Step, ...]:
        """Note that a file was written; returns the files to delete, the oldest first."""
        if file in self._states:
            self._states[file].size_bytes = size_bytes
        drops: list[Step] = []
        oldest = sorted(self._states.values(), key=lambda state: state.used)
        total = sum(state.size_bytes for state in oldest)
        for state in oldest:
            if total <= self.disk_bytes:
                break
            if state.file != file:
                total -= state.size_bytes
                drops.append(self._forget(state.file))
        return tuple(drops)

    def lost(self, file: str) -> None:
        """Note that a file could not be written or read."""
        self._forget(file)

    def _continued(self, idle: list[Slot], chain: str, prompt: str) -> Slot | None:
        """Return the slot to go on in place: all of it is repeated, or it is the chain's own."""
        best: Slot | None = None
        kept = 0
        for slot in idle:
            common = common_length(prompt, slot.text)
            own = bool(chain) and slot.chain == chain
            if common > kept and (own or common >= len(slot.text) * (1 - LOSS)):
                best, kept = slot, common
        return best

    def _best_source(self, idle: list[Slot], prompt: str) -> Slot | State | None:
        sources: list[Slot | State] = [slot for slot in idle if slot.text]
        sources += self._states.values()
        return max(sources, key=lambda source: _common(prompt, source), default=None)

    def _copy(self, source: Slot | State, target: Slot) -> list[Step]:
        """Return how the state of `source` gets into `target`, both kept on disk."""
        steps = self._put_aside(source) if isinstance(source, Slot) else []
        if source is target:
            return steps
        if len(target.text) - common_length(target.text, source.text) >= WORTH_COPYING:
            steps += self._put_aside(target, spare=source.file)
        source.used = self._tick()
        return [*steps, Restore(target.number, source.file)] if source.file else steps

    def _put_aside(self, slot: Slot, spare: str = "") -> list[Step]:
        """Return how the state of a slot gets to disk, where it is not there and worth it.

        Files that hold no more than a beginning of it are deleted, but not `spare`.
        """
        if slot.file or slot.tokens < WORTH_KEEPING_TOKENS or not slot.text:
            return []
        older = [
            state.file
            for state in self._states.values()
            if state.file != spare and slot.text.startswith(state.text)
        ]
        slot.file = f"{next(iter(self._names))}.kv"
        self._states[slot.file] = State(slot.file, slot.chain, slot.text, slot.tokens, slot.used)
        return [*(self._forget(file) for file in older), Save(slot.number, slot.file)]

    def _make_room(self, target: Slot) -> list[Step]:
        """Return how idle slots are emptied until all sequences fit into the cache."""
        steps: list[Step] = []
        others = [slot for slot in self._slots if slot is not target]
        taken = sum(slot.tokens for slot in others) + target.tokens
        for slot in sorted(others, key=lambda slot: slot.used):
            if taken <= self.context_tokens:
                break
            if not slot.busy and slot.tokens:
                taken -= slot.tokens
                steps += [*self._put_aside(slot), Erase(slot.number)]
                slot.chain, slot.text, slot.tokens, slot.file = "", "", 0, ""
        return steps

    def _forget(self, file: str) -> Drop:
        self._states.pop(file, None)
        for slot in self._slots:
            if slot.file == file:
                slot.file = ""
        return Drop(file)

    def _tick(self) -> int:
        return next(iter(self._ticks))


def common_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # equal up to low, different before high
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _common(prompt: str, source: Slot | State) -> int:
    return common_length(prompt, source.text)


def _emptiest(idle: list[Slot]) -> Slot:
    return min(idle, key=lambda slot: (bool(slot.text), slot.used))
