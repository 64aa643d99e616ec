"""The way to an OpenTelemetry collector, loaded only where one is configured.

Knows HTTP and no spans. Guards that whatever goes wrong on the way is an OSError.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2

TIMEOUT_S = 10.0
Post = Callable[[bytes], Awaitable[int]]


@asynccontextmanager
async def open_collector(url: str) -> AsyncGenerator[Post]:
    """Give what posts JSON to the collector at `url` and returns its status.

    Raises OSError where it is not reached.
    """
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:

        async def post(body: bytes) -> int:
            headers = {"content-type": "application/json"}
            try:
                answer = await client.post(
                    f"{url.rstrip('/')}/v1/traces", content=body, headers=headers
                )
            except httpx2.HTTPError as error:
                raise OSError(f"{type(error).__name__}: {error}") from error
            return answer.status_code

        yield post
