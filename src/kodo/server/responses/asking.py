"""A prompt out of what every API lets a client ask for, checked in one place.

Knows no API's field names but those it reports. Guards models against values that make no sense.
"""

import msgspec

from kodo.core.model import ModelInfo, Prompt
from kodo.server.gateway.choice import WireChoice, choose
from kodo.server.gateway.toolbox import Toolbox
from kodo.server.problem import bad_request
from kodo.server.responses.items import Conversation

MOST_STOPS = 16
MOST_LOGPROBS = 20


class FormatWish(msgspec.Struct, frozen=True):
    """The form that an answer must have: `text`, `json_object`, or `json_schema` with a schema."""

    type: str
    schema: msgspec.Raw = msgspec.Raw()


class Asked(msgspec.Struct, frozen=True):
    """What a client asks for besides the conversation and its tools."""

    instructions: str | None
    output_tokens: int | None
    temperature: float | None
    seed: int | None
    stop: str | tuple[str, ...] | None
    form: FormatWish | None
    cache_key: str
    tool_choice: str | WireChoice | None = None
    top_logprobs: int | None = None


def make_prompt(asked: Asked, said: Conversation, toolbox: Toolbox, info: ModelInfo) -> Prompt:
    """Return the prompt for the model of `info`. Raises RequestError naming what cannot be."""
    tool_choice = choose(toolbox, asked.tool_choice)
    if asked.output_tokens is not None and asked.output_tokens < 1:
        raise bad_request("the most output tokens must be at least 1", param="max_output_tokens")
    if asked.temperature is not None and not 0 <= asked.temperature <= 2:
        raise bad_request("temperature must be between 0 and 2", param="temperature")
    return Prompt(
        instructions="\n\n".join(filter(None, (asked.instructions, *said.developer))),
        messages=said.messages,
        tools=toolbox.specs,
        output_tokens=asked.output_tokens,
        stop=_stops(asked.stop),
        temperature=asked.temperature,
        seed=asked.seed,
        schema=_schema(asked.form),
        cache_key=asked.cache_key,
        tool_choice=tool_choice,
        top_logprobs=_logprobs(asked.top_logprobs, info),
    )


def _logprobs(wanted: int | None, info: ModelInfo) -> int | None:
    if wanted is None:
        return None
    if not 0 <= wanted <= MOST_LOGPROBS:
        raise bad_request(
            f"top_logprobs must be between 0 and {MOST_LOGPROBS}", param="top_logprobs"
        )
    if "logprobs" not in info.abilities:
        raise bad_request(
            f"the model {info.id!r} gives no log-probabilities: leave them out",
            code="unsupported_parameter",
            param="logprobs",
        )
    return wanted


def _schema(form: FormatWish | None) -> str | None:
    match form.type if form else "text":
        case "text":
            return None
        case "json_object":
            return '{"type":"object"}'
        case "json_schema" if form is not None and bytes(form.schema)[:1] == b"{":
            return bytes(form.schema).decode()
        case _:
            raise bad_request(
                "the format is text, json_object, or json_schema with a schema that is an object,"
                f" not {form.type if form else ''!r}",
                param="text.format",
            )


def _stops(stop: str | tuple[str, ...] | None) -> tuple[str, ...]:
    found = (stop,) if isinstance(stop, str) else stop or ()
    if len(found) > MOST_STOPS or not all(found):
        raise bad_request(f"stop takes up to {MOST_STOPS} sequences, none empty", param="stop")
    return found
