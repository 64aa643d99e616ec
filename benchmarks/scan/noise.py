"""Noise: findings per 1,000 lines in clean, popular projects, given as folders.

Nothing says that they are free of weaknesses; a scanner that finds much in them is not believed.
Run: python -m benchmarks.scan.noise FOLDER... [--show error] [--tests]
"""

import argparse
import re
import time
from collections import Counter
from pathlib import Path

from benchmarks.scan.tools import open_kodo
from kodo.scan.findings import Weakness
from kodo.scan.walk.files import list_files

_TESTS = re.compile(
    r"(?i)(?:^|/)(?:tests?|__tests__|specs?|testdata|fixtures?|examples?|benchmarks?|fuzz\w*)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*[_.](?:test|spec)\.\w+|[^/]*Tests?\.java)$"
)


def main() -> int:
    """Print a line for each project, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--show", choices=("error", "warning", "note"), action="append", default=[])
    parser.add_argument("--tests", action="store_true", help="their tests and examples count too")
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    rules: Counter[tuple[str, str]] = Counter()
    for folder in arguments.folders:
        counts, found = scan(folder.resolve(), with_tests=arguments.tests)
        print(f"{folder.name:<20}{line(counts)}")
        total += counts
        for one in found:
            rules[one.severity, one.rule] += 1
            if one.severity in arguments.show:
                print(f"    {one.path}:{one.line}: {one.rule} ({one.confidence}): {one.sink[:80]}")
    print(f"{'all':<20}{line(total)}")
    for (severity, rule), count in sorted(rules.items()):
        print(f"    {severity:<8} {count:>4}  {rule}")
    return 0


def scan(root: Path, *, with_tests: bool) -> tuple[Counter[str], list[Weakness]]:
    """Return counts (lines, files, findings by severity, CPU milliseconds) and the findings."""
    file_scan = open_kodo(root)
    counts: Counter[str] = Counter()
    found: list[Weakness] = []
    began = time.process_time()
    for candidate in list_files(root):
        if candidate.kind != "code" or (not with_tests and _TESTS.search(candidate.path)):
            continue
        report = file_scan.scan(candidate.path, (root / candidate.path).read_bytes()).report
        counts["skipped"] += bool(report.skipped)
        counts["partial"] += bool(report.partial)
        counts["lines"] += report.lines
        counts["files"] += 1
        for one in report.weaknesses:
            counts[one.severity] += 1
            found.append(one)
    counts["cpu_ms"] = round(1000 * (time.process_time() - began))
    return counts, found


def line(counts: Counter[str]) -> str:
    """Return the counts of a project as one line."""
    thousands = max(1, counts["lines"]) / 1000
    return (
        f"{counts['lines']:>9,} lines {counts['files']:>6,} files  "
        f"errors {counts['error']:>4} = {counts['error'] / thousands:.3f} a 1,000  "
        f"warnings {counts['warning']:>4}  notes {counts['note']:>4}  "
        f"partial {counts['partial']:>3}  skipped {counts['skipped']:>3}  "
        f"{counts['cpu_ms'] / 1000:.1f} CPU s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
