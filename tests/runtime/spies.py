"""Stand-ins that the registry can name in a test, and that remember how they were made."""

import sqlite3
from pathlib import Path

import anyio
from tests.agent.remembering import ListRecall

from kodo.models.transport import Transport
from kodo.store.index.semantic.vectors import vectors_after
from kodo.tools.fetch import Fetch, FindProxy, JudgeHost, no_proxy


class KeptTransport(Transport):
    """A transport that remembers the proxy and the certificates of the last one made."""

    last: dict[str, str | None] = {}  # noqa: RUF012

    def __init__(
        self, *, ca_file: str | None = None, proxy: str | None = None, **_: object
    ) -> None:
        super().__init__(ca_file=ca_file, proxy=proxy)
        KeptTransport.last = {"ca_file": ca_file, "proxy": proxy}


class KeptFetch(Fetch):
    """A fetch tool that shows what the last one was made with."""

    proxy: FindProxy = staticmethod(no_proxy)
    ca_file: str | None = None

    def __init__(self, *, proxy: FindProxy, ca_file: str | None, judge: JudgeHost) -> None:
        super().__init__(proxy=proxy, ca_file=ca_file, judge=judge)
        KeptFetch.proxy = staticmethod(proxy)
        KeptFetch.ca_file = ca_file


class KeptRecall(ListRecall):
    """A memory that counts what is asked of it."""

    made: list["KeptRecall"] = []  # noqa: RUF012

    def __init__(self, store: Path, workspace: Path, *, thread: str, near: object) -> None:
        super().__init__()
        self.near = near
        self.thread = thread
        self.caught_up = 0
        self.learned = 0
        self.often = anyio.Event()
        self.closed = False
        KeptRecall.made.append(self)

    async def catch_up(self) -> None:
        self.caught_up += 1
        if self.error is not None:
            raise self.error
        if self.caught_up == 3:
            self.often.set()

    async def learn(self) -> bool:
        self.learned += 1
        return self.learned % 2 == 1

    async def aclose(self) -> None:
        self.closed = True


class Nearby:
    """An embedder that tells texts apart by how often each letter is in them."""

    def encode(self, text: str) -> bytes:
        return bytes(min(255, text.lower().count(chr(97 + letter))) for letter in range(26))

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]:
        asked = self.encode(text)
        scored = [
            (-sum(abs(one - other) for one, other in zip(asked, vector, strict=True)), number)
            for number, vector in vectors_after(connection, 0)
        ]
        return [number for _, number in sorted(scored, reverse=True)[:most]]
