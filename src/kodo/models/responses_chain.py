"""The chain of responses on one connection: which part of a request the server has already.

Pure: knows request bodies, not sockets. Guards that a request continues the chain only where the
server, adding the new items to what it holds, ends with exactly the request that was meant.
"""

from collections.abc import Mapping, Sequence

from kodo.models import payload
from kodo.models.responses_request import Json


class Chain:
    """What the server holds after its last whole response: the items so far, and their id."""

    __slots__ = ("_items", "_response_id", "_settings")

    def __init__(self) -> None:
        self._items: list[Json] = []
        self._response_id = ""
        self._settings = b""

    def continues(self, body: Mapping[str, object]) -> bool:
        """Tell whether `body` only adds to what the server holds."""
        items = _items(body)
        held = len(self._items)
        return (
            bool(self._response_id)
            and len(items) > held
            and items[:held] == self._items
            and _settings(body) == self._settings
        )

    def request(self, body: Mapping[str, object]) -> Json:
        """Return the request to send: the new items only where the chain holds the others."""
        if not self.continues(body):
            return {"type": "response.create", **body}
        return {
            "type": "response.create",
            **body,
            "previous_response_id": self._response_id,
            "input": _items(body)[len(self._items) :],
        }

    def extend(self, body: Mapping[str, object], reply: Sequence[Json], response_id: str) -> None:
        """Remember a whole response: the full `body` it answered, and the items of its reply."""
        self._items = [*_items(body), *reply]
        self._response_id = response_id
        self._settings = _settings(body)

    def forget(self) -> None:
        """Remember nothing: the next request is sent whole."""
        self._items = []
        self._response_id = ""


def _items(body: Mapping[str, object]) -> list[Json]:
    items: list[Json] = body["input"]  # pyright: ignore[reportAssignmentType]  # request_body made it
    return items


def _settings(body: Mapping[str, object]) -> bytes:
    # Whether this call only warms up does not change what the server holds.
    return payload.encode({k: v for k, v in body.items() if k not in ("input", "generate")})
