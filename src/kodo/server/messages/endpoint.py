"""POST /v1/messages and /v1/messages/count_tokens."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kodo.agent.window.tokens import estimate_tokens, message_tokens
from kodo.server.answering import Answering
from kodo.server.messages.reply import MessagesWriter, message, messages_error
from kodo.server.messages.request import MESSAGES_REQUEST, messages_prompt
from kodo.server.problem import bad_request
from kodo.server.responses.request import read_body
from kodo.server.service import Service
from kodo.server.wire import caller_of, json_answer, read_limited

ENDPOINT = "messages"


class TokenCount(msgspec.Struct):
    """About how many tokens a request has: no model is asked."""

    input_tokens: int


class MessagesEndpoint:
    """The two endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises RequestError."""
        service = self._service
        caller = caller_of(request.scope)
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, MESSAGES_REQUEST)
        name, model = await service.model_for(caller, asked.model)
        if asked.max_tokens is None:
            raise bad_request("`max_tokens` is required", param="max_tokens")
        prompt, _ = messages_prompt(asked, model.info, service.images)
        message_id = f"msg_{service.new_id()}"
        answering = Answering(service, caller, ENDPOINT, model, prompt)
        if asked.stream:
            return answering.streamed(MessagesWriter(message_id, name), messages_error)
        return json_answer(message(message_id, name, await answering.whole(request)))

    async def count(self, request: Request) -> Response:
        """Estimate the tokens of one request. Raises RequestError."""
        service = self._service
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, MESSAGES_REQUEST)
        _, model = await service.model_for(caller_of(request.scope), asked.model)
        prompt, _ = messages_prompt(asked, model.info, service.images)
        tokens = estimate_tokens(prompt.instructions)
        tokens += sum(map(message_tokens, prompt.messages))
        tokens += sum(
            estimate_tokens(f"{tool.name}{tool.description}{tool.parameters}")
            for tool in prompt.tools
        )
        return json_answer(TokenCount(tokens))
