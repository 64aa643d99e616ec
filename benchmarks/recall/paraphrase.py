"""Which function does X, asked without the code's words: is it within the first 6,000 tokens?

The questions (questions.jsonl) are ours: written from what functions do, not from their text, in
four voices, and halved by a hash of the name; only the development half was ever tuned on. The
functions are those of the running Python's standard library and of installed packages, put into an
empty workspace and asked for through the ordinary search, three pages of it.

Run: python -m benchmarks.recall.paraphrase [--half held-out] [--vectors] [--distractors FOLDER ...]
"""

import argparse
import ast
import importlib.util
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from time import process_time
from typing import Literal

import anyio
import msgspec

from kodo.core.recall import Hit, Query
from kodo.runtime.meaning import Meaning
from kodo.store.index.recall import SqliteRecall

BUDGET_TOKENS = 6000
PAGES = 3
MOST_HITS = 200
HIT_OVERHEAD_TOKENS = 12
MODULES = (
    "argparse tarfile subprocess difflib ipaddress shutil configparser statistics urllib.parse "
    "traceback functools textwrap tempfile random calendar pprint mimetypes gzip heapq bisect "
    "contextlib base64 shlex fnmatch glob graphlib queue sched copy fractions fileinput filecmp "
    "netrc pkgutil linecache selectors socketserver html html.parser json.decoder json.encoder "
    "email.utils http.cookies http.cookiejar logging asyncio.locks asyncio.queues asyncio.tasks "
    "asyncio.streams concurrent.futures._base multiprocessing.pool unittest.util dataclasses "
    "_strptime zipfile yaml.scanner anyio.streams.buffered anyio.streams.text "
    "anyio.streams.memory prompt_toolkit.document prompt_toolkit.history prompt_toolkit.utils "
    "rich.table rich.text rich.color rich.segment rich.cells rich.markup rich.filesize "
    "rich._ratio rich._wrap rich.style rich.measure"
)
QUESTIONS = Path(__file__).with_name("questions.jsonl")


class Question(msgspec.Struct, frozen=True):
    """A question, the module and qualified name of the function it asks for, and who asks."""

    question: str
    module: str
    name: str
    voice: Literal["plain", "need", "bug", "terse"]
    half: Literal["development", "held-out"]


