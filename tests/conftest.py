"""Every test runs on asyncio, with a home of its own and no way to the network but loopback."""

import socket
from pathlib import Path

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what kodo runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _closed_world(  # pyright: ignore[reportUnusedFunction]
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Move HOME and KODO_HOME to a temporary folder and refuse connections beyond loopback."""
    home = tmp_path_factory.mktemp("home")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "KODO_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KODO_RESIDENT", "off")  # no test leaves a process behind unasked
    monkeypatch.setenv("KODO_HOME", str(home / "kodo"))
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple):
            host = str(address[0])  # pyright: ignore[reportUnknownArgumentType]
            if not (host.startswith("127.") or host in {"::1", "localhost"}):
                raise PermissionError(f"tests may not connect to {host!r}")
        real_connect(self, address)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return an empty workspace folder."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder
