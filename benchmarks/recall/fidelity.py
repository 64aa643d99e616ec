"""Fidelity: whatever was acknowledged comes back byte for byte, through kill -9 at any instant.

A child writes outputs, messages and edits of files through the real store and tells each one; it is
killed again and again, and goes on. What it writes follows from a seed, so the parent can say what
every byte must be. Run: python -m benchmarks.recall.fidelity [--tokens 10000000] [--kills 20]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from kodo.base.errors import StoreError
from kodo.base.hashing import sha256_hex
from kodo.base.text import repair_utf8
from kodo.core.events import Event, FileChange, FilesChanged, MessageAdded, Stored
from kodo.core.messages import Assistant, Image, Text, ToolCall, ToolResult, User, user
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.store import Store, open_store
from kodo.store.upkeep.verify import verify

BYTES_A_TOKEN = 4  # about what code and English take
THREAD = "fidelity"
FOLDER = "/work"
PATHS = 40
_REPOSITORY = Path(__file__).parents[2]
BEGAN = datetime(2026, 1, 2, tzinfo=UTC)

_WORDS = (
    *("the", "store", "keeps", "every", "byte", "of", "what", "was", "said,", "printed,", "read"),
    *("and", "written", "é", "☃", "😀"),
)
_ODD = ("\x00", "\r\n", "\t", "\x7f", "\u2028", '"', "\\", "\ufeff", "\x1b[31m", "e\u0301")


@dataclass(frozen=True, slots=True)
class Item:
    """What is written in one step: contents that become blobs, and the entry that tells it."""

    contents: tuple[bytes, ...]
    entry: Entry
    size: int
    path: str = ""


@dataclass(slots=True)
class Plan:
    """The items of a seed, one after the other; the n-th is the same in every process."""

    seed: int
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def items(self) -> Iterator[Item]:
        """Yield items without end."""
        number = 0
        while True:
            number += 1
            yield self._item(number, random.Random(f"{self.seed} {number}"))

    def _item(self, number: int, chance: random.Random) -> Item:
        kind = chance.choice(
            ("user", "reply", "result", "output", "output", "file", "file", "image")
        )
        path = ""
        contents: tuple[bytes, ...] = ()
        body: Stored
        if kind == "user":
            size = len(text := make_text(chance))
            body = MessageAdded(user(text))
        elif kind == "reply":
            size = len(text := make_text(chance))
            call = ToolCall(f"call-{number}", "shell", make_text(chance, most=500))
            body = MessageAdded(Assistant((Text(text), call), "m/m"))
        elif kind == "result":
            size = len(text := make_text(chance))
            body = MessageAdded(ToolResult(f"call-{number}", "shell", (Text(text),)))
        elif kind == "output":
            contents = (make_bytes(chance),)
            size = len(contents[0])
            kept = f"[the whole output is kept as {sha256_hex(contents[0])[:16]}]"
            parts = (Text(repair_utf8(contents[0][:2000])), Text(kept))
            body = MessageAdded(ToolResult(f"call-{number}", "shell", parts))
        elif kind == "image":
            contents = (b"\x89PNG" + chance.randbytes(chance.randrange(3000)),)
            size = len(contents[0])
            body = MessageAdded(User((Image("image/png", sha256_hex(contents[0])),)))
        else:
            path = f"src/file-{chance.randrange(PATHS)}.txt"
            before = self.files.get(path)
            after = make_bytes(chance) if before is None or chance.random() < 0.9 else None
            contents = tuple(data for data in (before, after) if data is not None)
            size = len(after or b"")
            if after is None:
                self.files.pop(path, None)
            else:
                self.files[path] = after
            names = [None if data is None else sha256_hex(data) for data in (before, after)]
            body = FilesChanged(f"call-{number}", (FileChange(path, names[0], names[1]),))
        at = BEGAN + timedelta(seconds=number)
        parent = f"entry-{number - 1}" if number > 1 else None
        entry = Entry(f"entry-{number}", parent, Event(number, "run", at, body))
        return Item(contents, entry, size, path)


def make_text(chance: random.Random, most: int = 40_000) -> str:
    """Return valid text with all that is awkward in text; mostly short, sometimes long."""
    length = int(min(most, chance.paretovariate(0.8) * 120))
    words: list[str] = []
    while length > 0:
        word = chance.choice(_ODD if chance.random() < 0.1 else _WORDS)
        word += str(chance.randrange(1000))
        words.append(word)
        length -= len(word) + 1
    return " ".join(words)


def make_bytes(chance: random.Random) -> bytes:
    """Return a content: text, CRLF, invalid UTF-8, binary, empty, and rarely more than a piece."""
    kind = chance.choice(("text", "text", "crlf", "invalid", "binary", "lines", "empty", "large"))
    if kind == "text":
        return make_text(chance).encode()
    if kind == "crlf":
        return make_text(chance).replace(" ", "\r\n").encode()
    if kind == "invalid":
        data = bytearray(make_text(chance).encode())
        for _ in range(1 + len(data) // 50):
            data[chance.randrange(len(data))] = chance.choice((0xFF, 0xC0, 0x80, 0x00, 0xED))
        return bytes(data)
    if kind == "binary":
        return chance.randbytes(chance.randrange(20_000))
    if kind == "lines":
        return b"".join(b"%d: %x\n" % (line, chance.getrandbits(64)) for line in range(300))
    if kind == "large" and chance.random() < 0.005:
        return (make_text(chance).encode() + b"\x00") * (1 + (9 << 20) // 40_000)
    return b""


async def write(store: Store, item: Item) -> None:
    """Put an item through the store as a run does: blobs first, then the entry that names them."""
    for content in item.contents:
        if len(content) > 4 << 20:
            await store.blobs.put_pieces(_cut(content))
        else:
            await store.blobs.put(content)
    await store.log.append(THREAD, item.entry)


async def _cut(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1 << 20):
        yield content[start : start + (1 << 20)]


async def play_child(path: Path, seed: int) -> None:
    """Go on where the store ends, and tell each item once it is acknowledged, until killed."""
    async with open_store(path) as store:
        try:
            await store.log.create(ThreadHeader(THREAD, BEGAN, FOLDER))
            kept = 0
        except StoreError:
            kept = (await store.log.list())[0].entries
        for item in Plan(seed).items():
            if item.entry.event.seq > kept:
                await write(store, item)
                os.write(1, f"{item.entry.event.seq} {item.size}\n".encode())


@dataclass(slots=True)
class Told:
    """What children have acknowledged: the newest entry, and the bytes of all."""

    seq: int = 0
    size: int = 0


def run_child(path: Path, seed: int, told: Told, until_bytes: int, spin: int) -> None:
    """Let a child write until so many bytes are told, and a random moment longer; then kill it."""
    argv = [sys.executable, "-m", "benchmarks.recall.fidelity"]
    argv += ["--child", str(path), "--seed", str(seed)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=_REPOSITORY) as child:
        assert child.stdout is not None

        def hear(line: bytes) -> None:
            if line.endswith(b"\n"):  # one that was itself cut by the kill was not told
                seq, size = map(int, line.split())
                told.seq, told.size = seq, told.size + size

        while told.size < until_bytes:
            line = child.stdout.readline()
            if not line:
                raise SystemExit(f"the writer ended by itself with {child.wait()}")
            hear(line)
        sum(range(spin))  # any instant between two acknowledgements, or in one
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            hear(line)


@dataclass(slots=True)
class Counts:
    """What was read again and is the same."""

    entries: int = 0
    blobs: int = 0
    versions: int = 0
    size: int = 0


async def check(path: Path, seed: int, told: Told) -> Counts:
    """Read everything again and compare it. Raises SystemExit naming the first difference."""
    counts = Counts()
    histories: dict[str, list[str | None]] = {}
    async with open_store(path) as store:
        proof = await verify(store.database)
        if proof.faults:
            raise SystemExit(f"damaged: {proof.faults[0]}")
        found = (await store.log.load(THREAD))[1]
        if len(found) < told.seq:
            raise SystemExit(f"entry {len(found) + 1} was told and is lost")
        for entry, item in zip(found, Plan(seed).items(), strict=False):
            if entry != item.entry:
                raise SystemExit(f"entry {entry.event.seq} is not what was written")
            for content in item.contents:
                if await store.blobs.get(sha256_hex(content)) != content:
                    raise SystemExit(f"a content of entry {entry.event.seq} differs")
            counts.entries += 1
            counts.blobs += len(item.contents)
            counts.size += item.size
            body = entry.event.body
            if isinstance(body, FilesChanged):
                history = histories.setdefault(item.path, [])
                if not history or history[-1] != body.changes[0].after:
                    history.append(body.changes[0].after)
        for name, history in histories.items():
            versions = await store.files.versions(f"{FOLDER}/{name}")
            if [version.blob for version in versions] != history:
                raise SystemExit(f"the versions of {name!r} differ")
            counts.versions += len(history)
    return counts


def measure_fidelity(tokens: int, kills: int, seed: int, folder: Path) -> str:
    """Run the writers and the check; return the line to print."""
    path = folder / "store.db"
    chance = random.Random(seed)
    told = Told()
    total = tokens * BYTES_A_TOKEN
    marks = sorted(chance.randrange(1, total) for _ in range(kills - 1))
    for mark in (*marks, total):
        run_child(path, seed, told, mark, chance.randrange(200_000))
    counts = anyio.run(check, path, seed, told)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return (
        f"fidelity: {counts.size // BYTES_A_TOKEN:,} tokens ({counts.size / 1e6:.1f} MB), "
        f"{kills} kills -9, {told.seq:,} entries told, {counts.entries:,} entries, "
        f"{counts.blobs:,} contents and {counts.versions:,} file versions re-read: all identical, "
        f"the chain is proved; {size / 1e6:.1f} MB on disk"
    )


async def _write_all(path: Path, items: list[Item]) -> tuple[float, float]:
    """Return the CPU seconds of writing one by one, as a run does, and all at once, as a fork."""
    async with open_store(path) as store:
        await store.log.create(ThreadHeader(THREAD, BEGAN, FOLDER))
        started = time.process_time()
        for item in items:
            await write(store, item)
        one_by_one_s = time.process_time() - started
    async with open_store(path.with_suffix(".db2")) as store:
        await store.log.create(ThreadHeader(THREAD, BEGAN, FOLDER))
        started = time.process_time()
        contents = {sha256_hex(data): data for item in items for data in item.contents}
        await store.blobs.keep(contents)
        await store.log.extend(THREAD, [item.entry for item in items])
        return one_by_one_s, time.process_time() - started


def measure_ingest(tokens: int, seed: int, folder: Path) -> str:
    """Write items that are made before, without kills; return the line to print."""
    items: list[Item] = []
    size = 0
    for item in Plan(seed).items():
        items.append(item)
        size += item.size
        if size >= tokens * BYTES_A_TOKEN:
            break
    slow_s, fast_s = anyio.run(_write_all, folder / "ingest.db", items)
    tokens = size // BYTES_A_TOKEN
    return (
        f"ingest of log and blobs: {tokens / 1e6 / slow_s:.1f}M tokens a CPU second one by one, "
        f"{tokens / 1e6 / fast_s:.1f}M all at once ({len(items):,} entries, {size / 1e6:.1f} MB, "
        f"{slow_s:.2f} s and {fast_s:.2f} s CPU)"
    )


def main() -> int:
    """Print both lines, or play the child."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall.fidelity")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        anyio.run(play_child, arguments.child, arguments.seed)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(measure_fidelity(arguments.tokens, arguments.kills, arguments.seed, folder))
        print(measure_ingest(min(arguments.tokens, 2_000_000), arguments.seed, folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
