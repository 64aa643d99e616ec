"""Juliet C/C++ 1.3 and Juliet Java, sampled with a seed: bad() against good() of the same file.

Only variants that lie in one file count (their names end in a number). Run:
python -m benchmarks.scan.juliet c|java FOLDER [--each N] [--seed N]
"""

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.scan.scores import Case, print_wrong, rate, table
from benchmarks.scan.tools import named_tools

C_CATEGORIES = {
    "CWE121": "buffer",
    "CWE122": "buffer",
    "CWE134": "format",
    "CWE415": "doublefree",
    "CWE416": "useafterfree",
    "CWE78": "cmdi",
}
MORE_C_CATEGORIES = {
    "CWE124": "buffer",
    "CWE126": "buffer",
    "CWE127": "buffer",
    "CWE190": "overflow",
    "CWE191": "overflow",
    "CWE252": "unchecked",
    "CWE401": "leak",
    "CWE476": "null",
    "CWE590": "wrongfree",
    "CWE690": "null",
    "CWE762": "wrongfree",
    "CWE775": "leak",
}
"""Beside the six of the published score, with --more."""

JAVA_CATEGORIES = {
    "CWE23": "pathtraver",
    "CWE36": "pathtraver",
    "CWE78": "cmdi",
    "CWE80": "xss",
    "CWE89": "sqli",
    "CWE90": "ldapi",
    "CWE643": "xpathi",
}
_SINGLE_FILE = re.compile(r"_\d\d\.(?:c|cpp|java)$")
_JAVA_METHOD = re.compile(
    r"^\s*(?:public|private|protected)\s[^=;]*?\b(?P<name>bad\w*|good\w*)\s*\([^;]*$"
)


def sample(root: Path, categories: dict[str, str], each: int, seed: int) -> list[tuple[str, str]]:
    """Return (path, CWE folder) of `each` random single-file variants of every CWE."""
    chance = random.Random(seed)
    chosen: list[tuple[str, str]] = []
    for cwe in categories:
        found = sorted(
            path.relative_to(root).as_posix()
            for folder in root.rglob(f"{cwe}_*")
            if folder.is_dir()
            for path in folder.rglob("*")
            if _SINGLE_FILE.search(path.name)
        )
        chosen += [(path, cwe) for path in chance.sample(found, min(each, len(found)))]
    return chosen


def c_cases(root: Path, path: str, category: str) -> Iterator[Case]:
    """Yield the bad and the good region of a C file, told by its own OMITBAD and OMITGOOD."""
    start: dict[str, int] = {}
    lines = (root / path).read_text("latin-1").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("#ifdef INCLUDEMAIN"):
            break  # what follows only calls the functions above, between the same marks
        if match := re.match(r"#ifndef OMIT(BAD|GOOD)", line):
            start.setdefault(match[1], number)
        elif match := re.match(r"#endif\s*/\*\s*OMIT(BAD|GOOD)", line):
            kind = match[1]
            if kind in start:
                name = f"{path}:{kind.lower()}"
                yield Case(name, path, category, kind == "BAD", start.pop(kind), number)


def java_cases(root: Path, path: str, category: str) -> Iterator[Case]:
    """Yield the bad methods of a Java file, and the good ones, told by their names and braces."""
    bad: list[int] = []
    good: list[int] = []
    lines = (root / path).read_text("latin-1").splitlines()
    number = 0
    while number < len(lines):
        match = _JAVA_METHOD.match(lines[number])
        if match is None or match["name"] == "good":
            number += 1
            continue
        first, depth, seen = number, 0, False
        while number < len(lines):
            bare = re.sub(r'"(?:\\.|[^"\\])*"|//.*', "", lines[number])
            depth += bare.count("{") - bare.count("}")
            seen = seen or "{" in bare
            number += 1
            if seen and depth <= 0:
                break
        region = bad if match["name"].startswith("bad") else good
        region += [first + 1, number]
    if bad and good:
        yield Case(f"{path}:bad", path, category, True, min(bad), max(bad))  # noqa: FBT003
        yield Case(f"{path}:good", path, category, False, min(good), max(good))  # noqa: FBT003


def main() -> int:
    """Score all tools that are named and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=("c", "java"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="twelve other CWEs of C")
    parser.add_argument("--wrong", type=int, default=0, help="print this many wrong cases")
    arguments = parser.parse_args()
    is_c = arguments.language == "c"
    categories = MORE_C_CATEGORIES if arguments.more else C_CATEGORIES
    categories = categories if is_c else JAVA_CATEGORIES
    root: Path = arguments.folder.resolve()
    chosen = sample(root, categories, arguments.each, arguments.seed)
    cases: list[Case] = []
    for path, cwe in chosen:
        read = c_cases if is_c else java_cases
        cases += read(root, path, f"{categories[cwe]}:{cwe}")
    paths = sorted({case.path for case in cases})
    print(f"{len(paths)} files, {len(cases)} regions, seed {arguments.seed}")
    for name, scan in named_tools("semgrep", "cppcheck" if is_c else "").items():
        outcome = scan(root, paths)
        each_ms = 1000 * outcome.cpu_s / len(paths)
        print(f"\n{name}: {outcome.cpu_s:.1f} CPU s, {each_ms:.1f} ms a file")
        print(table(rate(cases, outcome.hits)))
        print_wrong(cases, outcome.hits, arguments.wrong)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
