"""What goes into a model call: the fixed part, as much of the thread as fits, and what is recalled.

No model is asked. In front stands what never changes within a session (instructions, tools), then
the window of the thread, which changes only when it evicts, and behind it what is recalled for this
call alone. Guards room for the reply, and that an overflow is repaired with the provider's numbers.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from kodo.agent.agent import Agent, yes
from kodo.agent.journal import Journal
from kodo.agent.pace import Pace
from kodo.agent.window.memory import Memory
from kodo.agent.window.recalled import Block, Reminder
from kodo.agent.window.tokens import estimate_tokens
from kodo.agent.window.window import TRANSCRIPT, Window
from kodo.base.errors import ContextOverflow
from kodo.base.hashing import sha256_hex
from kodo.core.events import PromptPart, PromptSent
from kodo.core.model import ModelInfo, Prompt, ToolSpec
from kodo.core.recall import Recall
from kodo.core.thread import Thread

REPLY_SHARE = 0.25  # of the window, kept free for the reply at most
HIGH, LOW = 0.85, 0.55  # of the room for the thread: where eviction begins and where it ends
RECENT = 0.3  # of that room: what goes only after all that is older

RECALL_TOKENS = 6_000
RECALL_SHARE = 0.12
RECALL_READING_S = 5.0

TOOL_TOKENS = 12
_LEAST_ROOM = 0.05
_REPAIRS = 3
_UNTOLD_OVERFLOW = 0.75
_LEAST_REPLY_TOKENS = 256

_ENCODER = msgspec.json.Encoder()


class Outgoing(NamedTuple):
    """A prompt, and what is to be recorded when it is sent."""

    prompt: Prompt
    sent: PromptSent


class Fixed(msgspec.Struct, frozen=True):
    """What a context needs to know besides the thread; the same for a whole run.

    `keep` puts bytes into the blobs and names them. `knows_more` tells whether `recall` holds what
    no prompt of this thread has held; `reminder` is in place of both where what is to be recalled
    is known beforehand. `notes` are a part of `instructions`.
    """

    info: ModelInfo
    instructions: str
    tools: tuple[ToolSpec, ...]
    keep: Callable[[bytes], Awaitable[str]]
    notes: str = ""
    schema: str | None = None
    recall: Recall | None = None
    knows_more: Callable[[], bool] = yes
    reminder: Reminder | None = None


def fixed_of(agent: Agent) -> Fixed:
    """Return what an agent's prompts have in common."""
    return Fixed(
        info=agent.model.info,
        instructions=agent.instructions,
        tools=specs_of(agent),
        keep=agent.blobs.put,
        notes=agent.project_notes,
        schema=agent.schema,
        recall=agent.recall,
        knows_more=agent.knows_more,
    )


def specs_of(agent: Agent) -> tuple[ToolSpec, ...]:
    """Return the tools that a prompt lists now; those of MCP servers come when they are there."""
    return tuple(
        ToolSpec(tool.name, tool.description, tool.parameters) for tool in agent.tools.values()
    )


