"""llama.cpp in this process, through the `xllamacpp` wheel: load a GGUF file, continue text.

The only file that imports the wheel. Knows threads, the native server object and its unix socket.
Guards three things that the wheel gets wrong for us: it opens a port (here a unix socket in a
private folder, behind a random key), it takes over SIGINT and SIGTERM (here given back), and it
cannot be interrupted within a batch (here batches are small, and a cancelled caller does not wait
for the one in hand). Not covered: the wheel holds the interpreter lock while it loads a model.
"""

import asyncio
import http.client
import logging
import math
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import anyio
import anyio.to_thread
import msgspec

from kodo.base.errors import ConfigError, ModelError
from kodo.engine import openmp, wire
from kodo.engine.chains import Chains, Drop, Erase, Restore, Save, Step
from kodo.engine.files import check_gguf
from kodo.engine.grammars import either
from kodo.engine.request import Event, Finished, Request, Turn
from kodo.engine.slots import Lease, Slots

try:
    with openmp.waiting_briefly():
        import xllamacpp
except ImportError as error:
    raise ConfigError(
        f"llama.cpp cannot be loaded ({error}): reinstall with `pip install xllamacpp`; where "
        f"libgomp.so.1 is missing, install it (Debian, Ubuntu: `apt install libgomp1`)"
    ) from error

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_CHUNK_BYTES = 8 << 20
_HTTP_TIMEOUT_S = 60.0
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Settings(msgspec.Struct, frozen=True):
    """How a model is run. The defaults were chosen on 2 AVX2 cores (docs/log.md).

    `slots` is how many samples are decoded together (8 gained nothing over 4 there).
    `batch_tokens` is what is read between two looks at a cancellation. `threads` None means the
    cores that this process may use. `saved_prompts_mib` bounds the cache of read prompts in RAM.
    `chains` keeps many conversations apart (slots.py): each finds its own state again, in its slot
    or in one of `spilled_mib` of files; without it llama.cpp guesses by similarity, which is as
    good for one user and cheaper for many short requests.
    """

    context_tokens: int = 16_384
    slots: int = 4
    batch_tokens: int = 128
    threads: int | None = None
    flash_attention: bool = False
    saved_prompts_mib: int = 512
    chains: bool = False
    spilled_mib: int = 4_096


class _Server(Protocol):
    """The part of the wheel's server object that is used here."""

    def handle_completions(self, body: bytes, callback: Callable[[bytes], bool]) -> None: ...


class LlamaEngine:
    """A loaded model. Made by `load`, to be closed by `aclose`. See `TextEngine`."""

    def __init__(
        self, server: _Server, settings: Settings, path: Path, folder: Path, key: str
    ) -> None:
        self.path = path
        self._server: _Server | None = server
        self._settings = settings
        self._folder = folder
        self._key = key
        self._closing = threading.Event()
        self._slots: Slots | None = None
        if settings.chains:
            book = Chains(settings.slots, settings.context_tokens, settings.spilled_mib << 20)
            self._slots = Slots(book, self._act)
        self._threads = ThreadPoolExecutor(2 * settings.slots, thread_name_prefix="llama")

    @classmethod
    async def load(cls, path: Path, settings: Settings | None = None) -> "LlamaEngine":
        """Load the GGUF file at `path`.

        Raises ConfigError (no such file) and ModelError (damaged, or llama.cpp cannot run it).
        Ctrl-C works as before afterwards when the caller's event loop runs in the main thread.
        """
        chosen = settings or Settings()
        check_gguf(path)
        await anyio.to_thread.run_sync(_warm, path)
        folder = Path(tempfile.mkdtemp(prefix="kodo-"))
        key = secrets.token_hex(16)
        try:
            server = await anyio.to_thread.run_sync(_open, path, chosen, folder, key)
        except RuntimeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ModelError(
                f"llama.cpp cannot load {str(path)!r}: the file is damaged or of an unknown kind, "
                f"or memory is short; check it with `kodo models verify`, or get it again with "
                f"`kodo models pull --force`"
            ) from error
        finally:
            _give_back_signals()
        return cls(server, chosen, path, folder, key)

    @property
    def context_tokens(self) -> int:
        """The window: prompt and output together."""
        return self._settings.context_tokens

    async def render(self, turns: Sequence[Turn]) -> str:
        """Return the prompt for `turns` by the model's chat template. Raises ModelError."""
        body = {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
        return (await self._ask("/apply-template", body, _Rendered)).prompt

    async def tokens(self, text: str) -> list[int]:
        """Return the tokens of `text`, markers read as markers. Raises ModelError."""
        body = {"content": text, "add_special": False, "parse_special": True}
        return (await self._ask("/tokenize", body, _Tokens)).tokens

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield Reading and Piece events, and one Finished a sample; then end.

        Closing the iterator or cancelling returns at once; the processor is free after the batch
        in hand. Raises ModelError, ContextOverflow.
        """
        grammar = request.grammar
        if request.schema is not None:
            grammar = grammar_of(request.schema)
            if request.grammar is not None:
                grammar = either((grammar, request.grammar))
        for first in range(0, request.samples, self._settings.slots):
            samples = min(self._settings.slots, request.samples - first)
            async with (
                self._lend(request, samples) as lease,
                aclosing(self._draw(request, grammar, samples, first, lease.slot)) as events,
            ):
                async for event in events:
                    if isinstance(event, Finished):
                        took = event.timings
                        text = request.prompt + event.text
                        lease.done(text, took.prompt_tokens + took.decoded_tokens)
                    yield event

    def _lend(self, request: Request, samples: int) -> AbstractAsyncContextManager[Lease]:
        if self._slots is None:
            return nullcontext(Lease(None))
        if samples > 1:
            return self._slots.lend_all(request.chain)
        return self._slots.lend(request.chain, request.prompt, request.output_tokens)

    async def _act(self, step: Step) -> int | None:
        """Carry out a step of the chains' book; returns bytes written, None where it failed."""
        try:
            match step:
                case Save(slot, file):
                    saved = await self._ask(_action(slot, "save"), {"filename": file}, _Saved)
                    return saved.n_written
                case Restore(slot, file):
                    await self._ask(_action(slot, "restore"), {"filename": file}, _Done)
                case Erase(slot):
                    await self._ask(_action(slot, "erase"), {}, _Done)
                case Drop(file):
                    (self._folder / file).unlink(missing_ok=True)
        except ModelError as error:
            _log.info("a chain's state is lost: %s", error)
            return None
        return 0

    async def _draw(
        self, request: Request, grammar: str | None, samples: int, first: int, slot: int | None
    ) -> AsyncGenerator[Event, None]:
        server = self._server
        if server is None:
            raise ModelError("the local model has been closed")
        loop = asyncio.get_running_loop()
        stopped = threading.Event()
        send, receive = anyio.create_memory_object_stream[bytes](math.inf)

        def deliver(chunk: bytes) -> None:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                send.send_nowait(chunk)

        def on_chunk(chunk: bytes) -> bool:
            if stopped.is_set() or self._closing.is_set():
                return True
            try:
                loop.call_soon_threadsafe(deliver, chunk)
            except RuntimeError:  # the loop has gone, and the caller with it
                return True
            return False

        def work() -> None:
            try:
                if not (stopped.is_set() or self._closing.is_set()):
                    server.handle_completions(body, on_chunk)
            finally:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(send.close)

        body = wire.encode(request, grammar, samples, first, slot)
        replies = wire.Replies(
            samples, first, top_logprobs=request.top_logprobs, mute=request.output_tokens == 0
        )
        running = self._threads.submit(work)
        try:
            async for chunk in receive:
                for event in replies.feed(chunk):
                    yield event
            running.result()
            if not replies.whole:
                raise ModelError("the local model stopped before its answer was whole")
        finally:
            stopped.set()
            receive.close()

    async def _ask(self, path: str, body: object, kind: type[_T]) -> _T:
        if self._server is None:
            raise ModelError("the local model has been closed")
        payload = msgspec.json.encode(body)
        return await anyio.to_thread.run_sync(
            lambda: _post(_socket_path(self._folder), self._key, path, payload, kind)
        )

    async def aclose(self) -> None:
        """Stop what runs and give the memory back: within one batch. Idempotent."""
        self._closing.set()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=True)
        self._server = None  # its destructor ends the native threads
        shutil.rmtree(self._folder, ignore_errors=True)


