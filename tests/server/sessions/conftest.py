"""A server that offers sessions in a temporary workspace, and faces that talk to it."""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from starlette.routing import WebSocketRoute
from tests.server.conftest import Json, Running, running, steps
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from kodo.runtime.config import Override, Settings, load_settings, read_environment
from kodo.server.access.guard import Door
from kodo.server.service import Service
from kodo.server.sessions.folders import Folders
from kodo.server.sessions.rooms import open_rooms
from kodo.server.sessions.socket import PATH, SessionsSocket


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on the loop that the server runs on."""
    return ("asyncio", {"use_uvloop": True})


def write(path: str, content: str) -> Json:
    """Return a line of a script that writes a file."""
    return {"calls": [{"name": "write", "arguments": {"path": path, "content": content}}]}


def shell(command: str) -> Json:
    """Return a line of a script that runs a command."""
    return {"calls": [{"name": "shell", "arguments": {"command": command}}]}


class Face:
    """One connection, as a face of kodo uses it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Json] = []
        self._ids = 0
        self._past = 0

    async def tell(self, kind: str, **more: Any) -> str:
        """Send a command and return its id."""
        self._ids += 1
        name = f"c{self._ids}"
        await self.socket.send(msgspec.json.encode({"type": kind, "id": name, **more}).decode())
        return name

    async def hear(self) -> Json:
        """Return the next telling."""
        found: Json = msgspec.json.decode(await self.socket.recv())
        self.heard.append(found)
        return found

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """Return the next telling like this, what comes before it kept in `heard`."""
        with anyio.fail_after(30):
            while True:
                found = await self.hear()
                if wanted(found):
                    return found

    async def ask(self, kind: str, **more: Any) -> Json:
        """Send a command and return its reply."""
        name = await self.tell(kind, **more)
        return await self.until(lambda told: told.get("id") == name)

    async def ended(self) -> Json:
        """Return the body of the next `run_ended`, once nothing works any more."""
        while not (found := self._newly(lambda told: _kind(told) == "run_ended")):
            await self.hear()
        while not self._newly(lambda told: told["type"] == "working" and not told["working"]):
            await self.hear()
        self._past = len(self.heard)
        return found[0]["event"]["body"]

    def _newly(self, wanted: Callable[[Json], bool]) -> list[Json]:
        return [told for told in self.heard[self._past :] if wanted(told)]

    @property
    def seqs(self) -> list[int]:
        """The numbers of the events that were heard, in the order in which they came."""
        return [told["event"]["seq"] for told in self.heard if told["type"] == "event"]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events that were heard."""
        return [_kind(told) for told in self.heard if told["type"] == "event"]


def _kind(told: Json) -> str:
    return told["event"]["body"]["type"] if told["type"] == "event" else ""


def _scripts(root: Path, *lines: Json) -> str:
    count = len(list(root.glob("*.jsonl")))
    path = root / f"{count}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"scripted/{path}"


class House:
    """A server with sessions."""

    def __init__(self, server: Running, root: Path, workspace: Path) -> None:
        self.server = server
        self.workspace = workspace
        self.script = partial(_scripts, root)

    @asynccontextmanager
    async def face(self, *subprotocols: str, **headers: str) -> AsyncGenerator[Face]:
        """Give a connection."""
        url = self.server.url.replace("http", "ws") + PATH
        async with connect(
            url,
            additional_headers=headers,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            proxy=None,
            max_size=None,
        ) as socket:
            yield Face(socket)

    @asynccontextmanager
    async def session(self, *lines: Json, **options: Any) -> AsyncGenerator[tuple[Face, str]]:
        """Give a face and the new session that it has opened; its model plays these lines."""
        async with self.face() as face:
            opened = await face.ask("open", options={"model": self.script(*lines), **options})
            assert opened["type"] == "opened", opened
            yield face, opened["session"]


@asynccontextmanager
async def serving(tmp_path: Path, workspace: Path, **more: Any) -> AsyncGenerator[House]:
    """Serve sessions in a workspace, without a token unless a door says otherwise."""

    def load(folder: Path, overrides: Sequence[Override]) -> Settings:
        return load_settings(
            read_environment(), folder, overrides=overrides, assignments=("rung=local",)
        )

    more.setdefault("door", Door(guarded=()))
    reader_s: float = more.pop("reader_s", 60.0)
    folders = Folders(workspace.resolve(), (workspace.resolve(),), load)
    async with open_rooms(folders) as rooms:

        def mount(service: Service) -> Sequence[WebSocketRoute]:
            return [WebSocketRoute(PATH, SessionsSocket(service, rooms, reader_s))]

        async with running(steps(), mount=mount, **more) as server:
            yield House(server, tmp_path, workspace)


@pytest.fixture
async def house(tmp_path: Path, workspace: Path) -> AsyncGenerator[House]:
    """Give a server that needs no token."""
    async with serving(tmp_path, workspace) as found:
        yield found
