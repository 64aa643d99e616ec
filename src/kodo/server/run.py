"""The server as a process: its socket, its signals, its end.

Knows uvicorn and no API. Guards a graceful end: at SIGTERM nothing new begins, what runs may finish
within a limit, models are closed, and a second signal ends it at once.
"""

import contextlib
import logging
import signal
import socket
import stat
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType

import anyio
import msgspec
import uvicorn
from starlette.types import ASGIApp

from kodo.base.errors import ConfigError
from kodo.server.frames import FramesProtocol
from kodo.server.service import Service

log = logging.getLogger(__name__)

PING_INTERVAL_S = 30.0
BACKLOG = 2048


class Address(msgspec.Struct, frozen=True):
    """Where a server listens. `uds` is a path; then host and port are not used."""

    host: str = "127.0.0.1"
    port: int = 0
    uds: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def url(self) -> str:
        """The address as a base URL without a path."""
        if self.uds:
            return f"unix:{self.uds}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"


def bind(address: Address) -> tuple[socket.socket, Address]:
    """Return a listening socket and the address with its real port.

    Raises ConfigError where the port is in use or the host is none of this machine.
    """
    family = socket.AF_UNIX if address.uds else socket.AF_INET
    if not address.uds and ":" in address.host:
        family = socket.AF_INET6
    listener = socket.socket(family)
    try:
        if address.uds:
            Path(address.uds).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_dead(address.uds)
            listener.bind(address.uds)
            Path(address.uds).chmod(0o600)  # before it listens, so nobody else was ever let in
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address.host, address.port))
            port: int = listener.getsockname()[1]
            address = msgspec.structs.replace(address, port=port)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen at {address.url}: {error.strerror}; choose another --host or --port"
        ) from error
    return listener, address


def _remove_dead(path: str) -> None:
    """Remove a Unix socket that nobody listens at; one in use, or another kind of file, stays."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            return
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()


class Server(uvicorn.Server):
    """uvicorn's server with a drain that spares open WebSockets, and without re-raised signals."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        drain_s: float,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._service = service
        self._drain_s = drain_s
        self._on_ready = on_ready
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell when that is so."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let answers finish, then close what is left."""
        for server in self.servers:
            server.close()
        await self._service.drain(self._drain_s, log.info)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Hold the signals while the server runs; they end it and not the process."""
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in wanted}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end; at the second signal end at once."""
        self.interrupted = self.interrupted or sig == signal.SIGINT
        if self.should_exit:
            self.force_exit = True
            self._service.idle.set()
        self.should_exit = True


async def serve(
    app: ASGIApp,
    service: Service,
    listener: socket.socket,
    address: Address,
    *,
    drain_s: float = 30.0,
    on_ready: Callable[[], None] = lambda: None,
    stop: anyio.Event | None = None,
) -> bool:
    """Serve until a signal or `stop` ends it; returns whether that was an interrupt (Ctrl-C).

    Raises ConfigError where the TLS files cannot be used.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws=FramesProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=service.bounds.max_body_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_INTERVAL_S,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=address.tls_cert or None,
        ssl_keyfile=address.tls_key or None,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot use the TLS files {address.tls_cert!r} and {address.tls_key!r}: {error}"
        ) from error
    server = Server(config, service, drain_s, on_ready)
    try:
        async with anyio.create_task_group() as tasks:
            if stop is not None:
                tasks.start_soon(_stop_at, stop, server)
            await server.serve(sockets=[listener])
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            for line in await service.offer.aclose():
                log.warning("%s", line)
    return server.interrupted


async def _stop_at(stop: anyio.Event, server: Server) -> None:
    await stop.wait()
    server.should_exit = True


def loop_options() -> dict[str, object]:
    """Return the options of anyio's backend: uvloop where there is one."""
    return {"use_uvloop": sys.platform != "win32"}
