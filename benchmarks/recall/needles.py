"""Needles in a haystack: exact details among near-duplicates at every depth, found or not.

Eight kinds of detail, each asked for in two wordings, 50 needles at each of 20 depths. A needle
counts as found where one of the first ten hits holds its line, letter for letter. Prints a line a
size; --svg draws recall by depth. Run: python -m benchmarks.recall.needles --tokens 400000
"""

import argparse
import hashlib
import json
import random
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

import anyio

from benchmarks.recall.corpus import Document, documents
from benchmarks.recall.memory import fill, index_words, open_memory
from kodo.core.recall import Query

DEPTHS = 20
A_DEPTH = 50
DISTRACTORS = 4
TOP = 10

_FIRST = [
    "amber",
    "basalt",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "garnet",
    "harbor",
    "indigo",
    "juniper",
    "kestrel",
    "lagoon",
    "maple",
    "nimbus",
    "onyx",
    "pewter",
    "quartz",
    "raven",
    "saffron",
    "tundra",
    "umber",
    "velvet",
    "willow",
    "yarrow",
    "zephyr",
    "cobalt",
]
_SECOND = [
    "anchor",
    "beacon",
    "cipher",
    "drift",
    "engine",
    "falcon",
    "glacier",
    "hinge",
    "island",
    "jigsaw",
    "kernel",
    "ladder",
    "magnet",
    "needle",
    "orchard",
    "pillar",
    "quiver",
    "ribbon",
    "sparrow",
    "timber",
    "unity",
    "vessel",
    "walnut",
    "yonder",
    "zenith",
    "bridge",
]
_ROLES = [
    "retry",
    "upload",
    "session",
    "invoice",
    "cache",
    "ledger",
    "shard",
    "replica",
    "webhook",
    "tenant",
    "parser",
    "scheduler",
    "index",
    "billing",
    "export",
    "import",
    "search",
    "mailer",
    "queue",
    "audit",
]
_PEOPLE = [
    "Mirela",
    "Tomas",
    "Ingrid",
    "Osei",
    "Paloma",
    "Ravi",
    "Sunniva",
    "Teodor",
    "Yusra",
    "Anselm",
    "Bronwen",
    "Caspian",
    "Dalia",
    "Emeric",
    "Fenna",
    "Goran",
    "Hedda",
    "Ilias",
]


@dataclass(frozen=True, slots=True)
class Needle:
    """A line, what looks like it, and two ways to ask for it."""

    kind: str
    line: str
    distractors: tuple[str, ...]
    questions: tuple[str, str]


