"""POST /v1/chat/completions: one JSON object, or a stream of chunks."""

from starlette.requests import Request
from starlette.responses import Response

from kodo.server.answering import Answering
from kodo.server.chat.reply import ChatWriter, Heading, completion
from kodo.server.chat.request import CHAT_REQUEST, chat_prompt
from kodo.server.responses.request import read_body
from kodo.server.service import Service
from kodo.server.wire import caller_of, json_answer, openai_error, read_limited

ENDPOINT = "chat_completions"


class ChatEndpoint:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Raises RequestError."""
        service = self._service
        caller = caller_of(request.scope)
        body = await read_limited(request, service.bounds.max_body_bytes)
        asked = read_body(body, CHAT_REQUEST)
        name, model = await service.model_for(caller, asked.model)
        prompt, toolbox = chat_prompt(asked, model.info, service.images)
        heading = Heading(f"chatcmpl-{service.new_id()}", int(service.now().timestamp()), name)
        answering = Answering(service, caller, ENDPOINT, model, prompt)
        if asked.stream:
            options = asked.stream_options
            with_usage = options is not None and options.include_usage
            writer = ChatWriter(heading, toolbox, with_usage=with_usage)
            return answering.streamed(writer, openai_error)
        return json_answer(completion(heading, await answering.whole(request), toolbox))
