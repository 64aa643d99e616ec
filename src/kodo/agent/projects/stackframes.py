"""Stack frames in the output of any language, and the paths in it, made relative to the workspace.

Knows how traces are printed, not which runner printed them. Guards that only files inside the
workspace are named: not the standard library, not installed packages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kodo.agent.projects.testreport import Frame

MAX_FRAMES = 30
_FOREIGN = re.compile(
    r"(^|/)(node_modules|site-packages|dist-packages|\.cargo|rustc|\.rustup|\.venv|venv|gems|"
    r"googletest|_pytest|\.pyenv|internal)/|^(node:|<|internal/|java\.|library/)"
)
_PYTHON = re.compile(
    r'^[ E]*File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?', re.M
)
_PYTEST = re.compile(r"^(?P<path>[^\s:]+\.py):(?P<line>\d+): ?(?:in (?P<name>\S+))?", re.M)
_DEF = re.compile(r"^(?:>|E)?\s*(?:async )?def (\w+)\(", re.M)
_NODE = re.compile(
    r"^[ \t]*(?:at |❯ )?(?:async )?(?P<name>[^\n(]*?)[ \t]?\(?(?:file://)?"
    r"(?P<path>[^\s():]+\.[cm]?[jt]sx?):(?P<line>\d+)(?::\d+)?\)?[ \t{]*$",
    re.M,
)
_RUST = re.compile(r"^\s*\d+: (?P<name>.+)\n\s+at (?P<path>\S+?):(?P<line>\d+)(?::\d+)?$", re.M)
_RUST_PANIC = re.compile(r"panicked at (?:'.*', )?(?P<path>[^\s:]+\.rs):(?P<line>\d+)")
_GO = re.compile(
    r"^(?P<name>[\w./*()-]+)\(.*\)\n\t(?P<path>\S+\.go):(?P<line>\d+)(?: \+0x\w+)?$", re.M
)
_GO_LOG = re.compile(r"^\s+(?P<path>[\w./-]+_test\.go):(?P<line>\d+): ", re.M)
_JAVA = re.compile(
    r"^\s*at (?!(?:java|javax|jdk|sun|kotlin|org\.(?:junit|hamcrest|opentest4j|assertj|mockito"
    r"|gradle|apache\.maven))[./])(?:[\w.]+/)?(?P<name>[\w.$<>]+)\((?P<path>[\w$]+\.(?:java|kt)):(?P<line>\d+)\)",
    re.M,
)
_RUBY = re.compile(
    r"^\s*(?:# |from )?(?P<path>[^\s:#][^\s:]*\.rb):(?P<line>\d+):in [`'](?P<name>[^']*)'", re.M
)
_CPP = re.compile(
    r"^(?:[\w./-]+: )?(?P<path>[\w./-]+\.(?:c|cc|cpp|cxx|h|hpp)):(?P<line>\d+)(?::|\))"
    r"(?: (?P<name>[^\n]*?): Assertion)?",
    re.M,
)


@dataclass(slots=True)
class Paths:
    """Turns the paths of an output into paths of the workspace. `files` resolves bare names."""

    root: str
    files: Sequence[str] = ()
    _by_name: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __post_init__(self) -> None:
        for path in self.files:
            self._by_name.setdefault(PurePosixPath(path).name, []).append(path)

    def inside(self, path: str, hint: str = "") -> str | None:
        """Return `path` relative to the workspace, or None where it lies outside.

        `hint` is a class or folder that helps among files of the same name.
        """
        path = path.removeprefix("file://")
        if path.startswith(self.root + "/"):
            path = path[len(self.root) + 1 :]
        while path.startswith("./"):
            path = path[2:]
        if path.startswith(("/", "../")) or _FOREIGN.search(path):
            return None
        if self.files and path not in self.files:
            same = self._by_name.get(PurePosixPath(path).name, [])
            matching = [one for one in same if one.endswith("/" + path)] or same
            hinted = [one for one in matching if hint and hint in one]
            return (hinted or matching or [path])[0]
        return path


def frames_of(text: str, paths: Paths) -> tuple[Frame, ...]:
    """Return the frames of the trace in `text`, innermost last, at most MAX_FRAMES."""
    best: list[Frame] = []
    for pattern, innermost_first in (
        (_PYTHON, False),
        (_PYTEST, False),
        (_NODE, True),
        (_RUST, True),
        (_GO, True),
        (_JAVA, True),
        (_RUBY, True),
        (_RUST_PANIC, False),
        (_GO_LOG, False),
        (_CPP, False),
    ):
        found: list[Frame] = []
        for match in pattern.finditer(text):
            groups = match.groupdict()
            name = (groups.get("name") or "").strip()
            hint = "/".join(name.split(".")[:-1]) if pattern is _JAVA else ""
            path = paths.inside(groups["path"], hint)
            if path is None:
                continue
            if pattern is _PYTEST and not name:
                name = _function_above(text, match.start())
            frame = Frame(path, int(groups["line"]), _plain(name))
            if not found or found[-1] != frame:
                found.append(frame)
        if innermost_first:
            found.reverse()
        if len(found) > len(best):
            best = found
    return tuple(best[-MAX_FRAMES:])


def _plain(name: str) -> str:
    """Return the function's name as the source spells it, as far as the trace tells."""
    name = name.removeprefix("new ").removeprefix("Object.").split(" [as ")[0]
    name = name.replace("::{{closure}}", "")
    return "" if name in {"<anonymous>", "<module>", "<main>", "<top (required)>"} else name


def _function_above(text: str, offset: int) -> str:
    """Return the last `def` before `offset`: pytest prints each frame's source above its line."""
    begin = text.rfind("\n_ _ _", 0, offset) + 1
    names = _DEF.findall(text[begin:offset])
    return names[-1] if names else ""
