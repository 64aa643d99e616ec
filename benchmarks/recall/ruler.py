"""Tasks in the manner of RULER (Hsieh et al. 2024), as tasks for a memory instead of a model.

Several keys, several values of one key, several questions in one, variables that are set from one
another, and the commonest of many words. What is measured is whether all that an answer needs is
brought back by fixed searches: nothing here is read by a model. Written by us, from the paper's
descriptions.

Run: python -m benchmarks.recall.ruler [--tokens 400000] [--tasks 40]
"""

import argparse
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

import anyio

from benchmarks.recall.corpus import Document, documents
from benchmarks.recall.memory import fill, open_memory
from kodo.core.recall import Query
from kodo.store.index.recall import SqliteRecall

TOP = 10
VALUES = 4
QUERIES = 4
HOPS = 4
DISTRACTING_CHAINS = 3
COMMON = 10
MOST_HOPS = 12

_SYLLABLES = ("ba", "den", "fi", "gor", "hul", "ka", "lem", "mo", "nar", "pel", "ro", "su", "tiv")
_VARIABLE = re.compile(r"\bVAR_[A-Z]{6}\b")


@dataclass(frozen=True, slots=True)
class Task:
    """Lines to be hidden, what is asked, and which of the lines an answer needs."""

    kind: str
    lines: tuple[str, ...]
    question: str
    needed: tuple[str, ...]


class Tasks:
    """Makes tasks whose names all differ; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._used: set[str] = set()

    def keys(self) -> Task:
        """One key among others that share its words."""
        one, other, third = self._word(), self._word(), self._word()
        pairs = ((one, other), (one, third), (third, other), (other, one))
        lines = [f"One of the special numbers for {a} {b} is {self._number()}." for a, b in pairs]
        return Task("several keys", tuple(lines), f"special number for {one} {other}", (lines[0],))

    def values(self) -> Task:
        """All values of one key."""
        key = f"{self._word()}-{self._word()}"
        lines = tuple(
            f"One of the special numbers for {key} is {self._number()}." for _ in range(VALUES)
        )
        question = f"What are all the special numbers for {key}?"
        return Task("several values", lines, question, lines)

    def queries(self) -> Task:
        """Several keys asked for at once."""
        keys = [f"{self._word()}-{self._word()}" for _ in range(QUERIES)]
        lines = tuple(f"One of the special numbers for {key} is {self._number()}." for key in keys)
        question = f"What are the special numbers for {', '.join(keys[:-1])} and {keys[-1]}?"
        return Task("several queries", lines, question, lines)

    def variables(self) -> Task:
        """Variables set from one another; asked for by the value of the first."""
        value = self._number()
        chain = self._chain(value)
        others = [line for _ in range(DISTRACTING_CHAINS) for line in self._chain(self._number())]
        question = f"Find all variables that are assigned the value {value}"
        return Task("variables", (*chain, *others), question, chain)

    def _chain(self, value: int) -> tuple[str, ...]:
        names = [self._variable() for _ in range(HOPS + 1)]
        steps = [f"{one} = {before}" for before, one in pairwise(names)]
        return (f"{names[0]} = {value}", *steps)

    def _word(self) -> str:
        return self._new(lambda: "".join(self._draw.choices(_SYLLABLES, k=3)))

    def _variable(self) -> str:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return self._new(lambda: "VAR_" + "".join(self._draw.choices(letters, k=6)))

    def _number(self) -> int:
        return int(self._new(lambda: str(self._draw.randrange(10**6, 10**7))))

    def _new(self, make: Callable[[], str]) -> str:
        while (made := make()) in self._used:
            pass
        self._used.add(made)
        return made


def common_words(draw: random.Random) -> tuple[list[str], list[str]]:
    """Return coded words as often as they are to be hidden, and the commonest of them."""
    words = [f"zq{draw.randrange(16**6):06x}" for _ in range(20 * COMMON)]
    common = words[:COMMON]
    return [*common * 30, *words[COMMON:] * 3], common


def hidden(texts: Sequence[Document], lines: Sequence[str], draw: random.Random) -> list[Document]:
    """Return the documents with the lines in them, in an order of their own, evenly spread."""
    rows = [document.text.split("\n") for document in texts]
    weights = [len(document.text) for document in texts]
    for line in lines:
        (into,) = draw.choices(rows, weights)
        into.insert(draw.randrange(len(into) + 1), line)
    return [
        Document(document.path, "\n".join(row)) for document, row in zip(texts, rows, strict=True)
    ]


async def found_of(recall: SqliteRecall, task: Task) -> float:
    """Return the share of the needed lines that fixed searches bring back.

    One search, ten hits; for variables then one for each new name in the lines found, as a reader
    without a model would follow them.
    """
    held: set[str] = set()
    asked: set[str] = set()
    waiting = [task.question]
    while waiting and len(asked) < MOST_HOPS:
        question = waiting.pop(0)
        asked.add(question)
        hits = await recall.search(Query(question, k=TOP))
        lines = {line.strip() for hit in hits for line in hit.text.split("\n")}
        held |= {line for line in task.needed if line in lines}
        if task.kind != "variables":
            break
        # A line is followed where it has what was asked for.
        wanted = question.rpartition(" ")[2]
        names = {
            name
            for line in lines
            if re.search(rf"\b{wanted}\b", line)
            for name in _VARIABLE.findall(line)
        }
        waiting += sorted(names - asked - set(waiting))
    return len(held) / len(task.needed)


async def commonest(recall: SqliteRecall) -> list[str]:
    """Return the commonest coded words by a sweep over everything, each line counted once."""
    counts: Counter[str] = Counter()
    seen: set[tuple[str, int]] = set()
    async for hit in recall.everything(Query("")):
        for number, line in enumerate(hit.text.split("\n"), hit.first_line):
            if line.startswith("zq") and (hit.ref, number) not in seen:
                seen.add((hit.ref, number))
                counts[line.strip()] += 1
    return [word for word, _ in counts.most_common(COMMON)]


async def measure(tokens: int, count: int, seed: int, folder: Path) -> dict[str, float]:
    """Return for each kind of task the share of what was needed that was brought back."""
    draw = random.Random(seed)
    tasks = Tasks(seed)
    asked = [
        make()
        for _ in range(count)
        for make in (tasks.keys, tasks.values, tasks.queries, tasks.variables)
    ]
    words, common = common_words(draw)
    lines = [line for task in asked for line in task.lines] + words
    texts = hidden(list(documents(tokens, seed)), lines, draw)
    shares: dict[str, list[float]] = {}
    async with open_memory(folder) as (store, recall):
        await fill(store, folder / "workspace", texts)
        await recall.catch_up()
        for task in asked:
            shares.setdefault(task.kind, []).append(await found_of(recall, task))
        counted = await commonest(recall)
    found = {kind: mean(values) for kind, values in shares.items()}
    found["common words"] = len(set(counted) & set(common)) / len(common)
    return found


def main() -> None:
    """Run the tasks and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--tasks", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(measure, options.tokens, options.tasks, options.seed, Path(folder))
    shares = ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in found.items())
    print(f"ruler: {options.tokens:,} tokens, {options.tasks} tasks a kind: {shares}")


if __name__ == "__main__":
    main()
