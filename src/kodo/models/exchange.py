"""One model call over HTTP: send a body, feed the events to a reader, end in one reply.

Does not know any vendor's shapes; a reader does. Guards the port's promise: deltas, then exactly
one Assistant, and no error after a delta that asks to be retried.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from kodo import __version__
from kodo.base.errors import ModelError
from kodo.base.text import repair_surrogates
from kodo.core.messages import Assistant, Delta
from kodo.core.model import ModelInfo
from kodo.models.failures import Problem, error_of, shown_url
from kodo.models.retry import OnRetry
from kodo.models.sse import ServerEvent
from kodo.models.transport import Transport

DRAIN_TIMEOUT_S = 1.0


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where a model is asked. `headers` hold the key; `url` is complete."""

    provider: str
    url: str
    headers: Mapping[str, str] = field(repr=False)

    def error(self, problem: Problem) -> ModelError:
        """Return the error that `problem`, reported inside a stream, is."""
        return error_of(problem, provider=self.provider, url=self.url)


class Reader(Protocol):
    """Reads one answer of one wire."""

    @property
    def done(self) -> bool:
        """Whether the answer has said that it is complete."""
        ...

    def feed(self, event: ServerEvent) -> Iterable[Delta]:
        """Return what the event adds. Raises ModelError where it reports or is an error."""
        ...

    def finish(self) -> Assistant | None:
        """Return the whole reply, or None where the stream ended before it was complete."""
        ...


async def exchange(
    transport: Transport,
    endpoint: Endpoint,
    body: bytes,
    reader: Reader,
    on_retry: OnRetry | None,
) -> AsyncGenerator[Delta | Assistant, None]:
    """Yield the deltas of one call and then its reply. Raises ModelError and its children."""
    spoken = False
    try:
        async with aclosing(
            transport.post(
                endpoint.url,
                body,
                endpoint.headers,
                provider=endpoint.provider,
                on_retry=on_retry,
            )
        ) as events:
            async for event in events:
                for delta in reader.feed(event):
                    spoken = True
                    yield delta
                if reader.done:
                    break
            # Reading to the end keeps the connection for the next call; a server that leaves it
            # open does not hold up the reply.
            if reader.done:
                with anyio.move_on_after(DRAIN_TIMEOUT_S), suppress(ModelError):
                    async for _ in events:
                        pass
        reply = reader.finish()
        if reply is None:
            raise ModelError(
                f"provider {endpoint.provider!r} at {shown_url(endpoint.url)} ended its answer"
                " before it was complete; try again",
                retryable=True,
            )
    except ModelError as error:
        if spoken:
            error.retryable = False  # part of it is on the screen already
        raise
    yield reply


def model_name(info: ModelInfo) -> str:
    """Return the model's name as its provider knows it: the id without `provider/`."""
    return info.id.removeprefix(f"{info.provider}/")


def request_headers(key_headers: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return all headers, lower case; what the user set wins."""
    headers = {"user-agent": f"kodo/{__version__}", **key_headers}
    headers.update({name.lower(): value for name, value in extra.items()})
    return headers


def joined_url(base_url: str, path: str) -> str:
    """Return `path` under `base_url`, which may end in a slash and may hold a query."""
    base, mark, query = base_url.partition("?")
    base = base.rstrip("/")
    whole = base if base.endswith(path) else base + path
    return f"{whole}{mark}{query}"


def delta_text(text: str) -> str:
    """Return a piece of text fit for a screen."""
    return repair_surrogates(text)