class Context:
    """Builds the prompts of one run."""

    def __init__(self, fixed: Fixed) -> None:
        self.pace = Pace()
        self._fixed = fixed
        self._set_tools(fixed.tools)
        self._instructions_tokens = estimate_tokens(fixed.instructions)
        self._window = Window(fixed.info.context_tokens)
        self._memory: Memory | None = None
        self._at: str | None = None
        self._kept: tuple[str, str, str] | None = None
        self._sent_estimate = 0.0
        self._recalled_tokens = 0
        self._recalls = True

    def take_tools(self, tools: tuple[ToolSpec, ...]) -> None:
        """List these tools from now on; what a provider has cached is lost where they differ."""
        if tools != self._fixed.tools:
            self._fixed = msgspec.structs.replace(self._fixed, tools=tools)
            self._kept = None
            self._set_tools(tools)

    def _set_tools(self, tools: tuple[ToolSpec, ...]) -> None:
        self._tools_json = _ENCODER.encode(tools)
        self._tools_tokens = sum(
            estimate_tokens(spec.name + spec.description + spec.parameters) + TOOL_TOKENS
            for spec in tools
        )

    @property
    def window(self) -> Window:
        """What the model sees of the thread."""
        return self._window

    async def build(self, journal: Journal) -> Outgoing:
        """Return the next prompt of the thread; evicts in batches where the window gets full.

        Evictions are recorded in the thread. Raises StoreError where that fails.
        """
        self._follow(journal.thread)
        room = self._room()
        if self._window.gauge.real(self._window.tokens) > HIGH * room:
            await self._evict(journal, LOW * room, RECENT * room)
        block = await self._recall(journal.thread.header.id)
        return await self._outgoing(journal.thread.header.id, block)

    async def repair(self, journal: Journal, error: ContextOverflow) -> bool:
        """Make the window smaller after a provider refused the last prompt as too long.

        Learns from the numbers that it told. The next prompt recalls nothing. Returns whether it
        will be shorter.
        """
        window, gauge = self._window, self._window.gauge
        recalled = self._recalled_tokens > 0
        told = error.limit_tokens
        if error.prompt_tokens is not None:
            gauge.correct(self._sent_estimate, error.prompt_tokens)
        elif told is None:
            told = int(gauge.real(self._sent_estimate) * _UNTOLD_OVERFLOW) + self._reply_tokens()
        elif gauge.real(self._sent_estimate) + self._reply_tokens() < told:
            # It should have fitted by our count, so our count is what was wrong.
            gauge.correct(self._sent_estimate, told)
        size = min(told or self._fixed.info.context_tokens, window.marks.window_tokens)
        self._recalls = False
        room = self._room(size)
        smaller = size if size < window.marks.window_tokens else 0
        before = window.tokens
        await self._evict(journal, LOW * room, RECENT * room, smaller, repaired=True)
        return recalled or window.tokens < before

    def _follow(self, thread: Thread) -> None:
        """Take in what the thread gained; begin anew where it was rewound."""
        entries = thread.since(self._at)
        if entries is None:
            self._window, self._memory = Window(self._fixed.info.context_tokens), None
            entries = thread.path()
        self._window.take(entries)
        self._at = thread.head

    def _reply_tokens(self, window_tokens: int = 0) -> int:
        """Return the tokens that are kept free for the reply."""
        whole = window_tokens or self._window.marks.window_tokens
        return min(self._fixed.info.output_tokens, int(whole * REPLY_SHARE))

    def _room(self, window_tokens: int = 0) -> float:
        """Return the tokens there are for the thread, as the provider counts."""
        whole = window_tokens or self._window.marks.window_tokens
        fixed = self._window.gauge.real(self._instructions_tokens + self._tools_tokens)
        return max(whole * _LEAST_ROOM, whole - self._reply_tokens(whole) - fixed)

    async def _evict(
        self,
        journal: Journal,
        target: float,
        recent: float,
        window_tokens: int = 0,
        *,
        repaired: bool = False,
    ) -> None:
        """Record evictions until the window has about `target` tokens or nothing can go."""
        factor = self._window.gauge.factor
        aim = target / factor
        for _ in range(_REPAIRS):
            evicted = self._window.evict(aim, recent / factor, window_tokens, repaired=repaired)
            if evicted is None:
                return
            await journal.record(evicted)
            self._follow(journal.thread)
            window_tokens, repaired = 0, False
            over = self._window.tokens - target / factor
            if over <= 0:
                return
            aim -= over  # what stands in for it took more than was thought

    async def _recall(self, thread: str) -> Block:
        recall, reminder, window = self._fixed.recall, self._fixed.reminder, self._window
        if not self._recalls:
            self._recalls = True
            return Block()
        if reminder is None:
            if recall is None or (window.version == 0 and not self._fixed.knows_more()):
                return Block()  # all that there is stands in the window
            if self._memory is None:
                self._memory = Memory(recall, window, thread)
            reminder = self._memory
        whole = window.marks.window_tokens
        free = self._room() - window.gauge.real(window.tokens)
        most = min(RECALL_TOKENS, whole * RECALL_SHARE, free)
        if self.pace.tokens_per_s is not None:
            most = min(most, RECALL_READING_S * self.pace.tokens_per_s)
        return await reminder.block(int(most / window.gauge.factor))

    async def _outgoing(self, thread: str, block: Block) -> Outgoing:
        fixed, window = self._fixed, self._window
        recalled_tokens = self._recalled_tokens = estimate_tokens(block.text)
        self._sent_estimate = float(
            self._instructions_tokens + self._tools_tokens + window.tokens + recalled_tokens
        )
        prompt = Prompt(
            instructions=fixed.instructions,
            messages=window.messages(),
            tools=fixed.tools,
            output_tokens=self._output_tokens(),
            schema=fixed.schema,
            cache_key=thread,
            recalled=block.text,
        )
        instructions, tools, schema = await self._keep()
        said = sha256_hex(block.text.encode("utf-8", "replace")) if block.text else ""
        hashes = (instructions, tools, window.digest(), said, schema)
        sent = PromptSent(
            hash=sha256_hex("\n".join(hashes).encode("utf-8", "replace")),
            parts=self._parts(hashes, recalled_tokens),
            recalled=block.items,
            window_tokens=window.marks.window_tokens,
            reply_tokens=self._reply_tokens(),
        )
        return Outgoing(prompt, sent)

    def _output_tokens(self) -> int | None:
        """Return a limit for the reply where the model's own would not fit beside the prompt."""
        info = self._fixed.info
        whole = self._window.marks.window_tokens
        free = whole - round(self._window.gauge.real(self._sent_estimate) * 1.05)
        if free >= info.output_tokens:
            return None
        return min(info.output_tokens, max(free, self._reply_tokens(), _LEAST_REPLY_TOKENS))

    async def _keep(self) -> tuple[str, str, str]:
        """Keep what never changes as blobs, so that the log tells the whole prompt."""
        if self._kept is None:
            fixed = self._fixed
            text = fixed.instructions.encode("utf-8", "replace")
            schema = ""
            if fixed.schema is not None:
                schema = await fixed.keep(fixed.schema.encode("utf-8", "replace"))
            self._kept = (await fixed.keep(text), await fixed.keep(self._tools_json), schema)
        return self._kept

    def _parts(self, hashes: tuple[str, ...], recalled_tokens: int) -> tuple[PromptPart, ...]:
        window, real = self._window, self._window.gauge.real
        notes = estimate_tokens(self._fixed.notes)
        notes = min(notes, self._instructions_tokens)
        sizes = window.sizes
        parts = [
            PromptPart("instructions", real(self._instructions_tokens - notes), hashes[0]),
            PromptPart("notes", real(notes)),
            PromptPart("tools", real(self._tools_tokens), hashes[1]),
            PromptPart("pinned", real(sizes["pinned"])),
            PromptPart("stubs", real(sizes["stubs"])),
            PromptPart(TRANSCRIPT, real(sizes[TRANSCRIPT]), hashes[2]),
            PromptPart("recalled", real(recalled_tokens), hashes[3]),
            PromptPart("schema", estimate_tokens(self._fixed.schema or ""), hashes[4]),
        ]
        return tuple(part for part in parts if part.tokens or part.name == TRANSCRIPT)
