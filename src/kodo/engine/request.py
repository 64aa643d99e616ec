"""What is asked of an engine and what it says: values, and the port that llama.py implements.

Knows tokens and text. Does not know llama.cpp, messages or agents.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """A turn of a chat, to be rendered by the model's own template."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(msgspec.Struct, frozen=True):
    """A text to go on from, and how.

    Text of `prompt` that looks like a model's marker (`<|im_end|>`) is read as that marker.
    `samples` continuations are drawn over one reading of `prompt`, at most `Settings.slots` of
    them at a time (more are drawn in rounds). `schema` (JSON Schema as JSON text) and `grammar`
    (GBNF) hold the text; where both are given, it keeps to either. `seed` None draws anew each
    time; sample i uses `seed + i`.
    `reuse_tokens` allows text that has moved in the cache to be kept, in runs of at least that
    many tokens (approximate: meant for fill-in-the-middle); 0 keeps exact prefixes only.
    `top_logprobs` is how many other tokens each score tells of. `stop` strings are not part of the
    text. Requests of one `chain` continue one another; "" is for those that belong to none.
    `output_tokens` 0 reads the prompt only: the text is empty.
    """

    prompt: str
    output_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int | None = None
    grammar: str | None = None
    schema: str | None = None
    samples: int = 1
    logprobs: bool = False
    top_logprobs: int = 0
    reuse_tokens: int = 0
    chain: str = ""


class TokenScore(msgspec.Struct, frozen=True):
    """A token's text and its natural log-probability under the model, before any grammar.

    `octets` are its bytes, `top` the likeliest tokens in its place.
    """

    text: str
    logprob: float
    octets: tuple[int, ...] = ()
    top: "tuple[TokenScore, ...]" = ()


class Reading(msgspec.Struct, frozen=True):
    """The prompt is being read: `done` of `total` tokens, those from the cache counted as done."""

    done: int
    total: int


class Piece(msgspec.Struct, frozen=True):
    """Newly decoded text of sample number `sample`, from 0; `scores` where they were asked for."""

    sample: int
    text: str
    scores: tuple[TokenScore, ...] = ()


class Timings(msgspec.Struct, frozen=True):
    """Where the time of a request went. Rates are tokens a second; 0 where nothing was done."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    prefill_per_s: float = 0.0
    decoded_tokens: int = 0
    decode_per_s: float = 0.0


class Finished(msgspec.Struct, frozen=True):
    """One sample is whole. `scores` is empty unless asked for."""

    sample: int
    text: str
    stop: Literal["end", "length"]
    scores: tuple[TokenScore, ...]
    timings: Timings

    @property
    def mean_logprob(self) -> float | None:
        """The mean of the token scores; None where there are none."""
        if not self.scores:
            return None
        return sum(score.logprob for score in self.scores) / len(self.scores)


Event = Reading | Piece | Finished


class TextEngine(Protocol):
    """A loaded model that continues text."""

    @property
    def context_tokens(self) -> int:
        """The window: prompt and output together."""
        ...

    async def render(self, turns: Sequence[Turn]) -> str:
        """Return the prompt for `turns` by the model's chat template, open for the answer."""
        ...

    def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield Reading and Piece events, and one Finished a sample; then end.

        Closing the iterator or cancelling returns at once, and frees the processor after the
        batch in hand. Raises ModelError, ContextOverflow.
        """
        ...

    async def aclose(self) -> None:
        """Stop what runs and give the memory back. Idempotent."""
        ...
