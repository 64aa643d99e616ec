"""Replay: a recorded session run again from its log, each prompt made anew and compared.

The model's replies and the tools' results are those of the record; the fixed part of a prompt comes
from its blobs, what was recalled from the memory. Nothing is sent and nothing executed. Guards that
"identical" is said only of prompts that were really made and compared.
"""

from collections.abc import Sequence

import msgspec

from kodo.agent.context import Context, Fixed
from kodo.agent.journal import Journal
from kodo.agent.window.recalled import Block, render
from kodo.agent.window.window import TRANSCRIPT
from kodo.base.errors import StoreError, ToolError
from kodo.base.hashing import sha256_hex
from kodo.base.text import repair_utf8
from kodo.core.events import (
    Event,
    Evicted,
    MessageAdded,
    Passing,
    PromptSent,
    Remembered,
    RunStarted,
)
from kodo.core.messages import Assistant, ToolResult, Value
from kodo.core.model import ModelInfo, ToolSpec
from kodo.core.recall import Recall
from kodo.core.store import Blobs, ThreadSummary
from kodo.core.thread import Entry, Thread, ThreadHeader


class Difference(Value, frozen=True):
    """Where the replay went another way: the prompt's number, its entry, and what is not the same.

    `part` is a part of the prompt, or `evictions`.
    """

    prompt: int
    entry: int
    part: str
    why: str = ""


class ReplayReport(Value, frozen=True):
    """What was run again. `identical`: every prompt was compared, and none differs.

    `uncompared` prompts were made by a search or by an older kodo, and tell too little.
    """

    thread: str
    prompts: int
    replies: int
    results: int
    identical: bool
    uncompared: int = 0
    differences: tuple[Difference, ...] = ()


async def replay(thread: Thread, blobs: Blobs, recall: Recall) -> ReplayReport:
    """Run a thread again as its log has it. Raises StoreError where the store cannot be read."""
    player = _Player(thread.header, blobs, recall)
    entries = thread.path()
    at = 0
    while at < len(entries):
        sent = at
        while isinstance(entries[sent].event.body, Evicted) and sent + 1 < len(entries):
            sent += 1
        body = entries[sent].event.body
        if isinstance(body, PromptSent):
            await player.prompt(entries[at:sent], entries[sent], body)
        player.take(entries[at : sent + 1])
        at = sent + 1
    return player.report()


