"""CWEval: reference solutions against their `_unsafe` twins, in C, C++, JavaScript and Go.

Every task counts once as vulnerable (the unsafe file) and once as safe (the reference); the CWE of
its name must match, or, with --any, any finding counts. Run:
python -m benchmarks.scan.cweval FOLDER
"""

import argparse
import re
from pathlib import Path

from benchmarks.scan.scores import FAMILIES, Case, Hit, print_wrong, rate, table
from benchmarks.scan.tools import named_tools

_NAME = re.compile(r"cwe_(?P<cwe>\d+)_\d+_(?P<language>c|cpp|js|go)_(?P<kind>task|unsafe)\.\w+$")


def read_cases(root: Path) -> list[Case]:
    """Return the pairs below a checkout of CWEval, by language."""
    cases: list[Case] = []
    for path in sorted(root.rglob("cwe_*")):
        if match := _NAME.match(path.name):
            number = int(match["cwe"])
            category = f"{family_of(number)}:{match['language']}"
            place = path.relative_to(root).as_posix()
            cases.append(Case(place, place, category, match["kind"] == "unsafe"))
    return cases


def family_of(cwe: int) -> str:
    """Return the name of the smallest family that holds a CWE; its own number where none does."""
    known = [(len(family), name) for name, family in FAMILIES.items() if cwe in family]
    if known:
        return min(known)[1]
    FAMILIES[f"cwe{cwe}"] = frozenset((cwe,))
    return f"cwe{cwe}"


def main() -> int:
    """Score all tools that are named and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--any", action="store_true", help="any finding counts, whatever its CWE")
    parser.add_argument("--wrong", type=int, default=0, help="print this many wrong cases")
    arguments = parser.parse_args()
    root: Path = arguments.folder.resolve()
    cases = read_cases(root)
    paths = sorted({case.path for case in cases})
    every = frozenset(range(2000))
    for name, scan in named_tools("semgrep", "cppcheck").items():
        outcome = scan(root, paths)
        hits = outcome.hits
        if arguments.any:
            hits = [Hit(hit.path, hit.line, every) for hit in hits]
        print(f"\n{name}: {outcome.cpu_s:.1f} CPU s for {len(paths)} files")
        by_language = [case._replace(category=case.category.partition(":")[2]) for case in cases]
        for language in sorted({case.category for case in by_language}):
            own = [case for case in cases if case.category.endswith(f":{language}")]
            print(f"{language:<4}", table(rate(own, hits)).splitlines()[-1].partition("all:")[2])
        print_wrong(cases, hits, arguments.wrong)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
