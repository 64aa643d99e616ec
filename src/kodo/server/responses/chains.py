"""What was said in earlier responses, by their ids: what `previous_response_id` goes on from.

In memory only. Guards that nobody goes on from a response of another token, nor, where the client
asked for nothing to be stored, from another connection.
"""

from collections import OrderedDict

import msgspec

from kodo.server.problem import Problem, RequestError
from kodo.server.responses.items import Conversation

MAX_KEPT_BYTES = 128 << 20


class _Kept(msgspec.Struct):
    conversation: Conversation
    owner: str
    size_bytes: int
    response: bytes = b""


class Chains:
    """The newest responses, up to `most` of them and about `max_bytes` of what they added.

    `beyond` is asked for what is not here.
    """

    __slots__ = ("_beyond", "_bytes", "_kept", "_max_bytes", "_most")

    def __init__(
        self,
        most: int = 4096,
        max_bytes: int = MAX_KEPT_BYTES,
        beyond: "Chains | None" = None,
    ) -> None:
        self._most = most
        self._max_bytes = max_bytes
        self._beyond = beyond
        self._bytes = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def keep(
        self, response_id: str, conversation: Conversation, owner: str, size_bytes: int
    ) -> None:
        """Keep what had been said when a response was whole; `size_bytes` is what that added."""
        self._kept[response_id] = _Kept(conversation, owner, size_bytes)
        self._grow(size_bytes)

    def show(self, response_id: str, response: bytes) -> None:
        """Keep a whole response, too, as JSON, for those who ask for it again."""
        if kept := self._kept.get(response_id):
            kept.response = response
            kept.size_bytes += len(response)
            self._grow(len(response))

    def response(self, response_id: str, owner: str) -> bytes:
        """Return a response as JSON. Raises RequestError (404)."""
        kept = self._kept.get(response_id)
        if kept is None or kept.owner != owner or not kept.response:
            raise RequestError(
                Problem(
                    404,
                    "response_not_found",
                    f"no response {response_id!r} is kept here: the newest are, where `store` is"
                    " not false",
                )
            )
        return kept.response

    def _grow(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        while len(self._kept) > self._most or (
            self._bytes > self._max_bytes and len(self._kept) > 1
        ):
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes

    def find(self, response_id: str, owner: str) -> Conversation:
        """Return what had been said. Raises RequestError (400, previous_response_not_found)."""
        kept = self._kept.get(response_id)
        if kept is not None and kept.owner == owner:
            self._kept.move_to_end(response_id)
            return kept.conversation
        if self._beyond is not None:
            return self._beyond.find(response_id, owner)
        raise RequestError(
            Problem(
                400,
                "previous_response_not_found",
                f"previous response with id {response_id!r} not found: send the whole input again",
                "previous_response_id",
            )
        )