class _Player:
    """Follows the record with a context of its own."""

    def __init__(self, header: ThreadHeader, blobs: Blobs, recall: Recall) -> None:
        self._header = header
        self._blobs = blobs
        self._recorded: list[Entry] = []
        self._thread = Thread(header)
        self._ahead = 0  # entries of the record that building a prompt has already made
        self._reminder = _Reminder(recall)
        self._context: Context | None = None
        self._fixed: tuple[str, ...] = ()
        self._model = ""
        self._prompts = self._uncompared = self._replies = self._results = 0
        self._differences: list[Difference] = []

    def take(self, entries: Sequence[Entry]) -> None:
        """Let what was recorded happen."""
        for entry in entries:
            self._recorded.append(entry)
            if self._ahead:
                self._ahead -= 1
            else:
                self._thread.append(entry)
            match entry.event.body:
                case RunStarted(model=model):
                    self._model, self._context = model, None
                case MessageAdded(message=Assistant()):
                    self._replies += 1
                case MessageAdded(message=ToolResult()):
                    self._results += 1
                case _:
                    pass

    async def prompt(self, evicted: Sequence[Entry], entry: Entry, sent: PromptSent) -> None:
        """Make the next prompt as the run did, and compare it with what was sent."""
        self._prompts += 1
        hashes = {part.name: part.hash for part in sent.parts}
        if not (hashes.get(TRANSCRIPT) and hashes.get("instructions")):
            self._uncompared += 1
            return
        if any(isinstance(item.event.body, Evicted) and item.event.body.factor for item in evicted):
            # A provider's refusal made that room, and its words are not in the log.
            for item in evicted:
                self._thread.append(item)
            self._ahead, evicted = len(evicted), ()
        context = await self._context_for(hashes, sent)
        self._reminder.items = sent.recalled
        expected = [*evicted, entry]
        ids = iter([item.id for item in expected])
        times = iter([item.event.at for item in expected])
        journal = Journal(
            thread=self._thread,
            log=_NoLog(),
            run_id=entry.event.run_id,
            now=lambda: next(times, entry.event.at),
            new_id=lambda: next(ids, f"{entry.id}+"),
            tell=_nobody,
        )
        head = self._thread.head
        try:
            _, made = await context.build(journal)
        except ToolError as error:
            self._differ(entry, "recalled", str(error))
            made = None
        self._compare_evictions(entry, evicted, self._thread.since(head) or [])
        if made is not None and made.hash != sent.hash:
            now = {part.name: part.hash for part in made.parts}
            names = [name for name in {**hashes, **now} if hashes.get(name) != now.get(name)]
            for name in names or ["prompt"]:
                self._differ(entry, name)

    def _compare_evictions(
        self, entry: Entry, recorded: Sequence[Entry], made: Sequence[Entry]
    ) -> None:
        """Go on from what was recorded, whatever this kodo would have evicted."""
        if list(made) == list(recorded):
            self._ahead += len(made)
            return
        if [item.event.body for item in made] != [item.event.body for item in recorded]:
            self._differ(entry, "evictions", f"{len(made)} now, {len(recorded)} then")
        self._thread = Thread(self._header, iter(self._recorded))

    async def _context_for(self, hashes: dict[str, str], sent: PromptSent) -> Context:
        fixed = tuple(hashes.get(name, "") for name in ("instructions", "tools", "schema"))
        if self._context is None or fixed != self._fixed:
            self._fixed = fixed
            instructions, tools, schema = fixed
            self._context = Context(
                Fixed(
                    info=_described(self._model, sent),
                    instructions=repair_utf8(await self._blobs.get(instructions)),
                    tools=await self._tools(tools),
                    keep=_name,
                    schema=repair_utf8(await self._blobs.get(schema)) if schema else None,
                    reminder=self._reminder,
                )
            )
        return self._context

    async def _tools(self, name: str) -> tuple[ToolSpec, ...]:
        if not name:
            return ()
        return msgspec.json.decode(await self._blobs.get(name), type=tuple[ToolSpec, ...])

    def _differ(self, entry: Entry, part: str, why: str = "") -> None:
        self._differences.append(Difference(self._prompts, entry.event.seq, part, why))

    def report(self) -> ReplayReport:
        """Return what came of it."""
        return ReplayReport(
            thread=self._header.id,
            prompts=self._prompts,
            replies=self._replies,
            results=self._results,
            identical=not self._differences and not self._uncompared and self._prompts > 0,
            uncompared=self._uncompared,
            differences=tuple(self._differences),
        )


class _Reminder:
    """Recalls what the record says was recalled. Implements `Reminder`."""

    __slots__ = ("_recall", "items")

    def __init__(self, recall: Recall) -> None:
        self._recall = recall
        self.items: tuple[Remembered, ...] = ()

    async def block(self, budget_tokens: int) -> Block:
        """Return the recorded block. Raises ToolError where a part of it is gone."""
        pieces: list[tuple[Remembered, str]] = []
        for item in self.items:
            data = await self._recall.read(item.ref, item.first_line, item.last_line)
            pieces.append((item, repair_utf8(data).removesuffix("\n")))
        return render(pieces)


class _NoLog:
    """A log that keeps nothing: what is replayed is on record already. Implements `Log`."""

    async def create(self, header: ThreadHeader) -> None:
        """Do nothing."""

    async def append(self, thread_id: str, entry: Entry) -> None:
        """Do nothing."""

    async def load(self, thread_id: str) -> tuple[ThreadHeader, list[Entry]]:
        """Raise StoreError: there is nothing."""
        raise StoreError(f"thread {thread_id!r} is not kept here")

    async def list(self, limit: int = 50) -> list[ThreadSummary]:
        """Return nothing."""
        return []


def _described(model: str, sent: PromptSent) -> ModelInfo:
    """Return the model as far as it decided about the prompts of a run."""
    return ModelInfo(model, model.partition("/")[0], sent.window_tokens, sent.reply_tokens)


async def _name(data: bytes) -> str:
    return sha256_hex(data)


def _nobody(happening: Event | Passing) -> None:
    return None