class Maker:
    """Makes needles that differ from each other; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._used: set[tuple[str, ...]] = set()

    def needles(self, count: int) -> list[Needle]:
        """Return so many needles, kinds in turn."""
        kinds = (
            self.constant,
            self.value,
            self.camel,
            self.hash,
            self.log_line,
            self.error_code,
            self.path,
            self.fact,
        )
        return [kinds[number % len(kinds)]() for number in range(count)]

    def constant(self) -> Needle:
        """A constant, asked for by its name."""
        a, b, role = self._words()
        name = f"MAX_{role}_{a}_{b}".upper()
        line = f"{name} = {self._number()}"
        return Needle(
            "constant",
            line,
            tuple(
                f"MAX_{role}_{a}_{other}".upper() + f" = {self._number()}"
                for other in self._others(b)
            ),
            (
                f"What is the value of {name}?",
                f"how high may {role} {a} {b} go at most, the {name} limit",
            ),
        )

    def value(self) -> Needle:
        """A name, asked for by its value."""
        a, b, role = self._words()
        number = self._number()
        line = f'"{role}_{a}_{b}_port": {number},'
        return Needle(
            "value",
            line,
            tuple(
                f'"{role}_{other}_{b}_port": {number + at + 1},'
                for at, other in enumerate(self._others(a))
            ),
            (f"Which setting has the value {number}?", f"what was configured to {number:,}?"),
        )

    def camel(self) -> Needle:
        """A name in camel case, asked for by its words."""
        a, b, role = self._words()
        line = f"const {role}{a.title()}{b.title()}Budget = {self._number()};"
        others = self._others(b)
        return Needle(
            "camel",
            line,
            tuple(
                f"const {role}{a.title()}{other.title()}Budget = {self._number()};"
                for other in others
            ),
            (
                f"What is the {role} budget of the {a} {b}?",
                f"budget for {a}-{b} {role}s",
            ),
        )

    def hash(self) -> Needle:
        """A hash, asked for by a part of it: its beginning, or from within."""
        a, b, role = self._words()
        digest = hashlib.sha1(f"{a}{b}{role}{self._number()}".encode()).hexdigest()
        start = self._draw.choice((0, 0, 7, 13, 24))
        part = digest[start : start + self._draw.randrange(8, 13)]
        line = f"deployed {digest} to {a}-{b} after the {role} tests"
        other = [hashlib.sha1(f"{line}{n}".encode()).hexdigest() for n in range(DISTRACTORS)]
        return Needle(
            "hash",
            line,
            tuple(f"deployed {one} to {a}-{b} after the {role} tests" for one in other),
            (f"Where was the commit {part} deployed?", f"{part} - which machine has it?"),
        )

    def log_line(self) -> Needle:
        """A line of a log, asked for by what happened to whom."""
        a, b, role = self._words()
        worker, job = self._draw.randrange(100, 999), self._number()
        day, minute = self._draw.randrange(1, 9), self._draw.randrange(10, 59)
        line = (
            f"2026-03-0{day} 11:{minute} WARN [worker-{worker}] {role} job {job} on {a}.{b} "
            f"took {self._draw.randrange(100, 9999)} ms"
        )
        return Needle(
            "log line",
            line,
            tuple(line.replace(str(job), str(job + at + 1)) for at in range(DISTRACTORS)),
            (
                f"How long did {role} job {job} take?",
                f"was job #{job} slow on {a}.{b}, and by how much?",
            ),
        )

    def error_code(self) -> Needle:
        """An error code and its cause."""
        a, b, role = self._words()
        number = self._draw.randrange(1000, 9999)
        code = f"{role[:3]}{a[:2]}-{number}".upper()
        line = f"{code}: the {role} of {b} was refused by {a}"
        return Needle(
            "error code",
            line,
            tuple(
                line.replace(str(number), str(number + 11 * (at + 1))) for at in range(DISTRACTORS)
            ),
            (f"What does {code} mean?", f"why do I get error {code.lower()} here?"),
        )

    def path(self) -> Needle:
        """A path and what became of it."""
        a, b, role = self._words()
        path = f"services/{role}/{a}_{b}.py"
        module, release = self._draw.choice(_SECOND), self._number()
        line = f"- {path} was replaced by the {module} module in release {release}"
        return Needle(
            "path",
            line,
            tuple(line.replace(f"{a}_{b}", f"{a}_{other}") for other in self._others(b)),
            (f"What happened to {path}?", f"is {a}_{b}.py still there, or was it replaced?"),
        )

    def fact(self) -> Needle:
        """A sentence with names."""
        a, b, role = self._words()
        first, last = self._draw.choice(_PEOPLE), self._draw.choice(_PEOPLE)[:4]
        person = f"{first} {last}{self._draw.choice(_SECOND)[:3]}"
        line = f"The engineer on call for the {a} {b} {role} is {person}."
        return Needle(
            "fact",
            line,
            tuple(
                f"The engineer on call for the {a} {other} {role} is {self._draw.choice(_PEOPLE)}."
                for other in self._others(b)
            ),
            (
                f"Who is on call for the {a} {b} {role}?",
                f"whom do I ring about {role} of {a} {b}, which engineers?",
            ),
        )

    def _words(self) -> tuple[str, str, str]:
        while True:
            found = (
                self._draw.choice(_FIRST),
                self._draw.choice(_SECOND),
                self._draw.choice(_ROLES),
            )
            if found not in self._used:
                self._used.add(found)
                return found

    def _others(self, word: str) -> list[str]:
        rest = [one for one in (*_FIRST, *_SECOND) if one != word]
        return self._draw.sample(rest, DISTRACTORS)

    def _number(self) -> int:
        while True:
            number = self._draw.randrange(10_000, 9_999_999)
            if (str(number),) not in self._used:
                self._used.add((str(number),))
                return number


def planted(texts: Iterator[Document], needles: Sequence[Needle], seed: int) -> Iterator[Document]:
    """Yield the documents with each needle's line in the part of the haystack that is its depth.

    Needle n lies at depth n % DEPTHS; what looks like it lies anywhere.
    """
    draw = random.Random(seed + 1)
    whole = list(texts)
    ends = list(accumulate(len(document.text) for document in whole))
    added: list[list[str]] = [[] for _ in whole]

    def plant(line: str, low: float, high: float) -> None:
        at = draw.uniform(low, high) * ends[-1]
        added[min(bisect(ends, at), len(whole) - 1)].append(line)

    for number, needle in enumerate(needles):
        depth = number % DEPTHS
        plant(needle.line, depth / DEPTHS, (depth + 1) / DEPTHS)
        for line in needle.distractors:
            plant(line, 0, 1)
    for document, lines in zip(whole, added, strict=True):
        yield Document(document.path, _with_lines(document.text, lines, draw))


def _with_lines(text: str, lines: Sequence[str], draw: random.Random) -> str:
    rows = text.split("\n")
    for line in lines:
        rows.insert(draw.randrange(len(rows) + 1), line)
    return "\n".join(rows)


async def measure(tokens: int, seed: int, folder: Path) -> dict[str, object]:
    """Fill a store, ask for every needle in both wordings, and return what was found."""
    needles = Maker(seed).needles(DEPTHS * A_DEPTH)
    texts = list(planted(documents(tokens, seed), needles, seed))
    async with open_memory(folder) as (store, recall):
        before = time.process_time()
        size = await fill(store, folder / "workspace", texts)
        await index_words(store)
        ingest_s = time.process_time() - before
        before = time.process_time()
        await recall.catch_up()
        rest_s = time.process_time() - before
        by_depth: list[list[bool]] = [[] for _ in range(DEPTHS)]
        first = 0
        missed: list[str] = []
        by_kind: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        took: list[float] = []
        for number, needle in enumerate(needles):
            for question in needle.questions:
                before = time.process_time()
                hits = await recall.search(Query(question, k=TOP))
                took.append(time.process_time() - before)
                found = [needle.line in hit.text for hit in hits]
                by_depth[number % DEPTHS].append(any(found))
                first += bool(found) and found[0]
                asked[needle.kind] += 1
                by_kind[needle.kind] += any(found)
                if not any(found):
                    missed.append(f"{question}  ->  {needle.line}")
    rates = [sum(one) / len(one) for one in by_depth]
    total = sum(map(len, by_depth))
    cuts = quantiles(took, n=100)
    return {
        "tokens": size // 4,
        "questions": total,
        "found": sum(map(sum, by_depth)) / total,
        "first": first / total,
        "flat": min(rates) / max(rates),
        "rates": rates,
        "kinds": {kind: by_kind[kind] / asked[kind] for kind in asked},
        "ingest": size / 4 / ingest_s,
        "rest_s": rest_s,
        "p50_ms": median(took) * 1000,
        "p99_ms": cuts[98] * 1000,
        "missed": missed,
    }


def main() -> int:
    """Measure one size and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="append the figures to FILE")
    parser.add_argument("--missed", action="store_true", help="show what was not found")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = anyio.run(measure, arguments.tokens, arguments.seed, Path(folder))
    kinds = ", ".join(f"{kind} {rate:.1%}" for kind, rate in dict(result["kinds"]).items())  # type: ignore[call-overload]
    print(
        f"needles: {result['tokens']:,} tokens, {result['questions']} questions, "
        f"recall@10 {result['found']:.2%}, @1 {result['first']:.1%}, "
        f"min/max over {DEPTHS} depths {result['flat']:.3f}; {kinds}; "
        f"search {result['p50_ms']:.1f}/{result['p99_ms']:.1f} ms CPU p50/p99; "
        f"ingest {result['ingest']:,.0f} tokens a CPU second"
    )
    if arguments.missed:
        print("\n".join(result["missed"]))  # type: ignore[arg-type]
    if arguments.json:
        with Path(arguments.json).open("a") as stream:
            stream.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
