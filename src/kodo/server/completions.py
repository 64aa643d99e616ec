"""POST /v1/completions: text that goes on, or that fills a hole (`suffix`).

A model that fills holes (Completer) is asked as such; another one answers the prompt as a message,
which is the best it can do. Guards that a suffix is never silently dropped.
"""

from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kodo.core.messages import user
from kodo.core.model import Completer, Hole, Model, Prompt
from kodo.server.answering import Answering
from kodo.server.chat.reply import ChatUsage, chat_usage
from kodo.server.problem import bad_request
from kodo.server.responses.request import read_body
from kodo.server.service import Service
from kodo.server.wire import (
    EventAnswer,
    Stream,
    caller_of,
    json_answer,
    openai_error,
    read_limited,
    while_there,
)

ENDPOINT = "completions"
MOST_SAMPLES = 8
_ENCODER = msgspec.json.Encoder()


class CompletionRequest(msgspec.Struct, frozen=True):
    """The body."""

    model: str = ""
    prompt: str | tuple[str, ...] = ""
    suffix: str | None = None
    max_tokens: int = 16
    temperature: float | None = None
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    n: int = 1
    echo: bool = False
    stream: bool = False
    logprobs: int | None = None


class TextChoice(msgspec.Struct):
    """One candidate."""

    text: str
    index: int
    finish_reason: str
    logprobs: None = None


class TextCompletion(msgspec.Struct):
    """An answer. `usage` is unknown where a hole was filled."""

    id: str
    created: int
    model: str
    choices: list[TextChoice]
    object: str = "text_completion"
    usage: ChatUsage | None = None


_REQUEST = msgspec.json.Decoder(CompletionRequest)


class CompletionsEndpoint:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Raises RequestError."""
        service = self._service
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, _REQUEST)
        if asked.logprobs:
            raise bad_request(
                "this model gives no log-probabilities: leave `logprobs` out",
                code="unsupported_parameter",
                param="logprobs",
            )
        if not isinstance(asked.prompt, str) and len(asked.prompt) != 1:
            raise bad_request("`prompt` is one text here", param="prompt")
        if not 1 <= asked.n <= MOST_SAMPLES:
            raise bad_request(f"`n` is 1 to {MOST_SAMPLES}", param="n")
        name, model = await service.model_for(caller_of(request.scope), asked.model)
        answer = await self._answer(request, asked, name, model)
        if not asked.stream:
            return json_answer(answer)

        async def work(to: Stream) -> None:
            await to.send(b"data: %b\n\ndata: [DONE]\n\n" % _ENCODER.encode(answer))

        return EventAnswer(work, openai_error)

    async def _answer(
        self, request: Request, asked: CompletionRequest, name: str, model: Model
    ) -> TextCompletion:
        service = self._service
        prompt = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
        head = prompt if asked.echo else ""
        stop = (asked.stop,) if isinstance(asked.stop, str) else asked.stop or ()
        found = TextCompletion(f"cmpl-{service.new_id()}", int(service.now().timestamp()), name, [])
        if "complete" in model.info.abilities:
            hole = Hole(
                prompt,
                asked.suffix or "",
                asked.max_tokens,
                stop,
                asked.temperature or 0.0,
                asked.seed or 0,
            )
            completer = cast(Completer, model)  # the ability says so
            candidates = await while_there(
                request, lambda: completer.complete(hole, asked.n), model.info.id
            )
            found.choices = [
                TextChoice(head + one.text, index, "stop" if one.stop == "end" else "length")
                for index, one in enumerate(candidates)
            ]
            return found
        if asked.suffix:
            raise bad_request(
                f"the model {model.info.id!r} cannot fill a hole: leave `suffix` out, or use a"
                " model with the ability `complete` (GET /v1/models)",
                param="suffix",
            )
        ready = Prompt(
            "Continue the text. Answer with the continuation alone.",
            (user(prompt),),
            output_tokens=asked.max_tokens,
            stop=stop,
            temperature=asked.temperature,
            seed=asked.seed,
        )
        caller = caller_of(request.scope)
        reply = await Answering(service, caller, ENDPOINT, model, ready).whole(request)
        reason = "length" if reply.stop == "length" else "stop"
        found.choices = [TextChoice(head + reply.text, 0, reason)]
        found.usage = chat_usage(reply.usage)
        return found
