"""Score the scanner on OWASP BenchmarkPython 0.1 or BenchmarkJava 1.2, and on other data.

    python -m benchmarks.scan.owasp BENCHMARK [--security-eval FOLDER] [--clean FOLDER ...] [--half
    odd|even]

BENCHMARK is a checkout of OWASP-Benchmark/BenchmarkPython or BenchmarkJava, FOLDER one of
s2e-lab/SecurityEval (all of its cases are vulnerable: recall alone) or of ordinary packages
(noise). Nothing of them is copied. A case counts when a finding in its file has a CWE of the case's
category.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kodo.scan.engine import Engine
from kodo.scan.findings import FileReport
from kodo.scan.rules.decode import read_rules
from kodo.scan.rules.store import SHIPPED, load_rules

CWES: dict[str, frozenset[int]] = {
    "cmdi": frozenset({77, 78, 88}),
    "crypto": frozenset({327, 326, 780}),
    "codeinj": frozenset({94, 95, 96}),
    "deserialization": frozenset({502}),
    "hash": frozenset({328, 327, 326, 916}),
    "ldapi": frozenset({90}),
    "pathtraver": frozenset({22, 23, 36, 73}),
    "redirect": frozenset({601}),
    "securecookie": frozenset({614, 1004}),
    "sqli": frozenset({89, 564, 943}),
    "trustbound": frozenset({501}),
    "weakrand": frozenset({330, 338}),
    "xpathi": frozenset({643}),
    "xss": frozenset({79, 80, 83, 116}),
    "xxe": frozenset({611}),
}

CLEAN_ENDINGS = (".py", ".java", ".c", ".h", ".cc", ".cpp")
PYTHON_PLACE = "testcode/{}.py"
JAVA_PLACE = "src/main/java/org/owasp/benchmark/testcode/{}.java"

SUSPECT = "if 'should' not in bar"
"""The template whose input never reaches the sink although the label says so: reported apart."""


class Case(NamedTuple):
    """One labelled file."""

    name: str
    category: str
    is_real: bool


class Rates(NamedTuple):
    """What was hit of what is real, and of what is not."""

    hits: int
    real: int
    alarms: int
    harmless: int

    @property
    def youden(self) -> float:
        """True positive rate minus false positive rate."""
        return self.hits / max(1, self.real) - self.alarms / max(1, self.harmless)


def read_cases(folder: Path) -> list[Case]:
    """Return the labelled cases of a checkout."""
    found = next(iter(sorted(folder.glob("expectedresults-*.csv"))))
    with found.open(encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row and not row[0].startswith("#")]
    return [Case(row[0].strip(), row[1].strip(), row[2].strip() == "true") for row in rows]


def wanted(case: Case, half: str) -> bool:
    """Whether a case is in the half that is asked for."""
    number = int("".join(char for char in case.name if char.isdigit()))
    return half == "all" or (half == "odd") == (number % 2 == 1)


def is_told(report: FileReport, category: str, *, hints: bool) -> bool:
    """Whether a report has a finding of the category; hints are those of low confidence."""
    return any(
        one.cwe in CWES[category] and (hints or one.confidence != "low")
        for one in report.weaknesses
    )


def score(folder: Path, half: str, *, hints: bool, verbose: bool) -> None:
    """Print the score by category, macro and micro, and the CPU time a file."""
    engine = make_engine(folder)
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    times: list[float] = []
    suspects = suspects_missed = 0
    place = JAVA_PLACE if (folder / JAVA_PLACE).parent.is_dir() else PYTHON_PLACE
    for case in read_cases(folder):
        if not wanted(case, half):
            continue
        path = place.format(case.name)
        source = (folder / path).read_bytes()
        start = time.process_time()
        report = engine.scan_file(path, source)
        times.append(time.process_time() - start)
        told = is_told(report, case.category, hints=hints)
        row = totals[case.category]
        row[0 if case.is_real else 2] += told
        row[1 if case.is_real else 3] += 1
        if case.is_real and SUSPECT in source.decode("utf-8", "replace"):
            suspects += 1
            suspects_missed += not told
        if verbose and told != case.is_real:
            print(("MISS " if case.is_real else "ALARM"), case.category, path)
    print(f"{'category':<18}{'hits':>10}{'alarms':>12}{'Youden':>9}")
    rates = {category: Rates(*row) for category, row in sorted(totals.items())}
    for category, one in rates.items():
        counts = f"{one.hits}/{one.real}", f"{one.alarms}/{one.harmless}"
        print(f"{category:<18}{counts[0]:>10}{counts[1]:>12}{one.youden:>+9.3f}")
    macro = sum(one.youden for one in rates.values()) / len(rates)
    micro = Rates(*(sum(column) for column in zip(*rates.values(), strict=True)))
    print(f"macro {macro:+.3f}   micro {micro.youden:+.3f}   half: {half}, hints counted: {hints}")
    print(f"labels whose input never reaches the sink: {suspects}, missed {suspects_missed}")
    print_times(times)


def score_security_eval(folder: Path, *, verbose: bool) -> None:
    """Print the recall on SecurityEval: any finding, and a finding without notes."""
    engine = make_engine(folder)
    found = sure = total = 0
    for path in sorted((folder / "Testcases_Insecure_Code").rglob("*.py")):
        report = engine.scan_file(path.name, path.read_bytes())
        total += 1
        found += bool(report.weaknesses)
        sure += any(one.severity != "note" for one in report.weaknesses)
        if verbose and not report.weaknesses:
            print("MISS", path.relative_to(folder))
    print(f"SecurityEval: {found} of {total} with any finding, {sure} with a warning or error")


def score_clean(folders: Iterable[Path], *, verbose: bool) -> None:
    """Print the findings by severity in 1,000 lines of ordinary code, and the CPU time."""
    for folder in folders:
        engine = make_engine(folder)
        counts: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        lines = 0
        times: list[float] = []
        small: list[float] = []
        for path in sorted(path for path in folder.rglob("*") if path.suffix in CLEAN_ENDINGS):
            source = path.read_bytes()
            start = time.process_time()
            report = engine.scan_file(str(path.relative_to(folder)), source)
            spent = time.process_time() - start
            times.append(spent)
            if report.lines <= 800:
                small.append(spent)
            lines += report.lines
            for one in report.weaknesses:
                counts[one.severity] += 1
                rules[f"{one.severity} {one.rule}"] += 1
                if verbose and one.severity == "error":
                    print(f"{path}:{one.line}: {one.rule} {one.confidence} {one.sink}")
        shown = ", ".join(f"{counts[level]} {level}" for level in ("error", "warning", "note"))
        thousands = max(1, lines) / 1000
        print(f"clean {folder.name}: {lines} lines, {shown}")
        print(f"    errors a 1,000 lines: {counts['error'] / thousands:.4f}")
        print("   ", ", ".join(f"{rule} {count}" for rule, count in rules.most_common()))
        print(f"    {sum(times):.2f} CPU-s, {sum(times) / max(1, lines) * 1e6:.1f} us a line")
        print("    files up to 800 lines: ", end="")
        print_times(small)


def print_times(times: list[float]) -> None:
    """Print quantiles of CPU times in milliseconds."""
    ordered = sorted(times)
    if ordered:
        p50, p95 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.95))
        print(f"CPU a file: p50 {p50:.2f} ms, p95 {p95:.2f} ms, max {ordered[-1] * 1000:.1f} ms")


def make_engine(folder: Path) -> Engine:
    """Return an engine that reads imported files below a folder."""

    @cache
    def read(path: str) -> bytes | None:
        try:
            return (folder / path).read_bytes()
        except OSError:
            return None

    return Engine(load_rules(None, read_rules, folders=(SHIPPED,)), read=read)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("--security-eval", type=Path)
    parser.add_argument("--clean", type=Path, nargs="*", default=[])
    parser.add_argument("--half", choices=("all", "odd", "even"), default="all")
    parser.add_argument("--hints", action="store_true", help="count findings of low confidence too")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    score(options.benchmark, options.half, hints=options.hints, verbose=options.verbose)
    if options.security_eval is not None:
        score_security_eval(options.security_eval, verbose=options.verbose)
    score_clean(options.clean, verbose=options.verbose)


if __name__ == "__main__":
    main()
