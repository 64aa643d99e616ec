"""A model that plays a script, for tests, demonstrations and benchmarks.

Does not know what its lines are about. Guards the conversation: a line that is missing, unused or
not expected is an error, and so is a prompt in which a call has not exactly one result.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import anyio
import msgspec

from kodo.base.errors import ConfigError, ModelError
from kodo.base.jsonl import read_jsonl
from kodo.base.text import repair_surrogates
from kodo.core.messages import (
    Assistant,
    Delta,
    Message,
    Part,
    Reasoning,
    Score,
    Stop,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    Value,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.models.failures import Problem, error_of
from kodo.models.recalled import join_recalled
from kodo.models.retry import Sleep

DELTA_CHARACTERS = 64


class ScriptError(ModelError):
    """The conversation went another way than the script."""


class ScriptedCall(Value, frozen=True):
    """A call of a line. `arguments` as text goes out as it is, broken or not."""

    name: str
    arguments: dict[str, object] | str = msgspec.field(default_factory=dict[str, object])


class ScriptedFailure(Value, frozen=True):
    """A failure in place of a reply; `status` is read as an HTTP status is."""

    message: str
    status: int | None = None
    retry_after_s: float | None = None


class Step(Value, frozen=True):
    """One line: one reply. `expect` is a regex that the newest message's text must contain.

    `delay_s` is waited before the first delta. `stop` defaults to `tool_calls` where there are
    calls and to `end` where there are none. `scores` go out with the text where they are asked for.
    """

    expect: str | None = None
    text: str = ""
    reasoning: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    stop: Stop | None = None
    usage: Usage = Usage()
    scores: tuple[Score, ...] = ()
    delay_s: float = 0
    error: ScriptedFailure | None = None


def load_script(path: Path) -> tuple[Step, ...]:
    """Return the lines of a script. Raises ConfigError naming the file and the line."""
    steps: list[Step] = []
    for number, step in read_jsonl(path, Step):
        try:
            re.compile(step.expect or "")
        except re.error as error:
            raise ConfigError(f"{path}:{number}: `expect` is no regex: {error}") from error
        steps.append(step)
    return tuple(steps)


def scripted_info(name: str) -> ModelInfo:
    """Return what is said of the scripted model `scripted/NAME`: it can do everything."""
    return ModelInfo(
        id=f"scripted/{name}",
        provider="scripted",
        context_tokens=1_000_000,
        output_tokens=100_000,
        inputs=("text", "image"),
        abilities=frozenset(
            {"tools", "parallel_tools", "images", "reasoning", "schema", "seed", "logprobs"}
        ),
    )


class Scripted:
    """Plays `steps` in order and keeps every prompt it was given in `prompts`.

    Call ids are made from the number of replies in the thread, so they are the same every time
    and stay unique where a thread is resumed with another script.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        info: ModelInfo | None = None,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._steps = tuple(steps)
        self._info = info or scripted_info("steps")
        self._sleep = sleep
        self._next = 0
        self._failed = False
        self.prompts: list[Prompt] = []

    @classmethod
    def from_file(cls, path: Path, *, info: ModelInfo | None = None) -> "Scripted":
        """Return a model that plays a file. Raises ConfigError where it cannot be used."""
        return cls(load_script(path), info=info or scripted_info(str(path)))

    @property
    def info(self) -> ModelInfo:
        """What is said of this model."""
        return self._info

    @property
    def unused(self) -> int:
        """How many lines have not been played."""
        return len(self._steps) - self._next

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Play the next line. Raises ScriptError, or the failure that the line asks for."""
        self.prompts.append(prompt)
        if prompt.output_tokens == 0:
            yield Assistant((), self._info.id)
            return
        if broken := broken_exchange(prompt.messages):
            raise self._wrong(f"the prompt is not a whole conversation: {broken}")
        if self._next >= len(self._steps):
            raise self._wrong(
                f"it has {len(self._steps)} lines and was asked for one more; add a line"
            )
        number, step = self._next + 1, self._steps[self._next]
        self._next = number
        if step.expect is not None:
            newest = newest_text(join_recalled(prompt).messages)
            if not re.search(step.expect, newest):
                raise self._wrong(
                    f"line {number} expects {step.expect!r} in the newest message, which is"
                    f" {newest[:400]!r}"
                )
        if step.delay_s:
            await self._sleep(step.delay_s)
        if step.error is not None:
            problem = Problem(step.error.message, status=step.error.status)
            raise error_of(
                problem,
                provider=self._info.provider,
                url=self._info.id,
                retry_after_s=step.error.retry_after_s,
            )
        replies = sum(isinstance(message, Assistant) for message in prompt.messages)
        reply = self._reply(step, replies + 1)
        if prompt.top_logprobs is not None:
            reply = msgspec.structs.replace(reply, scores=step.scores)
        for delta in _deltas(reply):
            yield delta
        yield reply

    def finish(self) -> None:
        """Raise ScriptError where lines are left, unless the script has failed before."""
        if self.unused and not self._failed:
            raise self._wrong(
                f"{self.unused} of its {len(self._steps)} lines were not used; the first is line"
                f" {self._next + 1}"
            )

    async def aclose(self) -> None:
        """End the script as `finish` does."""
        self.finish()

    def _wrong(self, what: str) -> ScriptError:
        self._failed = True
        return ScriptError(f"script {self._info.id!r}: {what}")

    def _reply(self, step: Step, number: int) -> Assistant:
        parts: list[Part] = []
        if step.reasoning:
            parts.append(Reasoning(repair_surrogates(step.reasoning), None, self._info.provider))
        if step.text:
            parts.append(Text(repair_surrogates(step.text)))
        for index, call in enumerate(step.calls, 1):
            arguments = call.arguments
            if not isinstance(arguments, str):
                arguments = msgspec.json.encode(arguments).decode()
            parts.append(ToolCall(f"call_{number}_{index}", call.name, arguments))
        stop = step.stop or ("tool_calls" if step.calls else "end")
        return Assistant(tuple(parts), self._info.id, stop, step.usage)


def newest_text(messages: Sequence[Message]) -> str:
    """Return the text of the newest message, or an empty one where there is none."""
    if not messages:
        return ""
    return "\n".join(part.text for part in messages[-1].parts if isinstance(part, Text))


def broken_exchange(messages: Sequence[Message]) -> str | None:
    """Return what breaks the rule that each call has exactly one result, or None.

    Results must stand between the reply that called and the next reply.
    """
    waiting: dict[str, str] = {}
    for message in messages:
        if isinstance(message, ToolResult):
            if waiting.pop(message.call_id, None) is None:
                return f"a result of {message.name!r} for {message.call_id!r} answers no open call"
        elif isinstance(message, Assistant):
            if waiting:
                break
            for call in message.calls:
                if call.id in waiting:
                    return f"two calls of one reply have the id {call.id!r}"
                waiting[call.id] = call.name
    if waiting:
        return f"no result for {waiting!r}"
    return None


def _deltas(reply: Assistant) -> Iterator[Delta]:
    for part in reply.parts:
        match part:
            case Reasoning():
                for piece in _pieces(part.text):
                    yield Delta("reasoning", piece)
            case Text():
                for number, piece in enumerate(_pieces(part.text)):
                    yield Delta("text", piece, scores=() if number else reply.scores)
            case ToolCall():
                for piece in _pieces(part.arguments):
                    yield Delta("call", piece, call_id=part.id, name=part.name)
            case _:
                pass


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), DELTA_CHARACTERS):
        yield text[start : start + DELTA_CHARACTERS]
