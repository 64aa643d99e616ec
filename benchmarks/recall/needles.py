"""Needles in a haystack: exact details among look-alikes at every depth, found or not.

Ten kinds of detail in two wordings, 50 at each of 20 depths. One counts as found where one of the
first ten hits of the ordinary search holds its line, letter for letter. Prints a line a size and,
with --figures, adds it to a file that benchmarks.recall.plots draws.
Run: python -m benchmarks.recall.needles --tokens 400000
"""

import argparse
import random
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

import anyio
import msgspec

from benchmarks.recall.corpus import Document, documents
from benchmarks.recall.details import Detail, Details
from benchmarks.recall.memory import fill, index_words, open_memory
from kodo.core.recall import Query
from kodo.store.index.recall import SqliteRecall

DEPTHS = 20
A_DEPTH = 50
TOP = 10


class Figures(msgspec.Struct, frozen=True):
    """What one size came to. Rates are shares, `found_by_depth` from the first to the last."""

    tokens: int
    questions: int
    found: float
    first: float
    found_by_depth: tuple[float, ...]
    found_by_kind: dict[str, float]
    search_p50_ms: float
    search_p99_ms: float
    ingest_tokens_per_s: float

    @property
    def flatness(self) -> float:
        """The worst depth against the best."""
        return min(self.found_by_depth) / max(self.found_by_depth)


def planted(texts: Iterable[Document], details: Sequence[Detail], seed: int) -> Iterator[Document]:
    """Yield the documents with each detail in the part of the haystack that is its depth.

    Detail n lies at depth n % DEPTHS; what looks like it lies anywhere.
    """
    draw = random.Random(seed + 1)
    whole = list(texts)
    ends = list(accumulate(len(document.text) for document in whole))
    added: list[list[str]] = [[] for _ in whole]

    def plant(line: str, low: float, high: float) -> None:
        at = draw.uniform(low, high) * ends[-1]
        added[min(bisect(ends, at), len(whole) - 1)].append(line)

    for number, detail in enumerate(details):
        depth = number % DEPTHS
        plant(detail.line, depth / DEPTHS, (depth + 1) / DEPTHS)
        for line in detail.look_alikes:
            plant(line, 0, 1)
    for document, lines in zip(whole, added, strict=True):
        rows = document.text.split("\n")
        for line in lines:
            rows.insert(draw.randrange(len(rows) + 1), line)
        yield Document(document.path, "\n".join(rows))


async def measure(tokens: int, seed: int, folder: Path) -> tuple[Figures, list[str]]:
    """Fill a store and ask for everything; return the figures, and the questions that missed."""
    details = Details(seed).make(DEPTHS * A_DEPTH)
    texts = list(planted(documents(tokens, seed), details, seed))
    async with open_memory(folder) as (store, recall):
        before = time.process_time()
        size = await fill(store, folder / "workspace", texts)
        await index_words(store)
        ingest_s = time.process_time() - before
        await recall.catch_up()
        asked = _Asked()
        for number, detail in enumerate(details):
            for question in detail.questions:
                await asked.ask(recall, question, detail, number % DEPTHS)
    return asked.figures(size // 4, size / 4 / ingest_s), asked.missed


class _Asked:
    """The questions so far, and how they went."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self._by_depth: list[list[bool]] = [[] for _ in range(DEPTHS)]
        self._by_kind: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._first = 0
        self._took_s: list[float] = []

    async def ask(self, recall: SqliteRecall, question: str, detail: Detail, depth: int) -> None:
        """Ask one question."""
        before = time.process_time()
        hits = await recall.search(Query(question, k=TOP))
        self._took_s.append(time.process_time() - before)
        held = [detail.line in hit.text for hit in hits]
        self._by_depth[depth].append(any(held))
        self._by_kind[detail.kind] += any(held)
        self._kinds[detail.kind] += 1
        self._first += held[:1] == [True]
        if not any(held):
            self.missed.append(f"{question}  ->  {detail.line}")

    def figures(self, tokens: int, ingest_tokens_per_s: float) -> Figures:
        """Return what it came to."""
        total = len(self._took_s)
        return Figures(
            tokens,
            total,
            sum(map(sum, self._by_depth)) / total,
            self._first / total,
            tuple(sum(one) / len(one) for one in self._by_depth),
            {kind: self._by_kind[kind] / self._kinds[kind] for kind in self._kinds},
            median(self._took_s) * 1000,
            quantiles(self._took_s, n=100)[98] * 1000,
            ingest_tokens_per_s,
        )


def main() -> int:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures", metavar="FILE", help="add the figures to FILE")
    parser.add_argument("--missed", action="store_true", help="show what was not found")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, missed = anyio.run(measure, arguments.tokens, arguments.seed, Path(folder))
    kinds = ", ".join(f"{kind} {rate:.1%}" for kind, rate in figures.found_by_kind.items())
    print(
        f"needles: {figures.tokens:,} tokens, {figures.questions} questions: "
        f"recall@{TOP} {figures.found:.2%}, @1 {figures.first:.1%}, "
        f"min/max over {DEPTHS} depths {figures.flatness:.3f} ({kinds}); "
        f"search {figures.search_p50_ms:.1f} / {figures.search_p99_ms:.1f} ms CPU p50 / p99; "
        f"log, blobs and lexical index {figures.ingest_tokens_per_s:,.0f} tokens a CPU second"
    )
    if arguments.missed:
        print("\n".join(missed))
    if arguments.figures:
        with Path(arguments.figures).open("ab") as stream:
            stream.write(msgspec.json.encode(figures) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