class _Rendered(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Saved(msgspec.Struct):
    n_written: int


class _Done(msgspec.Struct):
    id_slot: int


def grammar_of(schema: str) -> str:
    """Return the grammar that holds a model to a JSON Schema (an object, as JSON text).

    Blanks between tokens are fixed: a small model would fill its answer with newlines. What the
    grammar engine does not understand in a schema it ignores in silence, so answers are to be
    checked. Raises ModelError where the text is no JSON object.
    """
    try:
        tree = msgspec.json.decode(schema, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ModelError(f"a JSON schema must be a JSON object: {error}") from error
    tree.setdefault("x-guidance", _COMPACT)
    return str(cast(Any, xllamacpp).json_schema_to_grammar(tree))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_HTTP_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _post(socket_path: str, key: str, path: str, payload: bytes, kind: type[_T]) -> _T:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection = _UnixConnection(socket_path)
    try:
        connection.request("POST", path, payload, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise ModelError(f"llama.cpp answered {response.status} to {path}: {answer[:200]!r}")
        return msgspec.json.decode(answer, type=kind)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise ModelError(f"llama.cpp did not answer {path}: {error}") from error
    finally:
        connection.close()


def _action(slot: int, action: str) -> str:
    return f"/slots/{slot}?action={action}"


def _socket_path(folder: Path) -> str:
    return str(folder / "llama.sock")


def _open(path: Path, settings: Settings, folder: Path, key: str) -> _Server:
    native = cast(Any, xllamacpp)
    threads = settings.threads or len(os.sched_getaffinity(0))
    flash = native.llama_flash_attn_type
    parameters = native.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = settings.context_tokens
    parameters.n_parallel = settings.slots
    parameters.kv_unified = True  # a slot may use the whole window, and samples share cells
    parameters.n_batch = settings.batch_tokens
    parameters.n_ubatch = settings.batch_tokens
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.flash_attn_type = (
        flash.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if settings.flash_attention
        else flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    parameters.cache_ram_mib = settings.saved_prompts_mib
    if settings.chains:
        parameters.slot_save_path = f"{folder}/"
        parameters.cache_idle_slots = False  # it would empty the slots behind our back
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.hostnames = [_socket_path(folder)]
    parameters.api_keys = [key]
    parameters.n_threads_http = 2
    parameters.ui = False
    return cast(_Server, native.Server(parameters))


def _warm(path: Path) -> None:
    """Read the file once, so that loading, which blocks every thread, does not wait for a disk."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(_CHUNK_BYTES)
        while file.readinto(buffer):
            pass


def _give_back_signals() -> None:
    """Install Python's handlers again: the native server put its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if handler is not None:
            signal.signal(number, handler)
