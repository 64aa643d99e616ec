"""Keys that were set again and again: are all their values known, in order, and the newest first?

Each key gets 2, 4 or 8 values, spread over a haystack: in messages, outputs and versions of files,
with other keys that look like it between. Right is only the whole list in its order.
Run: python -m benchmarks.recall.versions --tokens 400000
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import anyio

from benchmarks.recall.corpus import documents
from benchmarks.recall.memory import Filler, index_words, open_memory
from kodo.core.events import FileChange, FilesChanged, MessageAdded
from kodo.core.messages import Assistant, Text, ToolResult, user
from kodo.core.recall import Query
from kodo.store.store import Store

KEYS = 120
COUNTS = (2, 4, 8)

_NOUNS = ("quartz", "tundra", "basalt", "ember", "lagoon", "harbor", "kestrel", "maple", "onyx")
_THINGS = (
    *("timeout", "limit", "budget", "window", "quota", "port", "ratio", "retries", "batch"),
    *("depth", "share", "delay", "weight", "size"),
)


@dataclass(slots=True)
class Key:
    """A key, how it is written, where it is set, and the values it has had so far."""

    name: str
    form: str
    place: str
    count: int
    values: list[str] = field(default_factory=list[str])


def make_keys(draw: random.Random) -> list[Key]:
    """Return keys of all forms, places and counts, no two of one name."""
    forms = ("{} = {}", "{}: {}", '"{}": {},', "set {} to {}", "{} is now {}")
    places = ("user", "assistant", "output", "file")
    names = [f"{noun}_{thing}" for noun in _NOUNS for thing in _THINGS]
    draw.shuffle(names)
    return [
        Key(name, forms[at % len(forms)], places[at % len(places)], COUNTS[at % len(COUNTS)])
        for at, name in enumerate(names[:KEYS])
    ]


class Writer:
    """Sets keys: says, prints or writes the next value of each."""

    def __init__(self, store: Store, workspace: Path, filler: Filler, draw: random.Random) -> None:
        self._store = store
        self._workspace = workspace
        self._filler = filler
        self._draw = draw
        self._files: dict[str, str] = {}

    async def set(self, key: Key) -> None:
        """Give the key a new value."""
        value = str(self._draw.randrange(10, 10**6))
        while value in key.values:
            value = str(self._draw.randrange(10, 10**6))
        key.values.append(value)
        line = key.form.format(key.name, value)
        like = key.form.format(f"{key.name}_max", self._draw.randrange(10**6))
        text = f"Some words before it.\n{like}\n{line}\nand some behind, about {key.name}.\n"
        match key.place:
            case "user":
                await self._filler.append(MessageAdded(user(text)))
            case "assistant":
                await self._filler.append(MessageAdded(Assistant((Text(text),), "bench/model")))
            case "output":
                result = ToolResult("call", "shell", (Text(text),))
                await self._filler.append(MessageAdded(result))
            case _:
                await self._write(f"conf/{key.name}.txt", text)

    async def _write(self, path: str, text: str) -> None:
        before = self._files.get(path)
        old = None if before is None else await self._store.blobs.put(before.encode())
        new = await self._store.blobs.put(text.encode())
        self._files[path] = text
        file = self._workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        await self._filler.append(FilesChanged("call", (FileChange(path, old, new),)))


async def measure(tokens: int, seed: int, folder: Path) -> dict[str, float]:
    """Fill a store, ask for the history of every key, and return the share of right answers."""
    draw = random.Random(seed)
    keys = make_keys(draw)
    waiting = [key for key in keys for _ in range(key.count)]
    draw.shuffle(waiting)
    whole = list(documents(tokens, seed))
    total = len(waiting)
    async with open_memory(folder) as (store, recall):
        filler = Filler(store, folder / "workspace")
        writer = Writer(store, folder / "workspace", filler, draw)
        for number, document in enumerate(whole, 1):
            await filler.add(document)
            while len(waiting) > total - total * number // len(whole):
                await writer.set(waiting.pop())
        await filler.flush()
        await index_words(store)
        right: Counter[int] = Counter()
        one_of: Counter[int] = Counter()
        newest = 0
        took_s: list[float] = []
        for key in keys:
            before = time.process_time()
            hits = await recall.history(key.name)
            took_s.append(time.process_time() - before)
            values = values_of(key, [hit.text for hit in hits])
            right[key.count] += values == key.values
            at = draw.randrange(key.count)
            one_of[key.count] += values[at : at + 1] == [key.values[at]]
            first = await recall.search(Query(f"what is the {key.name} at the moment?", k=1))
            newest += bool(first) and key.form.format(key.name, key.values[-1]) in first[0].text
    of = Counter(key.count for key in keys)
    return {
        **{f"all of {count}": right[count] / of[count] for count in COUNTS},
        **{f"the i-th of {count}": one_of[count] / of[count] for count in COUNTS},
        "the newest first": newest / len(keys),
        "p50_ms": median(took_s) * 1000,
        "max_ms": max(took_s) * 1000,
    }


def values_of(key: Key, texts: Sequence[str]) -> list[str]:
    """Return the values that the lines of a history give the key."""
    head, _, tail = key.form.partition("{}")[2].partition("{}")
    return [
        text.strip().rpartition(head)[2].removesuffix(tail)
        for text in texts
        if text.strip().endswith(tail)
    ]


def main() -> int:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = anyio.run(measure, arguments.tokens, arguments.seed, Path(folder))
    shares = ", ".join(
        f"{name} {value:.1%}" for name, value in result.items() if not name.endswith("_ms")
    )
    print(
        f"versions: {arguments.tokens:,} tokens, {KEYS} keys: {shares}; "
        f"history {result['p50_ms']:.1f} ms CPU p50, {result['max_ms']:.1f} at most"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
