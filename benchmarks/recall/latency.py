"""What a question costs as a memory grows: CPU of the search and of history, and of taking it in.

The search is the ordinary one. Questions are half exact details, half sentences of the haystack's
own documentation. Prints one line a size; with --figures adds it to a file that
benchmarks.recall.plots draws.
Run: python -m benchmarks.recall.latency --tokens 400000 1000000 4000000
"""

import argparse
import random
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

import anyio
import msgspec

from benchmarks.recall.corpus import Document, documents
from benchmarks.recall.details import Details
from benchmarks.recall.memory import fill, index_words, open_memory
from benchmarks.recall.needles import planted
from kodo.core.recall import Query
from kodo.store.index.recall import SqliteRecall

QUESTIONS = 300

_DOCUMENTATION = re.compile(r'^\s+"""([A-Z][^"\n]{30,120})\.', re.MULTILINE)


class Cost(msgspec.Struct, frozen=True):
    """What one size costs. Milliseconds and seconds are of CPU, of the whole process."""

    tokens: int
    search_p50_ms: float
    search_p99_ms: float
    exact_p50_ms: float
    ingest_s: float
    nothing_new_ms: float
    file_bytes: int


def sentences(texts: Sequence[Document], count: int, draw: random.Random) -> list[str]:
    """Return first sentences of docstrings, drawn from all over the haystack."""
    found: list[str] = []
    for document in draw.sample(texts, len(texts)):
        found += _DOCUMENTATION.findall(document.text)[:2]
        if len(found) >= count:
            break
    return found[:count]


async def measure(tokens: int, seed: int, folder: Path) -> Cost:
    """Fill a store of that size and ask it."""
    draw = random.Random(seed)
    details = Details(seed).make(QUESTIONS // 2)
    texts = list(planted(documents(tokens, seed), details, seed))
    questions = [draw.choice(detail.questions) for detail in details]
    questions += sentences(texts, QUESTIONS // 2, draw)
    draw.shuffle(questions)
    size = sum(len(document.text.encode()) for document in texts)
    async with open_memory(folder) as (store, recall):
        before = time.process_time()
        await fill(store, folder / "workspace", texts)
        await index_words(store)
        ingest_s = time.process_time() - before
        del texts
        await recall.catch_up()
        before = time.process_time()
        await recall.catch_up()
        nothing_new_s = time.process_time() - before
        took_s = [await _timed(recall, Query(question)) for question in questions]
        exact_s = [
            await _timed(recall, Query(detail.line[8:40], mode="exact")) for detail in details[:50]
        ]
    return Cost(
        size // 4,
        median(took_s) * 1000,
        quantiles(took_s, n=100)[98] * 1000,
        median(exact_s) * 1000,
        ingest_s,
        nothing_new_s * 1000,
        (folder / "store.db").stat().st_size,
    )


async def _timed(recall: SqliteRecall, query: Query) -> float:
    before = time.process_time()
    await recall.search(query)
    return time.process_time() - before


def main() -> int:
    """Measure the sizes and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[400_000, 1_000_000, 4_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures", metavar="FILE", help="add the figures to FILE")
    arguments = parser.parse_args()
    for tokens in arguments.tokens:
        with tempfile.TemporaryDirectory() as folder:
            cost = anyio.run(measure, tokens, arguments.seed, Path(folder))
        print(
            f"latency: {cost.tokens:,} tokens: search {cost.search_p50_ms:.1f} / "
            f"{cost.search_p99_ms:.1f} ms CPU p50 / p99, exact {cost.exact_p50_ms:.1f} ms; "
            f"taken in in {cost.ingest_s:.1f} CPU s ({cost.tokens / cost.ingest_s:,.0f} tokens/s); "
            f"catching up with nothing {cost.nothing_new_ms:.1f} ms; "
            f"file {cost.file_bytes / 1e6:.0f} MB",
            flush=True,
        )
        if arguments.figures:
            with Path(arguments.figures).open("ab") as stream:
                stream.write(msgspec.json.encode(cost) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
