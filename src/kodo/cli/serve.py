"""`kodo serve`: models for other programs, over HTTP and WebSocket, until a signal ends it."""

import argparse
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import anyio
import msgspec
from starlette.routing import WebSocketRoute

from kodo import __version__
from kodo.base.clock import monotonic_s, utc_now
from kodo.base.errors import ConfigError
from kodo.base.hashing import new_id
from kodo.cli import serve_tokens
from kodo.cli.exits import INTERRUPTED, OK
from kodo.cli.options import add_common, add_json, add_model, load, load_in
from kodo.cli.serve_resident import show, stop
from kodo.runtime.config import Settings
from kodo.runtime.registry import TELEMETRY
from kodo.runtime.registry import load as load_named
from kodo.runtime.resident.lender import lending
from kodo.runtime.resident.place import Place
from kodo.server.access.guard import LOOPBACK, Door, Guard
from kodo.server.access.tokens import TokenKeeper
from kodo.server.app import build_app
from kodo.server.run import Address, bind, loop_options, serve
from kodo.server.serving import lent_models, make_service
from kodo.server.sessions.folders import Folders
from kodo.server.sessions.rooms import open_rooms
from kodo.server.sessions.socket import PATH, SessionsSocket
from kodo.server.tracing import Tracer

EXAMPLES = """\
examples:
  kodo serve
  kodo serve -m local/qwen2.5-coder-0.5b --port 8484
  kodo serve -m openai/gpt-5 -c 'serve.aliases.spark="local/qwen2.5-coder-1.5b"'
  kodo serve status && kodo serve stop
  kodo serve -m scripted/replies.jsonl --port 0 --json
  kodo serve token add laptop --days 30 --per-minute 60 --budget-tokens 1000000
  kodo serve --sessions -C ~/code            (for the web face and editors; needs a token)
  kodo serve --sessions --uds ~/.kodo.sock   (the same for programs of yours on this machine)
  kodo serve --host 0.0.0.0 -c serve.tls_cert=cert.pem -c serve.tls_key=key.pem

Any client of OpenAI's API works with the address it prints, with /v1 behind it, as base URL: codex,
the openai package, editors. docs/serve.md shows how to set them up.
"""


class Ready(msgspec.Struct, frozen=True):
    """The line of `kodo serve --json`, printed when the server listens."""

    url: str
    base_url: str
    models: tuple[str, ...]
    token_needed: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options."""
    parser.add_argument("--host", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at, 0 for any (default: 8484)")
    parser.add_argument(
        "--require-token", action="store_true", help="let nobody in without a token, not even here"
    )
    parser.add_argument(
        "--uds", metavar="PATH", help="listen at a Unix socket that only you can open, at no port"
    )
    parser.add_argument(
        "--sessions",
        action="store_true",
        help="also offer sessions that work in this folder, to a token of that scope or over --uds",
    )
    add_model(parser)
    add_json(parser)
    add_common(parser)
    actions = parser.add_subparsers(dest="action", metavar="status|stop|token")
    for name, does in (
        ("status", "what the resident engine of this user does"),
        ("stop", "end it"),
    ):
        resident = actions.add_parser(name, help=does)
        add_json(resident)
        add_common(resident)
    serve_tokens.add_arguments(actions.add_parser("token", help="add, list or revoke tokens"))


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM (0) or Ctrl-C (130). Raises ConfigError before it listens."""
    if arguments.action == "token":
        return serve_tokens.run(arguments)
    settings = load(arguments)
    if arguments.action == "status":
        return show(settings, json=arguments.json)
    if arguments.action == "stop":
        return stop(settings)
    return anyio.run(
        _serve,
        settings,
        arguments,
        backend_options=loop_options(),
    )


async def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    config = settings.config.serve
    host: str = arguments.host or config.host
    port: int = config.port if arguments.port is None else arguments.port
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port is 0 to 65535, not {port}")
    if bool(config.tls_cert) != bool(config.tls_key):
        raise ConfigError("serve.tls_cert and serve.tls_key go together: set both")
    tokens = TokenKeeper(settings.paths.tokens_file, utc_now, monotonic_s)
    needs_token: bool = arguments.require_token or config.require_token
    needs_token = needs_token or (host not in LOOPBACK and not arguments.uds)
    if needs_token and not tokens.usable:
        raise ConfigError(
            f"refusing to listen at {host!r} without a token that works; make one with:"
            " kodo serve token add NAME"
        )
    service = make_service(settings)
    uds = str(Path(arguments.uds).expanduser().absolute()) if arguments.uds else ""
    listener, address = bind(Address(host, port, uds, config.tls_cert, config.tls_key))
    # Behind 0.0.0.0 the server has names that it cannot know; its tokens guard it there.
    hosts = () if host in ("0.0.0.0", "::") and not config.hosts else {*LOOPBACK, host}
    door = Door({*hosts, *config.hosts}, config.origins, needs_token)
    if uds:  # the file lets in this user and nobody else; there is no name that could be wrong
        needs_token = arguments.require_token or config.require_token
        door = Door((), config.origins, needs_token, guarded=())

    def ready() -> None:
        found = Ready(address.url, f"{address.url}/v1", service.offer.names, door.needs_token)
        if arguments.json:
            print(msgspec.json.encode(found).decode(), flush=True)
        else:
            print(f"kodo serves {', '.join(found.models)} at {found.base_url}", flush=True)
            print("Ctrl-C ends it", file=sys.stderr, flush=True)

    async with AsyncExitStack() as stack:
        routes: list[WebSocketRoute] = []
        if arguments.sessions or config.sessions:
            folders = Folders(
                settings.cwd,
                (settings.cwd, *(Path(one).expanduser().resolve() for one in config.folders)),
                partial(load_in, arguments),
            )
            rooms = await stack.enter_async_context(open_rooms(folders))
            routes.append(WebSocketRoute(PATH, SessionsSocket(service, rooms)))
        if config.otlp_url:
            if not config.otlp_url.startswith(("http://", "https://")):
                raise ConfigError(
                    f"serve.otlp_url is {config.otlp_url!r}: give an address such as"
                    " http://127.0.0.1:4318"
                )
            service.tracer = Tracer(__version__, utc_now, new_id)
            post = await stack.enter_async_context(load_named(TELEMETRY, "otlp")(config.otlp_url))
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(service.tracer.keep_sending, post)
        lent = await lent_models(service, settings)
        if lent and settings.config.resident == "auto":
            place = Place(settings.paths.run)
            await stack.enter_async_context(
                lending(place, lambda: {} if service.draining else lent, service.working)
            )
        app = Guard(build_app(service, routes), service, door, tokens)
        interrupted = await serve(
            app, service, listener, address, drain_s=config.drain_s, on_ready=ready
        )
    if uds:
        Path(uds).unlink(missing_ok=True)
    return INTERRUPTED if interrupted else OK
