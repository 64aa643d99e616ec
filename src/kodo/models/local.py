"""The model in this process: prompts to text for the engine, and its text to replies.

Knows chat turns, holes and tool calls; the engine knows tokens. Loads the engine with the first
question and keeps it until `aclose`. Not covered: images (left out with a note) and reasoning.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import msgspec

from kodo.base.errors import ModelError
from kodo.core.messages import (
    Assistant,
    Delta,
    Message,
    Part,
    Score,
    Stop,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    User,
)
from kodo.core.model import Candidate, Hole, ModelInfo, Prompt, ToolSpec
from kodo.engine.infill import STOPS, gap, trim
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import Finished, Piece, Reading, Request, TextEngine, TokenScore, Turn
from kodo.models import local_calls
from kodo.models.handoff import prepare
from kodo.models.local_info import OUTPUT_TOKENS, local_info, located
from kodo.models.recalled import join_recalled

OpenEngine = Callable[[Path, int], Awaitable[TextEngine]]
"""Loads the file at a path with a window of so many tokens."""

_MOVED_TOKENS = 8


async def open_llama(path: Path, context_tokens: int) -> TextEngine:
    """Load llama.cpp for one user. Raises ConfigError, ModelError."""
    return await LlamaEngine.load(path, Settings(context_tokens=context_tokens))


async def open_shared_llama(path: Path, context_tokens: int) -> TextEngine:
    """Load llama.cpp for a server, where each conversation finds its state again."""
    return await LlamaEngine.load(path, Settings(context_tokens=context_tokens, chains=True))


class LocalModel:
    """An embedded model, or any GGUF file. Implements Model, Sampler and Completer.

    `name` is an id of the catalog, or a path that ends in `.gguf` (relative to the working
    folder). Raises ConfigError for an unknown id.
    """

    def __init__(self, folder: Path, name: str, open_engine: OpenEngine = open_llama) -> None:
        self._open_engine = open_engine
        self._engine: TextEngine | None = None
        self._loading = anyio.Lock()
        self._folder = folder
        self._name = name
        self._info = local_info(name)

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        return self._info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. See `kodo.core.model.Model`."""
        engine = await self._ready()
        request = await self._request(engine, prompt, 1)
        kind = "call" if prompt.tools else "text"
        async with aclosing(engine.generate(request)) as events:
            async for event in events:
                match event:
                    case Reading(done, total):
                        yield Delta("prefill", done=done, total=total)
                    case Piece(text=text, scores=scores):
                        told = tuple(map(_score, scores)) if kind == "text" else ()
                        yield Delta(kind, text, scores=told)
                    case Finished():
                        yield self._reply(prompt, event)

    async def sample(
        self,
        prompt: Prompt,
        samples: int,
        on_delta: Callable[[Delta], Awaitable[None]],
        on_reply: Callable[[Assistant], None],
    ) -> None:
        """Answer `samples` times over one reading of the prompt; see `Sampler`.

        The first is drawn like the others: a temperature of 0 makes them all equal. Raises
        ModelError.
        """
        engine = await self._ready()
        request = await self._request(engine, prompt, samples)
        counted = False
        async with aclosing(engine.generate(request)) as events:
            async for event in events:
                match event:
                    case Reading(done, total):
                        await on_delta(Delta("prefill", done=done, total=total))
                    case Piece(sample, text):
                        if sample == 0:
                            await on_delta(Delta("text", text))
                    case Finished():
                        reply = self._reply(prompt, event)
                        if counted:  # the prompt is counted once, with the first that is whole
                            usage = msgspec.structs.replace(
                                reply.usage, input_tokens=0, cached_tokens=0
                            )
                            reply = msgspec.structs.replace(reply, usage=usage)
                        counted = True
                        on_reply(reply)

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        """Return what may stand in the hole, likeliest first, duplicates removed.

        Holes of one text are cheap when they are visited from the top down: each then reads only
        what lies between it and the one before (about 15 tokens instead of the whole text).
        """
        if "complete" not in self._info.abilities:
            raise ModelError(f"the model {self._info.id!r} cannot fill holes")
        engine = await self._ready()
        asked = gap(hole.prefix, hole.suffix, "spm")
        request = Request(
            prompt=asked.prompt,
            output_tokens=hole.output_tokens,
            stop=(*hole.stop, *STOPS),
            temperature=hole.temperature,
            seed=hole.seed,
            grammar=hole.grammar,
            samples=samples,
            logprobs=True,
            reuse_tokens=_MOVED_TOKENS,
        )
        found: dict[str, Candidate] = {}
        async with aclosing(engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    text = trim(event.text, asked.indent)
                    found.setdefault(text, Candidate(text, event.mean_logprob, event.stop))
        return sorted(
            found.values(),
            key=lambda candidate: candidate.mean_logprob or 0.0,
            reverse=True,
        )

    async def aclose(self) -> None:
        """Give the memory back. Idempotent; the next question loads the model again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.aclose()

    async def _ready(self) -> TextEngine:
        async with self._loading:
            if self._engine is None:
                path = located(self._folder, self._name)
                self._engine = await self._open_engine(path, self._info.context_tokens)
            return self._engine

    async def _request(self, engine: TextEngine, prompt: Prompt, samples: int) -> Request:
        ready = join_recalled(prepare(prompt, self._info, images=False))
        wanted = OUTPUT_TOKENS if prompt.output_tokens is None else prompt.output_tokens
        output_tokens = min(wanted, OUTPUT_TOKENS)
        schema, grammar = ready.schema, ready.grammar
        if ready.tools:
            schema, grammar = local_calls.bounds(ready.tools, ready.tool_choice, ready.schema)
        return Request(
            prompt=await engine.render(turns(ready)),
            output_tokens=output_tokens,
            stop=ready.stop,
            temperature=prompt.temperature or 0.0,
            seed=prompt.seed,
            grammar=grammar,
            schema=schema,
            samples=samples,
            logprobs=prompt.top_logprobs is not None,
            top_logprobs=prompt.top_logprobs or 0,
            chain=prompt.cache_key,
        )

    def _reply(self, prompt: Prompt, finished: Finished) -> Assistant:
        part: Part = Text(finished.text)
        stop: Stop = finished.stop
        scores = finished.scores
        if prompt.output_tokens == 0:
            stop = "end"
        elif prompt.tools and finished.stop == "end":
            calls = sum(len(m.calls) for m in prompt.messages if isinstance(m, Assistant))
            part = local_calls.read(finished.text, f"call_{calls + 1}", prompt.tools)
            stop = "tool_calls" if isinstance(part, ToolCall) else "end"
            scores = _within(scores, *local_calls.answer_span(finished.text))
        timings = finished.timings
        usage = Usage(
            input_tokens=timings.prompt_tokens,
            cached_tokens=timings.cached_tokens,
            output_tokens=timings.decoded_tokens,
            cost_usd=0.0,
        )
        parts: tuple[Part, ...] = () if part == Text("") else (part,)
        return Assistant(parts, self._info.id, stop, usage, tuple(map(_score, scores)))


def turns(prompt: Prompt) -> list[Turn]:
    """Return the turns of a prompt for a chat template that knows no tools.

    Neighbours of one role are joined, for templates that insist on alternation.
    """
    system = prompt.instructions
    if prompt.tools:
        system = f"{system}\n\n{local_calls.instructions(prompt.tools)}".strip()
    found = [Turn("system", system)] if system else []
    for message in prompt.messages:
        turn = _turn(message, prompt.tools)
        if found and found[-1].role == turn.role:
            turn = Turn(turn.role, f"{found.pop().content}\n\n{turn.content}")
        found.append(turn)
    return found


def _score(score: TokenScore) -> Score:
    return Score(score.text, score.logprob, score.octets, tuple(map(_score, score.top)))


def _within(scores: tuple[TokenScore, ...], begin: int, end: int) -> tuple[TokenScore, ...]:
    """Return the scores of the tokens that stand between two places of the text."""
    found: list[TokenScore] = []
    at = 0
    for score in scores:
        if at >= begin and at + len(score.text) <= end:
            found.append(score)
        at += len(score.text)
    return tuple(found)


def _turn(message: Message, tools: tuple[ToolSpec, ...]) -> Turn:
    match message:
        case User():
            texts = (part.text for part in message.parts if isinstance(part, Text))
            return Turn("user", "\n".join(texts))
        case ToolResult():
            return Turn("user", f"Result of {message.name} ({message.outcome}):\n{message.text}")
        case Assistant():
            pieces = [message.text] if message.text else []
            pieces += [local_calls.write(call, tools) for call in message.calls]
            return Turn("assistant", "\n".join(pieces))
