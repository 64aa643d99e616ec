"""Models behind Anthropic's Messages API.

Does not retry, read blobs or shape JSON itself: transport, handoff and the request and reply files
do. Guards nothing of its own; the contract suite holds it to the port.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.exchange import Endpoint, exchange, joined_url, request_headers
from kodo.models.handoff import ReadBlob, prepare, read_images, takes_images
from kodo.models.messages_reply import MessagesReader
from kodo.models.messages_request import request_body
from kodo.models.retry import OnRetry
from kodo.models.transport import Transport

DEFAULT_BASE_URL = "https://api.anthropic.com"
API_VERSION = "2023-06-01"


class Anthropic:
    """A Model on the wire `messages`. `base_url` may end in `/v1` or before it.

    Owns `transport` and closes it.
    """

    def __init__(
        self,
        info: ModelInfo,
        *,
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: Transport | None = None,
        read_blob: ReadBlob | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._info = info
        own = {"anthropic-version": API_VERSION}
        if api_key:
            own["x-api-key"] = api_key
        versioned = base_url.partition("?")[0].rstrip("/").endswith(("/v1", "/v1/messages"))
        path = "/messages" if versioned else "/v1/messages"
        self._endpoint = Endpoint(
            info.provider, joined_url(base_url, path), request_headers(own, headers or {})
        )
        self._transport = transport or Transport()
        self._read_blob = read_blob
        self._on_retry = on_retry

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
        ready = prepare(prompt, self._info, images=images)
        blobs = await read_images(ready, self._read_blob)
        body = payload.encode(request_body(self._info, ready, blobs))
        reader = MessagesReader(self._info, self._endpoint)
        async with aclosing(
            exchange(self._transport, self._endpoint, body, reader, self._on_retry)
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
