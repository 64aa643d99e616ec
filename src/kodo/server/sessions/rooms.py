"""The sessions that are open in this server, each once, however many read it.

Knows rooms and folders, no connection. Guards that a thread is open once in this process, and that
a session that nobody reads and nothing works in is closed after a while.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc

from kodo.base.errors import ConfigError
from kodo.core.store import ThreadSummary
from kodo.runtime.build import Opening
from kodo.runtime.config import Settings
from kodo.server.problem import Problem as Trouble
from kodo.server.problem import RequestError, bad_request
from kodo.server.sessions.commands import OpenSession
from kodo.server.sessions.folders import Folders
from kodo.server.sessions.room import Room
from kodo.store.store import open_store

LINGER_S = 300.0
MOST_ROOMS = 64


class Rooms:
    """The open sessions. Use `open_rooms`."""

    __slots__ = ("_by_id", "_lock", "_tasks", "folders")

    def __init__(self, folders: Folders, tasks: anyio.abc.TaskGroup) -> None:
        self.folders = folders
        self._tasks = tasks
        self._by_id: dict[str, Room] = {}
        self._lock = anyio.Lock()

    def find(self, session: str) -> Room:
        """Return an open session by its whole id. Raises RequestError (404)."""
        room = self._by_id.get(session)
        if room is None or room.closed:
            raise RequestError(
                Trouble(404, "not_open", f"session {session!r} is not open: open it", "session")
            )
        return room

    async def open(self, command: OpenSession) -> Room:
        """Return the session that a command means, opened if it is not open yet.

        Raises RequestError and whatever `open_session` raises.
        """
        settings = self.folders.settings(command.folder, command.options)
        wanted = command.thread
        if command.mode == "resume" and wanted in self._by_id:
            settings = self._by_id[wanted].settings  # maybe nothing of it is stored yet
        elif command.mode != "new":
            wanted = await _resolve(settings, wanted)
        async with self._lock:
            room = self._by_id.get(wanted) if command.mode == "resume" else None
            if room is not None and not room.closed:
                return room
            if len(self._by_id) >= MOST_ROOMS:
                self.sweep()
            if len(self._by_id) >= MOST_ROOMS:
                raise bad_request(f"{MOST_ROOMS} sessions are open", code="too_many_sessions")
            room = Room(settings, Opening(command.mode, wanted, command.entry))
            await self._tasks.start(self._live, room)
            self._by_id[room.id] = room
            return room

    async def list(self, folder: str, limit: int) -> tuple[list[ThreadSummary], list[str]]:
        """Return the newest sessions of a folder's project, and the ids of those open here."""
        path = self.folders.settings(folder, OpenSession().options).paths.store(
            self.folders.find(folder)
        )
        if not path.exists():
            return [], []
        async with open_store(path) as store:
            found = await store.log.list(max(1, min(limit, 1000)))
        return found, [item.header.id for item in found if item.header.id in self._by_id]

    def sweep(self) -> None:
        """Close the sessions that nobody reads and nothing works in."""
        for room in list(self._by_id.values()):
            if room.deserted:
                room.close()
                self._by_id.pop(room.id, None)

    async def _live(self, room: Room, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        opened = False
        try:
            await room.live(task_status=task_status)
            opened = True
        finally:
            if opened and self._by_id.get(room.id) is room:
                del self._by_id[room.id]

    async def keep_tidy(self, linger_s: float) -> None:
        """Close what has been deserted for `linger_s` to twice as long; until cancelled."""
        before: set[str] = set()
        while True:
            await anyio.sleep(linger_s)
            deserted = {name for name, room in self._by_id.items() if room.deserted}
            for name in deserted & before:
                self._by_id.pop(name).close()
            before = deserted - before


@asynccontextmanager
async def open_rooms(folders: Folders, linger_s: float = LINGER_S) -> AsyncGenerator[Rooms]:
    """Give the rooms; at the end every run is interrupted and every session closed."""
    async with anyio.create_task_group() as tasks:
        rooms = Rooms(folders, tasks)
        tasks.start_soon(rooms.keep_tidy, linger_s)
        yield rooms
        tasks.cancel_scope.cancel()


async def _resolve(settings: Settings, wanted: str) -> str:
    """Return the whole id of a thread. Raises ConfigError, StoreError."""
    path: Path = settings.paths.store(settings.cwd)
    if not path.exists():
        raise ConfigError(f"there are no sessions for {str(settings.project)!r} yet")
    async with open_store(path) as store:
        found = wanted or await store.log.latest(str(settings.cwd))
        if found is None:
            raise ConfigError(f"there is no earlier session in {str(settings.cwd)!r}")
        return (await store.log.load(found))[0].id