@dataclass(slots=True)
class Tally:
    """How many questions were asked, found within each page, and what the first page cost."""

    asked: int = 0
    found: list[int] = field(default_factory=lambda: [0] * PAGES)
    in_ten: int = 0
    cpu_ms: list[float] = field(default_factory=list[float])

    def line(self, name: str) -> str:
        """Return the tally as a line of the report."""
        shares = " / ".join(f"{100 * count / self.asked:5.1f}" for count in self.found)
        cost = quantiles(self.cpu_ms, n=100) if len(self.cpu_ms) > 1 else [0.0] * 99
        return (
            f"{name:<22} n={self.asked:<4} found in 6K tokens after 1/2/3 searches {shares} %; "
            f"in 10 hits {100 * self.in_ten / self.asked:.0f} %; "
            f"CPU ms p50 {median(self.cpu_ms):.0f} p99 {cost[98]:.0f}"
        )


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "held-out"), action="append")
    parser.add_argument("--vectors", action="store_true", help="with the extra `semantic`")
    parser.add_argument("--distractors", type=Path, nargs="*", default=[], help="more Python code")
    parser.add_argument("--missed", action="store_true", help="print the questions not answered")
    parser.add_argument("--keep", type=Path, help="keep the memory there, and use it if it is")
    options = parser.parse_args()
    halves: list[str] = options.half or ["development", "held-out"]
    if options.keep is not None:
        anyio.run(_run, options.keep, halves, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(_run, Path(folder), halves, options)


async def _run(folder: Path, halves: Sequence[str], options: argparse.Namespace) -> None:
    workspace = folder / "workspace"
    size = lay_out(workspace, options.distractors)
    questions = [one for one in read_questions() if one.half in halves]
    near = Meaning() if options.vectors else None
    recall = SqliteRecall(folder / "store.sqlite", workspace, near=near)
    started = process_time()
    await recall.catch_up()
    if near is not None:
        while await recall.learn():
            pass
    print(
        f"corpus: {size / 1e6:.2f} MB, about {size // 4} tokens; indexed in "
        f"{process_time() - started:.1f} CPU s"
    )
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for question in questions:
        path, lines = place_of(workspace, question)
        if not lines:
            print(f"this Python has no {question.module}:{question.name}")
            continue
        await _ask(recall, question, path, lines, tallies, show_missed=options.missed)
    for name in sorted(tallies):
        print(tallies[name].line(name))
    await recall.aclose()


async def _ask(
    recall: SqliteRecall,
    question: Question,
    path: str,
    lines: Sequence[int],
    tallies: defaultdict[str, Tally],
    *,
    show_missed: bool,
) -> None:
    mine = [tallies[question.half], tallies[f"{question.half}, {question.voice}"]]
    found = False
    k = MOST_HITS
    for page in range(PAGES):
        started = process_time()
        if not found:
            hits = await recall.search(Query(question.question, k=k, page=page + 1))
            cost_ms = (process_time() - started) * 1000
            shown = list(within_budget(hits))
            at = _place_in(shown, path, lines)
            found = at is not None
            if page == 0:
                k = len(shown)  # a further page leaves out what was really shown
            if page == 0:
                for tally in mine:
                    tally.asked += 1
                    tally.cpu_ms.append(cost_ms)
                    tally.in_ten += at is not None and at < 10
        for tally in mine:
            tally.found[page] += found
    if show_missed and not found:
        print(f"missed {question.module}:{question.name}: {question.question}")


def within_budget(hits: Sequence[Hit], budget_tokens: int = BUDGET_TOKENS) -> Iterator[Hit]:
    """Yield the first hits that fit into a budget, by four bytes a token."""
    for hit in hits:
        budget_tokens -= (len(hit.text.encode()) + 3) // 4 + HIT_OVERHEAD_TOKENS
        if budget_tokens < 0:
            return
        yield hit


def _place_in(hits: Sequence[Hit], path: str, lines: Sequence[int]) -> int | None:
    """Return which hit shows the line where the function's name stands, from 0."""
    for at, hit in enumerate(hits):
        if hit.path == path and any(hit.first_line <= line <= hit.last_line for line in lines):
            return at
    return None


def read_questions() -> list[Question]:
    """Return all questions."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Question) for line in lines]


def lay_out(workspace: Path, distractors: Sequence[Path] = ()) -> int:
    """Copy the modules' sources into a workspace; return how many bytes there are."""
    size = 0
    for module in MODULES.split():
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            continue
        source = Path(spec.origin)
        target = workspace / path_of(module, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        size += target.stat().st_size
    for number, folder in enumerate(distractors):
        for source in sorted(folder.rglob("*.py")):
            target = workspace / f"others-{number}" / source.relative_to(folder)
            if any(part in {"test", "tests"} for part in target.parts):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            size += target.stat().st_size
    return size


def path_of(module: str, source: Path) -> str:
    """Return where a module stands in the workspace."""
    stem = module.replace(".", "/")
    return f"{stem}/__init__.py" if source.name == "__init__.py" else f"{stem}.py"


def place_of(workspace: Path, question: Question) -> tuple[str, list[int]]:
    """Return the path of a question's function, and the lines where it is defined."""
    for path in (
        f"{question.module.replace('.', '/')}.py",
        f"{question.module.replace('.', '/')}/__init__.py",
    ):
        file = workspace / path
        if file.is_file():
            return path, [*_lines_of(ast.parse(file.read_bytes()), question.name, "")]
    return "", []


def _lines_of(tree: ast.AST, name: str, owner: str) -> Iterator[int]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if owner + node.name == name:
                    yield node.lineno
                yield from _lines_of(node, name, f"{owner}{node.name}.")
            case _:
                yield from _lines_of(node, name, owner)


if __name__ == "__main__":
    main()
