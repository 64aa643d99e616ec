"""POST /api/chat and /api/generate: lines of JSON, or one object where `stream` is false.

A request without messages (or without a prompt) loads the model, as Ollama's clients do it: the
answer is empty and done.
"""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from kodo.core.messages import Usage
from kodo.core.model import Completer, Hole, Model, Prompt
from kodo.server.answering import Answering
from kodo.server.ollama.reply import LineWriter, MessageOut, Shape, ollama_error, whole
from kodo.server.ollama.request import (
    CHAT_REQUEST,
    GENERATE_REQUEST,
    GenerateRequest,
    chat_prompt,
    generate_prompt,
    output_tokens,
)
from kodo.server.problem import bad_request
from kodo.server.responses.request import read_body
from kodo.server.service import Service
from kodo.server.wire import LINES, caller_of, json_answer, read_limited, while_there

ENDPOINT = "ollama"


class OllamaEndpoint:
    """The two endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def chat(self, request: Request) -> Response:
        """Answer a chat. Raises RequestError."""
        service = self._service
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, CHAT_REQUEST)
        name, model = await self._model(request, asked.model)
        shape = Shape(name, service.now(), generates=False)
        if not asked.messages:
            return json_answer(shape.end(MessageOut(), Usage(), 0, cut=False))
        prompt, _ = chat_prompt(asked, model.info, service.images)
        return await self._answer(request, model, prompt, shape, streams=asked.stream is not False)

    async def generate(self, request: Request) -> Response:
        """Answer one prompt, or fill a hole. Raises RequestError."""
        service = self._service
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, GENERATE_REQUEST)
        name, model = await self._model(request, asked.model)
        shape = Shape(name, service.now(), generates=True)
        if asked.suffix:
            return await self._filled(request, asked, model, shape)
        if not asked.prompt:
            return json_answer(shape.end(MessageOut(), Usage(), 0, cut=False))
        prompt = generate_prompt(asked, model.info, service.images)
        return await self._answer(request, model, prompt, shape, streams=asked.stream is not False)

    async def _model(self, request: Request, name: str) -> tuple[str, Model]:
        caller = caller_of(request.scope)
        _, model = await self._service.model_for(caller, name.removesuffix(":latest"))
        return name, model

    async def _answer(
        self, request: Request, model: Model, prompt: Prompt, shape: Shape, *, streams: bool
    ) -> Response:
        service = self._service
        answering = Answering(service, caller_of(request.scope), ENDPOINT, model, prompt)
        began_s = service.monotonic()
        if streams:
            writer = LineWriter(shape, began_s, service.monotonic)
            return answering.streamed(writer, ollama_error, LINES)
        reply = await answering.whole(request)
        return json_answer(whole(shape, reply, service.monotonic() - began_s))

    async def _filled(
        self, request: Request, asked: GenerateRequest, model: Model, shape: Shape
    ) -> Response:
        """Return what stands between `prompt` and `suffix`, in one piece."""
        if "complete" not in model.info.abilities:
            raise bad_request(
                f"the model {model.info.id!r} cannot fill a hole: leave `suffix` out",
                param="suffix",
            )
        options = asked.options
        stop = options.stop if options else None
        hole = Hole(
            asked.prompt,
            asked.suffix,
            output_tokens(options) or 64,
            (stop,) if isinstance(stop, str) else stop or (),
            (options.temperature if options else None) or 0.0,
            (options.seed if options else None) or 0,
        )
        completer = cast(Completer, model)  # the ability says so
        found = await while_there(request, lambda: completer.complete(hole), model.info.id)
        said = MessageOut(content=found[0].text if found else "")
        cut = bool(found) and found[0].stop == "length"
        return json_answer(shape.end(said, Usage(), 0, cut=cut))
