"""Models behind Chat Completions: vLLM, SGLang, Ollama, LM Studio, OpenRouter and their like.

Does not retry, read blobs or shape JSON itself: transport, handoff and the request and reply files
do. Guards nothing of its own; the contract suite holds it to the port.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from kodo.base.hashing import NewId, new_id
from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.chat_reply import ChatReader
from kodo.models.chat_request import request_body
from kodo.models.exchange import Endpoint, exchange, joined_url, request_headers
from kodo.models.handoff import ReadBlob, prepare, read_images, takes_images
from kodo.models.recalled import join_recalled
from kodo.models.retry import OnRetry
from kodo.models.transport import Transport


class OpenAIChat:
    """A Model on the wire `chat`. `base_url` ends before `/chat/completions`.

    Owns `transport` and closes it. `new_id` names calls that the server left without an id.
    """

    def __init__(
        self,
        info: ModelInfo,
        *,
        base_url: str,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        read_blob: ReadBlob | None = None,
        on_retry: OnRetry | None = None,
        new_id: NewId = new_id,
    ) -> None:
        self._info = info
        key = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._endpoint = Endpoint(
            info.provider,
            joined_url(base_url, "/chat/completions"),
            request_headers(key, headers or {}),
        )
        self._transport = transport or Transport()
        self._read_blob = read_blob
        self._on_retry = on_retry
        self._new_id = new_id

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        return self._info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. Raises ModelError and its children."""
        if prompt.output_tokens == 0:  # this wire knows no warm-up
            yield Assistant((), self._info.id)
            return
        images = takes_images(self._info, self._read_blob)
        ready = join_recalled(prepare(prompt, self._info, images=images))
        blobs = await read_images(ready, self._read_blob)
        body = payload.encode(request_body(self._info, ready, blobs))
        reader = ChatReader(self._info, self._endpoint, self._new_id)
        async with aclosing(
            exchange(self._transport, self._endpoint, body, reader, self._on_retry)
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
