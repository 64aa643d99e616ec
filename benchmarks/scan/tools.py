"""The scanners that are compared: kodo in this process, others as programs, all on the same files.

The others are optional: KODO_BENCH_SEMGREP, KODO_BENCH_BANDIT and KODO_BENCH_CPPCHECK name their
programs, KODO_BENCH_SEMGREP_RULES one merged rule file. CPU counts a tool and its children.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.scan.scores import Hit
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.scanning import open_scanning
from kodo.scan.file_scan import FileScan, Scanned
from kodo.scan.repository import RepositoryFiles

Scan = Callable[[Path, Sequence[str]], "Outcome"]


class Outcome(NamedTuple):
    """What a tool reported, and the CPU seconds that it took, start included."""

    hits: list[Hit]
    cpu_s: float


def open_kodo(root: Path) -> FileScan:
    """Return kodo's scan of single files below `root`, engine loaded."""
    settings = load_settings(read_environment(), Path.cwd())
    return FileScan(open_scanning(settings).make_engine, RepositoryFiles(root))


def hits_of(scanned: Scanned) -> list[Hit]:
    """Return kodo's findings as hits."""
    report = scanned.report
    return [Hit(one.path, one.line, frozenset((one.cwe,))) for one in report.weaknesses]


def scan_with_kodo(root: Path, paths: Sequence[str]) -> Outcome:
    """Scan in this process, one file after the other."""
    began = time.process_time()
    scan = open_kodo(root)
    hits: list[Hit] = []
    for path in paths:
        hits += hits_of(scan.scan(path, (root / path).read_bytes(), trust_marks=False))
    return Outcome(hits, time.process_time() - began)


class _Metadata(msgspec.Struct, frozen=True):
    cwe: str | list[str] = ""


class _Extra(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class _Start(msgspec.Struct, frozen=True):
    line: int


class _SemgrepResult(msgspec.Struct, frozen=True):
    path: str
    start: _Start
    extra: _Extra


class _SemgrepReport(msgspec.Struct, frozen=True):
    results: list[_SemgrepResult]


def semgrep(program: str, rules: str) -> Scan:
    """Return a scan by semgrep with one merged rule file."""

    def scan(root: Path, paths: Sequence[str]) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            argv = [program, "scan", "--metrics=off", "--disable-version-check", "--quiet"]
            argv += ["--no-git-ignore", "--max-target-bytes=0", "--jobs=1", "--config", rules]
            argv += ["--json", "--output", str(report), "--timeout=30"]
            cpu_s = _run([*argv, *_grouped(root, paths)], root)
            found = msgspec.json.decode(report.read_bytes(), type=_SemgrepReport)
        hits = [
            Hit(_relative(root, one.path), one.start.line, _numbers(one.extra.metadata.cwe))
            for one in found.results
        ]
        return Outcome(hits, cpu_s)

    return scan


class _BanditCwe(msgspec.Struct, frozen=True):
    id: int = 0


class _BanditResult(msgspec.Struct, frozen=True):
    filename: str
    line_number: int
    issue_cwe: _BanditCwe = _BanditCwe()


class _BanditReport(msgspec.Struct, frozen=True):
    results: list[_BanditResult]


def bandit(program: str) -> Scan:
    """Return a scan by bandit."""

    def scan(root: Path, paths: Sequence[str]) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            argv = [program, "-q", "-f", "json", "-o", str(report), "--exit-zero", "-r"]
            cpu_s = _run([*argv, *_grouped(root, paths)], root)
            found = msgspec.json.decode(report.read_bytes(), type=_BanditReport)
        hits = [
            Hit(_relative(root, one.filename), one.line_number, frozenset((one.issue_cwe.id,)))
            for one in found.results
        ]
        return Outcome(hits, cpu_s)

    return scan


def cppcheck(program: str) -> Scan:
    """Return a scan by cppcheck at its most thorough."""

    def scan(root: Path, paths: Sequence[str]) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.txt"
            template = "--template={file}\t{line}\t{cwe}"
            argv = [program, "-q", "--check-level=exhaustive", template, "--template-location="]
            listed = Path(folder) / "files"
            listed.write_text("\n".join(paths))
            argv += [f"--file-list={listed}", f"--output-file={report}"]
            cpu_s = _run(argv, root)
            lines = report.read_text("utf-8", "replace").splitlines()
        hits: list[Hit] = []
        for line in lines:
            path, _, rest = line.partition("\t")
            number, _, cwe = rest.partition("\t")
            if number.isdecimal() and cwe.isdecimal():
                hits.append(Hit(_relative(root, path), int(number), frozenset((int(cwe),))))
        return Outcome(hits, cpu_s)

    return scan


def named_tools(*names: str) -> dict[str, Scan]:
    """Return kodo, and those of `names` whose programs the environment names."""
    tools: dict[str, Scan] = {"kodo": scan_with_kodo}
    environ = os.environ
    if "semgrep" in names and "KODO_BENCH_SEMGREP" in environ:
        rules = environ["KODO_BENCH_SEMGREP_RULES"]
        tools["semgrep"] = semgrep(environ["KODO_BENCH_SEMGREP"], rules)
    if "bandit" in names and "KODO_BENCH_BANDIT" in environ:
        tools["bandit"] = bandit(environ["KODO_BENCH_BANDIT"])
    if "cppcheck" in names and "KODO_BENCH_CPPCHECK" in environ:
        tools["cppcheck"] = cppcheck(environ["KODO_BENCH_CPPCHECK"])
    return tools


def _run(argv: Sequence[str], cwd: Path) -> float:
    """Run a program to its end and return the CPU seconds of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = {**os.environ, "PYTHONPATH": "", "PATH": _path_of(argv[0])}
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, check=False)
    if done.returncode not in (0, 1, 2, 3, 7):
        raise SystemExit(f"{argv[0]} failed: {done.stderr[-2000:].decode('utf-8', 'replace')}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _path_of(program: str) -> str:
    return f"{Path(program).parent}:{os.environ.get('PATH', '')}"


def _grouped(root: Path, paths: Sequence[str]) -> list[str]:
    """Return the paths, or the one folder where they are too many for a command line."""
    if sum(len(path) + 1 for path in paths) < 100_000:
        return list(paths)
    return ["."]


def _relative(root: Path, path: str) -> str:
    full = Path(path)
    return (full.relative_to(root) if full.is_absolute() else full).as_posix().removeprefix("./")


def _numbers(cwe: str | list[str]) -> frozenset[int]:
    texts = [cwe] if isinstance(cwe, str) else cwe
    return frozenset(int(number) for text in texts for number in re.findall(r"CWE-(\d+)", text))
