"""Checks that the model writes of what a task describes, where no test of the project shows it.

Knows how to ask, to read an answer as Python checks, and which of them show the fault. Guards that
a check which passes already, or fails for a reason of its own, is never searched against.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from kodo.agent.projects.testreport import FailingTest
from kodo.agent.strategies.search.case.answers import blocks
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.turn import estimate_tokens
from kodo.core.messages import Assistant, Message, Text, user
from kodo.syntax.symbols import Symbol, symbols

WRITTEN_FILE = "test_kodo_written.py"
MOST_CHECKS = 6
KEPT_CHECKS = 2
SAMPLES = 4
OUTPUT_TOKENS = 130
MOST_SHOWN_TOKENS = 900
INSTRUCTIONS = "You are an expert Python programmer who writes tests. You answer with code only."
_EXAMPLE = """`shop.py`:
```python
class Cart:
    def __init__(self):
        self.items = []

    def add(self, name, price):
        self.items.append((name, price))

    def total(self):
        return sum(price for name, price in self.items[1:])
```
Problem: total() forgets the first item.
Write one short test function that fails because of this problem and passes once it is solved."""
_EXAMPLE_ANSWER = """```python
from shop import Cart

def test_problem():
    cart = Cart()
    cart.add("tea", 3)
    cart.add("jam", 4)
    assert cart.total() == 7
```"""


async def ask_for_checks(case: Case, path: str, modules: Mapping[str, str]) -> list[str]:
    """Return checks for the task as Python statements, those that were said most often first."""
    shown = shown_source(case.understanding.sources[path], case.understanding.task)
    request = (
        f"`{path}`:\n```python\n{shown}\n```\nProblem: {case.understanding.task.strip()[:500]}\n"
        "Write one short test function that fails because of this problem and passes once it is "
        "solved."
    )
    messages: tuple[Message, ...] = (
        user(_EXAMPLE),
        Assistant((Text(_EXAMPLE_ANSWER),), case.speaker.model_id),
        user(request),
    )
    replies = await case.speaker.ask(
        INSTRUCTIONS,
        messages,
        output_tokens=OUTPUT_TOKENS,
        samples=SAMPLES,
        temperature=0.5,
        most_s=75,
    )
    found = [
        check
        for reply in replies
        for block in blocks(reply.text)[:1]
        for check in checks_of(block.text, modules)
    ]
    counted = Counter(found)
    return sorted(counted, key=lambda check: -counted[check])[:MOST_CHECKS]


def shown_source(text: str, task: str) -> str:
    """Return the parts of a source that a test of the task needs to see."""
    if estimate_tokens(text) <= MOST_SHOWN_TOKENS:
        return text
    data = text.encode()
    words = set(re.findall(r"\w+", task))
    known = symbols(data, "python")

    def interest(symbol: Symbol) -> tuple[int, int]:
        named = (symbol.name in words) + 2 * (symbol.qualified_name in task)
        return (-named, symbol.start_byte)

    kept: list[Symbol] = []
    room = MOST_SHOWN_TOKENS
    for symbol in sorted((s for s in known if s.kind != "class"), key=interest):
        size = estimate_tokens("x" * (symbol.end_byte - symbol.start_byte))
        if size <= room:
            kept.append(symbol)
            room -= size
    pieces: list[str] = []
    for symbol in sorted(kept, key=lambda symbol: symbol.start_byte):
        owner = symbol.qualified_name.rpartition(".")[0]
        if owner and f"class {owner}:" not in pieces:
            pieces.append(f"class {owner}:")
        start = data.rfind(b"\n", 0, symbol.start_byte) + 1
        pieces.append(data[start : symbol.end_byte].decode("utf-8", "replace"))
    return "\n".join(pieces)


def checks_of(code: str, modules: Mapping[str, str]) -> list[str]:
    """Return each test function's body in an answer, with the imports it needs; asserts only."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    imports = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and node.module in {"datetime", "decimal", "math"})
    ]
    bodies = [
        node.body
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not node.args.args
    ]
    found: list[str] = []
    for body in bodies or [[node for node in tree.body if not _is_import(node)]]:
        statements = [node for node in body if not _is_import(node)]
        text = "\n".join(ast.unparse(node) for node in statements)
        used = {
            node.id for stm in statements for node in ast.walk(stm) if isinstance(node, ast.Name)
        }
        asserts = any(isinstance(node, ast.Assert) for stm in statements for node in ast.walk(stm))
        if not asserts or not used & set(modules):
            continue
        own = [f"from {modules[name]} import {name}" for name in sorted(used & set(modules))]
        needed = [line for line in imports if re.split(r"[ .]", line)[1] in used | {"datetime"}]
        found.append("\n".join([*needed, *own, text]))
    return found


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def checks_test(checks: Iterable[str]) -> str:
    """Return a test file for pytest or unittest that runs each of the checks."""
    lines = ["import unittest", "", "", "class Written(unittest.TestCase):"]
    for number, check in enumerate(checks):
        lines.append(f"    def test_written_{number}(self):")
        lines.extend("        " + line for line in check.split("\n"))
        lines.append("")
    return "\n".join(lines)


def is_written(name: str) -> bool:
    """Tell whether a test of this name, as pytest or unittest report it, was written here."""
    return WRITTEN_FILE.removesuffix(".py") in name


def showing(checks: list[str], trial: Trial, task: str) -> list[str]:
    """Return those checks that fail now in the way that the task describes, best first."""
    kept: list[str] = []
    for number, check in enumerate(checks):
        test = next((t for t in trial.failing if t.name.endswith(f"test_written_{number}")), None)
        if test is not None and _shows(test, task):
            kept.append(check)
    return kept[:KEPT_CHECKS]


def _shows(test: FailingTest, task: str) -> bool:
    last = test.message.strip().split("\n")
    error = next((line for line in last if not line.startswith(">")), "").split(":")[0].strip()
    if error in ("AssertionError", "AssertionError()"):
        return True
    name = error.rpartition(".")[2]
    inside = bool(test.frames) and WRITTEN_FILE not in test.frames[-1].path
    return inside and (name in task or bool(re.search(r"\b(?:crash|dies|die|hang)", task)))
