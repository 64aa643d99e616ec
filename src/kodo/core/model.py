"""What a model is to the rest of the house: a stream of deltas that ends in one reply."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Literal, Protocol

from kodo.core.messages import Assistant, Delta, Message, Value

Ability = Literal[
    "tools",  # emits tool calls that parse
    "parallel_tools",
    "images",
    "reasoning",
    "schema",  # can be held to a JSON schema
    "grammar",  # can be held to a GBNF grammar
    "seed",
    "small",  # cannot drive a loop by itself: use strategies/search
    "complete",  # also implements Completer
    "sample",  # also implements Sampler
    "custom_tools",  # takes free-form (non-JSON) tools, and is held to their grammars
    "logprobs",  # tells the log-probabilities of its tokens
]


class Price(Value, frozen=True):
    """US dollars for a million tokens."""

    input_usd: float
    output_usd: float
    cached_usd: float | None = None


class ModelInfo(Value, frozen=True):
    """What is known of a model. `id` is `provider/model`, as users write it.

    `context_tokens` is the whole window; `output_tokens` the most one reply may have.
    """

    id: str
    provider: str
    context_tokens: int
    output_tokens: int
    inputs: tuple[Literal["text", "image"], ...] = ("text",)
    price: Price | None = None
    abilities: frozenset[Ability] = frozenset()


class ToolSpec(Value, frozen=True):
    """A tool as a model sees it. `parameters` is its JSON Schema as JSON text.

    `grammar` (GBNF) makes it a free-form tool for models with the ability `custom_tools`: the one
    argument `input` is plain text that the grammar holds.
    """

    name: str
    description: str
    parameters: str
    grammar: str = ""


class ToolChoice(Value, frozen=True):
    """Whether a reply calls tools: as it likes, never, at least one, or the tool `name`."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""

    @property
    def must_call(self) -> bool:
        """Whether a reply without a call is wrong."""
        return self.mode in ("required", "named")


class Prompt(Value, frozen=True):
    """One model call, complete. `schema` (JSON text) and `grammar` (GBNF) exclude each other.

    `output_tokens` None means the model's own limit, 0 that the prompt is to be read and nothing
    said (a warm-up: the reply is empty; a model that has nothing to warm answers so at once).
    `cache_key` is stable over a thread, so that
    providers can route to their prompt cache. `recalled` is stored text for this call alone: the
    adapter puts it into the newest message, behind everything that the next prompt will repeat.
    `top_logprobs` asks for the scores of the reply's tokens and of so many others in place of each
    (0: of none); models without the ability `logprobs` give none.
    """

    instructions: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    seed: int | None = None
    schema: str | None = None
    grammar: str | None = None
    cache_key: str = ""
    recalled: str = ""
    tool_choice: ToolChoice = ToolChoice()
    top_logprobs: int | None = None


class Model(Protocol):
    """A model that can be spoken to."""

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield Delta values, then exactly one Assistant, and end.

        The iterator must be closed (`aclose`) by its user; closing it, or cancelling, closes the
        connection or frees the engine within 0.5 s. Retries nothing once a byte has come. Raises
        ModelError and its children; never yields a partial Assistant.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections and memory."""
        ...


class Candidate(Value, frozen=True):
    """One of several answers: `text`, and its mean log-probability a token where known."""

    text: str
    mean_logprob: float | None = None
    stop: Literal["end", "length"] = "end"


class Hole(Value, frozen=True):
    """A gap to be filled: the text before it and after it."""

    prefix: str
    suffix: str
    output_tokens: int = 64
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    seed: int = 0
    grammar: str | None = None


class Completer(Protocol):
    """Fills a hole in a text (fill-in-the-middle). Local models, and `/v1/completions`."""

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        """Return up to `samples` candidates, duplicates removed. Raises ModelError."""
        ...


class Sampler(Protocol):
    """Answers one prompt several times at the price of one prefill."""

    async def sample(
        self,
        prompt: Prompt,
        samples: int,
        on_delta: Callable[[Delta], Awaitable[None]],
        on_reply: Callable[[Assistant], None],
    ) -> None:
        """Answer `prompt` `samples` times; `on_reply` gets each reply when it is whole.

        So what was whole before a cancellation is not lost. Each reply has its share of the usage;
        `on_delta` hears of progress. Raises ModelError.
        """
        ...
