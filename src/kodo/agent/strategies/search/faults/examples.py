"""Examples that a docstring, a document or the task states, turned into a small test file.

Knows `>>>` sessions and sentences like "f(2) should be 4", for Python. Guards that what cannot be
read as an expression is left out: a wrong check is worse than none.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_EXAMPLES = 24
EXAMPLES_FILE = "test_kodo_examples.py"

_SESSION = re.compile(r"^[ \t]*>>> ?(.+)\n((?:[ \t]*(?!>>>|\.\.\.)\S.*\n?)*)", re.MULTILINE)
_SAYS = re.compile(
    r"\s*(?:should|must|ought to|has to|is supposed to)?\s*"
    r"(?:be|gives?|returns?|result in|equals?|evaluates? to|prints?|yields?|"
    r"==|->|=>|→|is)\s+"
)
_WRONG = re.compile(
    r"^\s*(?:now |currently |wrongly )?(?:gives?|returns?|is|results? in|yields?|prints?)\s+"
    r"(?P<got>.+?)\s*(?:,|;|\.)?\s*(?:instead of|rather than|but should (?:be|give|return)|"
    r"it should (?:be|give|return)|expected)\s+(?P<want>.+)$"
)


@dataclass(frozen=True, slots=True)
class Example:
    """A call and what it should give, both as Python expressions, and the function's name."""

    call: str
    want: str
    function: str


def find_examples(task: str, sources: Mapping[str, str], document: str) -> list[Example]:
    """Return the examples stated for functions of `sources`, each once."""
    names = _function_names(sources.values())
    found: list[Example] = []
    for text in (task, document, *sources.values()):
        found.extend(_sessions(text, names))
    found.extend(_sentences(task, names))
    return list({(item.call, item.want): item for item in found}.values())[:MOST_EXAMPLES]


def _function_names(texts: Iterable[str]) -> set[str]:
    return set(re.findall(r"^(?:async def|def|class) (\w+)", "\n".join(texts), re.MULTILINE))


def _sessions(text: str, names: set[str]) -> list[Example]:
    found: list[Example] = []
    for match in _SESSION.finditer(text):
        call = match.group(1).strip()
        want = match.group(2).strip().split("\n")[0].strip()
        if want in ('"""', "'''") or not want or want.startswith("Traceback"):
            continue
        example = _example(call, want, names)
        if example is not None:
            found.append(example)
    return found


def _sentences(task: str, names: set[str]) -> list[Example]:
    found: list[Example] = []
    for name in names:
        for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\(", task):
            end = _closing(task, match.end() - 1)
            if end is None:
                continue
            call, rest = task[match.start() : end], task[end:].lstrip("`*' ")
            wrong = _WRONG.match(rest.split("\n")[0])
            if wrong is not None:
                want = wrong.group("want")
            else:
                says = _SAYS.match(rest)
                if says is None or not re.search(
                    r"should|must|ought|has to|supposed|==|->|=>|→", says.group()
                ):
                    continue
                want = rest[says.end() :]
            value = _leading_literal(want.strip().strip("`"))
            if value is not None and (example := _example(call, value, names)) is not None:
                found.append(example)
    return found


def _closing(text: str, start: int) -> int | None:
    depth = 0
    quote = ""
    for at in range(start, min(len(text), start + 300)):
        character = text[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1
    return None


def _leading_literal(text: str) -> str | None:
    """Return the longest start of `text` (up to a clause's end) that is a Python literal."""
    line = text.split("\n")[0]
    for end in range(len(line), 0, -1):
        piece = line[:end].strip().strip("`").rstrip(".,;: ")
        if not piece:
            continue
        try:
            ast.literal_eval(piece)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return piece
    return None


def _example(call: str, want: str, names: set[str]) -> Example | None:
    try:
        tree = ast.parse(call, mode="eval")
        ast.literal_eval(want)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = sorted(used & names)
    known = {
        "list",
        "set",
        "dict",
        "tuple",
        "sorted",
        "str",
        "int",
        "float",
        "len",
        "True",
        "False",
    }
    if not called or used - names - known:
        return None
    return Example(call, want, called[0])


def examples_test(examples: list[Example], modules: Mapping[str, str]) -> str:
    """Return a test file for pytest or unittest; `modules` says where each function lies."""
    lines = ["import unittest", ""]
    lines.extend(
        f"from {module} import {name}"
        for name, module in sorted(modules.items())
        if any(re.search(rf"\b{name}\b", item.call) for item in examples)
    )
    lines.extend(["", "", "class Examples(unittest.TestCase):"])
    for number, item in enumerate(examples):
        lines.extend(
            [
                f"    def test_example_{number}(self):",
                f"        got = {item.call}",
                f"        want = {item.want}",
                "        if isinstance(want, float):",
                "            self.assertAlmostEqual(got, want, places=6)",
                "        else:",
                "            self.assertEqual(got, want)",
                "",
            ]
        )
    return "\n".join(lines)


def is_example(name: str) -> bool:
    """Tell whether a test of this name, as pytest or unittest report it, is a stated example."""
    return EXAMPLES_FILE.removesuffix(".py") in name


def modules_of(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the importable module of each top-level name of the sources."""
    found: dict[str, str] = {}
    for path, text in sources.items():
        if not path.endswith(".py"):
            continue
        module = (
            path.removesuffix(".py")
            .removeprefix("src/")
            .replace("/", ".")
            .removesuffix(".__init__")
        )
        for name in re.findall(r"^(?:async def|def|class) (\w+)", text, re.MULTILINE):
            found.setdefault(name, module)
    return found
