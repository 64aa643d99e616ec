"""Models behind OpenAI's Responses API: over a WebSocket that stays open, or server-sent events.

Does not retry, read blobs or shape JSON itself: transport, handoff and the request and reply files
do. Guards that nothing is stored at the provider beyond an open connection, and that a server
without the WebSocket mode is asked by HTTP instead, once and for all.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.dialogue import NoDialogue, OpenDialogue
from kodo.models.exchange import Endpoint, exchange, joined_url, request_headers
from kodo.models.handoff import ReadBlob, prepare, read_images, takes_images
from kodo.models.recalled import join_recalled
from kodo.models.responses_reply import ResponsesReader
from kodo.models.responses_request import request_body
from kodo.models.retry import OnRetry
from kodo.models.transport import Transport

_log = logging.getLogger(__name__)

_HAS_NO_SOCKET = frozenset({404, 405, 426, 501})
"""Refusals that are about the wire; a wrong key, say, is not."""

DEFAULT_BASE_URL = "https://api.openai.com/v1"


class OpenAIResponses:
    """A Model on the wire `responses`. Owns `transport` and closes it.

    `open_dialogue` makes the WebSocket side; without it every call is a POST. With
    `websocket_only` a server that refuses one is an error instead of a reason to use HTTP.
    `on_refusal` hears where the server has none, which later runs need not try again.
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
        open_dialogue: OpenDialogue | None = None,
        websocket_only: bool = False,
        on_refusal: Callable[[], None] | None = None,
    ) -> None:
        self._info = info
        key = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._endpoint = Endpoint(
            info.provider, joined_url(base_url, "/responses"), request_headers(key, headers or {})
        )
        self._transport = transport or Transport()
        self._read_blob = read_blob
        self._on_retry = on_retry
        self._dialogue = (
            open_dialogue(info, self._endpoint, self._transport, on_retry)
            if open_dialogue
            else None
        )
        self._websocket_only = websocket_only
        self._on_refusal = on_refusal

    @property
    def info(self) -> ModelInfo:
        """What is known of this model."""
        return self._info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. Raises ModelError and its children."""
        images = takes_images(self._info, self._read_blob)
        ready = join_recalled(prepare(prompt, self._info, images=images))
        blobs = await read_images(ready, self._read_blob)
        body = request_body(self._info, ready, blobs)
        if self._dialogue is not None:
            try:
                async with aclosing(self._dialogue.converse(body)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except NoDialogue as refusal:
                if self._websocket_only:
                    raise
                _log.info("%s; server-sent events instead", refusal)
                if refusal.settled:
                    dialogue, self._dialogue = self._dialogue, None
                    await dialogue.aclose()
                    if self._on_refusal is not None and refusal.status in _HAS_NO_SOCKET:
                        self._on_refusal()
        if prompt.output_tokens == 0:  # over HTTP nothing can be read without an answer
            yield Assistant((), self._info.id)
            return
        reader = ResponsesReader(self._info, self._endpoint)
        async with aclosing(
            exchange(self._transport, self._endpoint, payload.encode(body), reader, self._on_retry)
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Close the connections."""
        if self._dialogue is not None:
            await self._dialogue.aclose()
        await self._transport.aclose()
