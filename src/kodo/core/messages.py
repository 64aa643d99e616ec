"""Messages and their parts: pure values without ids or clocks, so equal messages are equal."""

from typing import Literal

import msgspec

Stop = Literal["end", "tool_calls", "length", "refusal"]
Outcome = Literal["ok", "error", "denied", "interrupted"]


class Value(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The base of kodo's own values: frozen, compact on disk, unknown fields refused."""


class Text(Value, frozen=True, tag="text"):
    """Valid UTF-8 text. What was not valid has been repaired at the border."""

    text: str


class Image(Value, frozen=True, tag="image"):
    """An image: `media_type` like `image/png`, `blob` the SHA-256 name of its bytes."""

    media_type: str
    blob: str


class Reasoning(Value, frozen=True, tag="reasoning"):
    """Reasoning of a model. `signature` is opaque and goes back to the provider that made it.

    `provider` names who made it: adapters drop reasoning that is not their own.
    """

    text: str
    signature: str | None = None
    provider: str = ""


class ToolCall(Value, frozen=True, tag="call"):
    """A request for a tool. `arguments` is the model's JSON text, kept even where it is broken."""

    id: str
    name: str
    arguments: str


Part = Text | Image | Reasoning | ToolCall
UserPart = Text | Image


class Usage(Value, frozen=True):
    """What a model call took, in tokens. `cost_usd` None means unknown; it is never 0 for that.

    `cached_tokens` is the part of `input_tokens` that the provider had in its prompt cache,
    `reasoning_tokens` the part of `output_tokens` that was reasoning.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = None

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum; an unknown cost makes the sum unknown unless nothing was used."""
        if other == Usage():
            return self
        if self == Usage():
            return other
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_usd=(self.cost_usd or 0) + (other.cost_usd or 0) if known else None,
        )


class Score(Value, frozen=True):
    """A token as text, and its natural log-probability under the model.

    `octets` are its bytes where the text is not all of it (a piece of a character); `top` holds
    the likeliest tokens in its place, where they were asked for.
    """

    text: str
    logprob: float
    octets: tuple[int, ...] = ()
    top: "tuple[Score, ...]" = ()


class User(Value, frozen=True, tag="user"):
    """What a person (or the harness in a person's place) said."""

    parts: tuple[UserPart, ...]


class Assistant(Value, frozen=True, tag="assistant"):
    """A whole reply of a model. `model` is its id, `provider/model`.

    `scores` are the tokens of its text, where the prompt asked for them.
    """

    parts: tuple[Part, ...]
    model: str
    stop: Stop = "end"
    usage: Usage = Usage()
    scores: tuple[Score, ...] = ()

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of this reply, in source order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def text(self) -> str:
        """The text parts of this reply, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


class ToolResult(Value, frozen=True, tag="result"):
    """What a call came to: `parts` are for the model, `details` (JSON text) for screens."""

    call_id: str
    name: str
    parts: tuple[UserPart, ...]
    outcome: Outcome = "ok"
    details: str = ""

    @property
    def text(self) -> str:
        """The text parts of this result, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


Message = User | Assistant | ToolResult


class Delta(Value, frozen=True):
    """A piece of a reply on its way. Never stored.

    `kind` is `text`, `reasoning`, `call` (a piece of a call's arguments; `name` and `call_id` tell
    which) or `prefill` (no text: `done` of `total` prompt tokens have been read, or the waiting
    state of a slow model). `signature` ends a piece of reasoning that has one. `scores` are the
    tokens of a piece of text, where they were asked for.
    """

    kind: Literal["text", "reasoning", "call", "prefill"]
    text: str = ""
    call_id: str = ""
    name: str = ""
    done: int = 0
    total: int = 0
    signature: str = ""
    scores: tuple[Score, ...] = ()


def user(text: str) -> User:
    """Return a user message of one text part."""
    return User((Text(text),))
