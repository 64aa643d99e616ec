"""Which tool descriptions a person has accepted, by hash: a file beside kodo's other notes.

The first list of a server that the user set up is accepted as it is; whatever is new or changed
later is asked about. Guards that a damaged file never counts as acceptance of a change.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kodo.base.hashing import sha256_hex
from kodo.core.messages import Value
from kodo.tools.mcp.client import KnownTool
from kodo.tools.mcp.setting import McpServer


class Pinned(Value, frozen=True):
    """The accepted tools of one server: name → hash. `setting`: hash of how it is reached."""

    setting: str
    tools: dict[str, str]


class PinFile(Value, frozen=True):
    """All servers."""

    servers: dict[str, Pinned] = msgspec.field(default_factory=dict[str, Pinned])


class Pins:
    """Reads and writes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _read(self) -> PinFile | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=PinFile)
        except FileNotFoundError:
            return PinFile()
        except (OSError, msgspec.DecodeError):
            return None

    def doubts(self, name: str, server: McpServer, tools: Sequence[KnownTool]) -> dict[str, str]:
        """Return why a tool is to be asked about, by name; a first list is accepted here."""
        file = self._read()
        if file is None:
            return {tool.name: f"{self._path.name} is damaged" for tool in tools}
        pinned = file.servers.get(name)
        if pinned is None or pinned.setting != _setting(server):
            self._write(file, name, Pinned(_setting(server), {t.name: t.digest for t in tools}))
            return {}
        found: dict[str, str] = {}
        for tool in tools:
            known = pinned.tools.get(tool.name)
            if known is None:
                found[tool.name] = "the server offers this tool newly since you accepted it"
            elif known != tool.digest:
                found[tool.name] = "its description has changed since you accepted it"
        return found

    def accept(self, name: str, server: McpServer, tool: KnownTool) -> None:
        """Accept a tool as it is described now."""
        file = self._read() or PinFile()
        pinned = file.servers.get(name) or Pinned(_setting(server), {})
        tools = {**pinned.tools, tool.name: tool.digest}
        self._write(file, name, Pinned(_setting(server), tools))

    def forget(self, name: str) -> None:
        """Forget a server, so that its next list is accepted as it is."""
        file = self._read() or PinFile()
        kept = {key: value for key, value in file.servers.items() if key != name}
        self._save(PinFile(kept))

    def _write(self, file: PinFile, name: str, pinned: Pinned) -> None:
        self._save(PinFile({**file.servers, name: pinned}))

    def _save(self, file: PinFile) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(file) + b"\n")
        beside.replace(self._path)


def _setting(server: McpServer) -> str:
    # Another jail, other hosts or other variables make it another server too.
    reached = (
        (server.command, server.args, server.url),
        (server.hosts, server.sandbox, sorted(server.env.items())),
    )
    return sha256_hex(msgspec.json.encode(reached))
