"""What goes into a model call: instructions, tools, and as much of the thread as fits.

The oldest large tool results give way to stubs that say what
was there; the log keeps everything. Guards that every call keeps its result and the task stays.
"""

from collections.abc import Sequence

from kodo.agent.agent import Agent
from kodo.agent.turn import estimate_tokens
from kodo.base.text import cut_middle
from kodo.core.messages import Assistant, Image, Message, Text, ToolCall, ToolResult
from kodo.core.model import Prompt, ToolSpec

REPLY_SHARE = 0.25
STUB_BYTES = 400
KEPT_RESULTS = 6
IMAGE_TOKENS = 1000


class Context:
    """Builds prompts for one run; stubs once made stay as they are, so that prefixes stay equal."""

    __slots__ = ("_agent", "_evicted", "_specs", "_stubs")

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._specs = tuple(
            ToolSpec(tool.name, tool.description, tool.parameters) for tool in agent.tools.values()
        )
        # By place in the thread: not every server's call ids are unique.
        self._evicted: set[int] = set()
        self._stubs: dict[int, ToolResult] = {}

    def build(self, messages: Sequence[Message], cache_key: str) -> Prompt:
        """Return the prompt for these messages. Evicts in batches when the window gets full."""
        agent = self._agent
        info = agent.model.info
        fixed = estimate_tokens(agent.instructions) + sum(
            estimate_tokens(spec.parameters + spec.description) for spec in self._specs
        )
        reply = min(info.output_tokens, int(info.context_tokens * REPLY_SHARE))
        room = info.context_tokens - reply - fixed
        shown = [self._shown(place, message) for place, message in enumerate(messages)]
        used = sum(message_tokens(message) for message in shown)
        if used > room:
            self.evict(messages, used - room // 2)
            shown = [self._shown(place, message) for place, message in enumerate(messages)]
        return Prompt(
            instructions=agent.instructions,
            messages=tuple(shown),
            tools=self._specs,
            schema=agent.schema,
            cache_key=cache_key,
        )

    def evict(self, messages: Sequence[Message], tokens: int) -> int:
        """Mark the oldest results for stubs until `tokens` are freed.

        Returns about how many tokens that frees; 0 means there was nothing left to give.
        """
        freed = 0
        for place, message in enumerate(messages[: max(0, len(messages) - KEPT_RESULTS)]):
            if freed >= tokens:
                break
            if not isinstance(message, ToolResult) or place in self._evicted:
                continue
            self._evicted.add(place)
            freed += message_tokens(message) - message_tokens(self._shown(place, message))
        return freed

    def _shown(self, place: int, message: Message) -> Message:
        if place not in self._evicted or not isinstance(message, ToolResult):
            return message
        if place not in self._stubs:
            self._stubs[place] = stub(message)
        return self._stubs[place]


def stub(result: ToolResult) -> ToolResult:
    """Return the result with its text cut to a head and a tail, and a line that says so."""
    text = result.text
    size = len(text.encode("utf-8", "replace"))
    if size <= 2 * STUB_BYTES:
        return result
    short = cut_middle(text, STUB_BYTES).text
    note = f"[older output of {result.name}, {size} bytes, shortened to save room]\n"
    return ToolResult(result.call_id, result.name, (Text(note + short),), result.outcome)


def message_tokens(message: Message) -> int:
    """Return about how many tokens a message takes."""
    tokens = 8
    if isinstance(message, Assistant | ToolResult):
        tokens += 8
    for part in message.parts:
        if isinstance(part, Image):
            tokens += IMAGE_TOKENS
        elif isinstance(part, ToolCall):
            tokens += estimate_tokens(part.arguments) + 12
        else:
            tokens += estimate_tokens(part.text)
    return tokens
