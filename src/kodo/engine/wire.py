"""llama.cpp's completion wire: one request as JSON in, streamed JSON chunks out as events.

Pure: knows the field names of llama.cpp's server and nothing of threads, sockets or the library.
"""

import msgspec

from kodo.base.errors import ContextOverflow, ModelError
from kodo.engine.request import Event, Finished, Piece, Reading, Request, Timings, TokenScore


class _Logprob(msgspec.Struct):
    token: str
    logprob: float
    octets: tuple[int, ...] = msgspec.field(default=(), name="bytes")
    top_logprobs: "tuple[_Logprob, ...]" = ()


class _Logprobs(msgspec.Struct):
    content: list[_Logprob]


class _Choice(msgspec.Struct):
    index: int
    text: str = ""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Progress(msgspec.Struct):
    total: int
    processed: int


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    prompt_ms: float = 0.0
    predicted_n: int = 0
    predicted_ms: float = 0.0


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list[_Choice])
    prompt_progress: _Progress | None = None
    timings: _Timings | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Chunk)


def encode(
    request: Request, grammar: str | None, samples: int, first_sample: int, slot: int | None = None
) -> bytes:
    """Return the JSON body that draws `samples` of `request`, numbered from `first_sample`.

    `slot` None leaves the choice of a slot to llama.cpp.
    """
    body: dict[str, object] = {
        "prompt": request.prompt,
        "n_predict": request.output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "min_p": request.min_p,
        "n": samples,
        "stop": list(request.stop),
        "cache_prompt": True,
        "n_cache_reuse": request.reuse_tokens,
        "stream": True,
        "return_progress": True,
    }
    if slot is not None:
        body["id_slot"] = slot
    if request.seed is not None:
        body["seed"] = (request.seed + first_sample) % (1 << 32)
    if grammar is not None:
        body["grammar"] = grammar
    if request.logprobs:
        body["n_probs"] = max(1, request.top_logprobs)
    return msgspec.json.encode(body)


class Replies:
    """Turns the chunks of one call into events, gathering text and scores of each sample."""

    def __init__(
        self, samples: int, first_sample: int, *, top_logprobs: int = 0, mute: bool = False
    ) -> None:
        self._first = first_sample
        self._top = top_logprobs
        self._mute = mute  # llama.cpp says a token even where none is asked for
        self._texts: list[list[str]] = [[] for _ in range(samples)]
        self._scores: list[list[TokenScore]] = [[] for _ in range(samples)]
        self._finished = 0

    @property
    def whole(self) -> bool:
        """Whether every sample has finished."""
        return self._finished == len(self._texts)

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events of a chunk. Raises ModelError or ContextOverflow for an error chunk."""
        try:
            found = _decoder.decode(chunk)
        except msgspec.DecodeError as error:
            raise ModelError(f"llama.cpp sent what is not its protocol: {chunk[:80]!r}") from error
        if found.error is not None:
            raise _error_of(found.error)
        events: list[Event] = []
        if found.prompt_progress is not None:
            events.append(Reading(found.prompt_progress.processed, found.prompt_progress.total))
        for choice in found.choices:
            if self._mute:
                choice.text, choice.logprobs = "", None
            scores: tuple[TokenScore, ...] = ()
            if choice.logprobs is not None:
                scores = tuple(_score(one, self._top) for one in choice.logprobs.content)
                self._scores[choice.index] += scores
            if choice.text or scores:
                self._texts[choice.index].append(choice.text)
                events.append(Piece(self._first + choice.index, choice.text, scores))
            if choice.finish_reason is not None:
                events.append(self._finish(choice, found.timings or _Timings()))
        return events

    def _finish(self, choice: _Choice, timings: _Timings) -> Finished:
        self._finished += 1
        return Finished(
            sample=self._first + choice.index,
            text="".join(self._texts[choice.index]),
            stop="length" if choice.finish_reason == "length" else "end",
            scores=tuple(self._scores[choice.index]),
            timings=Timings(
                prompt_tokens=timings.cache_n + timings.prompt_n,
                cached_tokens=timings.cache_n,
                prefill_per_s=_rate(timings.prompt_n, timings.prompt_ms),
                decoded_tokens=0 if self._mute else timings.predicted_n,
                decode_per_s=_rate(timings.predicted_n, timings.predicted_ms),
            ),
        )


def _score(found: _Logprob, top: int) -> TokenScore:
    others = tuple(_score(one, 0) for one in found.top_logprobs[:top])
    return TokenScore(found.token, found.logprob, found.octets, others)


def _rate(tokens: int, milliseconds: float) -> float:
    return tokens * 1000 / milliseconds if milliseconds > 0 else 0.0


def _error_of(error: _Error) -> ModelError:
    if error.type == "exceed_context_size_error":
        return ContextOverflow(
            f"the prompt has {error.n_prompt_tokens} tokens and the local model's window is "
            f"{error.n_ctx}: shorten it",
            limit_tokens=error.n_ctx or None,
            prompt_tokens=error.n_prompt_tokens or None,
        )
    status = 400 if error.type == "invalid_request_error" else None
    said = f"llama.cpp refused the request: {error.message} ({error.type})"
    return ModelError(said, status=status)
