"""Speed: CPU a file, cold start, a large tree, memory; semgrep and bandit in the same run.

FOLDER... are trees of ordinary code. All figures are CPU, not wall time. Run:
python -m benchmarks.scan.speed FOLDER... [--lines 400000] [--peers 60]
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.process import measure
from benchmarks.scan.tools import named_tools, open_kodo
from kodo.scan.walk.files import Candidate, list_files
from kodo.syntax.languages import language_of

KODO = str(Path(sys.executable).with_name("kodo"))
SHORT_LINES = 800
RUNS = 5


def main() -> int:
    """Print the four parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--lines", type=int, default=400_000, help="size of the large tree")
    parser.add_argument("--peers", type=int, default=60, help="Python files for the comparison")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number, given in enumerate(arguments.folders):
            (root / f"{number}-{given.name}").symlink_to(given.resolve())
        trees = [path.resolve() for path in sorted(root.iterdir())]
        measure_files(trees)
        measure_cold_start(root)
        measure_tree(trees, arguments.lines)
        measure_peers(trees, arguments.peers)
    return 0


def code_of(tree: Path) -> list[Candidate]:
    """Return the code files of a tree."""
    return [one for one in list_files(tree) if one.kind == "code"]


def measure_files(trees: Sequence[Path]) -> None:
    """Warm CPU of files that were not seen before, by language: short ones, and all by the line."""
    short: dict[str, list[float]] = {}
    lines: dict[str, int] = {}
    spent_ms: dict[str, float] = {}
    for tree in trees:
        scan = open_kodo(tree)
        files = code_of(tree)
        for candidate in files[:3]:
            scan.scan(candidate.path, (tree / candidate.path).read_bytes())
        for candidate in files:
            data = (tree / candidate.path).read_bytes()
            began = time.process_time()
            report = scan.scan(candidate.path, data).report
            taken = 1000 * (time.process_time() - began)
            language = language_of(candidate.path)
            if report.skipped or language is None:
                continue
            for name in (language, "all"):
                lines[name] = lines.get(name, 0) + report.lines
                spent_ms[name] = spent_ms.get(name, 0.0) + taken
                if report.lines <= SHORT_LINES:
                    short.setdefault(name, []).append(taken)
    print(f"files up to {SHORT_LINES} lines (bars: p50 3 ms, p95 20 ms); all files (bar 25 us)")
    for name in sorted(lines, key=lambda one: (one == "all", one)):
        values = sorted(short.get(name, []))
        each_us = 1000 * spent_ms[name] / max(1, lines[name])
        print(
            f"{name:<11} n={len(values):<5} {_quantiles(values)}  "
            f"{lines[name]:>8,} lines at {each_us:.1f} us"
        )


def _quantiles(values: Sequence[float]) -> str:
    def at(share: float) -> float:
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0

    return f"p50 {at(0.5):.2f} ms  p95 {at(0.95):.2f} ms  p99 {at(0.99):.2f} ms  max {at(1):.2f} ms"


def measure_cold_start(folder: Path) -> None:
    """From nothing to the first verdict of the edit check, with rules compiled before."""
    program = (
        "import time; t=time.process_time()\n"
        "import anyio\n"
        "from pathlib import Path\n"
        "from kodo.core.check import Change\n"
        "from kodo.runtime.config import load_settings, read_environment\n"
        "base=time.process_time()-t\n"
        "from kodo.runtime.edit_check import edit_checks\n"
        "s=load_settings(read_environment(), Path.cwd())\n"
        "t=time.process_time()\n"
        "[c]=edit_checks(s)\n"
        "code=b'import subprocess\\nfrom flask import request\\n"
        'def f():\\n    subprocess.run(request.args["q"], shell=True)\\n\'\n'
        "v=anyio.run(c.run,[Change('a.py',None,code)])\n"
        "print(round(1000*(time.process_time()-t),1), v.decision)\n"
    )
    taken: list[float] = []
    decision = ""
    for _ in range(RUNS + 1):
        usage = measure([sys.executable, "-c", program], cwd=folder, env=dict(os.environ))
        first, decision = usage.output.split()[-2:]
        taken.append(float(first))
    print(f"cold start: {median(taken[1:]):.0f} ms CPU to the first verdict {decision!r} (bar 150)")
    code = "import os, subprocess\ndef f(q):\n    subprocess.run(q, shell=True)\n"
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / "a.py"
        small.write_text(code)
        env = {**os.environ, "KODO_HOME": str(Path(name) / "home"), "KODO_RESIDENT": "off"}
        bare = _cpu_ms([sys.executable, "-c", "pass"], Path(name), env)
        whole = _cpu_ms([KODO, "scan", "--no-cache", str(small)], Path(name), env)
    print(f"kodo scan FILE: {whole - bare:.0f} ms CPU over Python's own {bare:.0f} ms (bar 150)")


def _cpu_ms(argv: Sequence[str], cwd: Path, env: dict[str, str]) -> float:
    """Median CPU milliseconds of a program; the first run fills caches and does not count."""
    runs = [measure(argv, cwd=cwd, env=env).own_cpu_s for _ in range(RUNS + 1)]
    return 1000 * median(runs[1:])


def measure_tree(trees: Sequence[Path], wanted_lines: int) -> None:
    """CPU seconds and peak memory of `kodo scan` over a tree of so many lines, one process."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        lines = copies = 0
        while lines < wanted_lines:
            for tree in trees:
                for candidate in code_of(tree):
                    data = (tree / candidate.path).read_bytes()
                    place = root / f"{copies}" / tree.name / candidate.path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(data)
                    lines += data.count(b"\n")
                    if lines >= wanted_lines:
                        break
                if lines >= wanted_lines:
                    break
            copies += 1
        for label, more in (
            ("cold cache", ["--no-cache"]),
            ("to fill the cache", []),
            ("cached", []),
        ):
            argv = [KODO, "scan", "--jobs", "1", "--fail-on", "none", "--format", "json", *more]
            usage = measure(argv, cwd=root, env={**os.environ, "KODO_HOME": str(root / "home")})
            print(
                f"tree of {lines:,} lines, {label}: {usage.own_cpu_s:.1f} CPU s, "
                f"peak {usage.peak_mib:.0f} MiB (bars: 10 s, 200 MiB)"
            )


def measure_peers(trees: Sequence[Path], count: int) -> None:
    """Kodo, semgrep and bandit on the same Python files, start included."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        paths: list[str] = []
        for tree in trees:
            for candidate in code_of(tree):
                if candidate.path.endswith(".py"):
                    paths.append(f"{tree.name}/{candidate.path}")
                    (root / paths[-1]).parent.mkdir(parents=True, exist_ok=True)
                    (root / paths[-1]).write_bytes((tree / candidate.path).read_bytes())
        chosen = sorted(random.Random(1).sample(paths, min(count, len(paths))))
        ours = 0.0
        for tool, scan in named_tools("semgrep", "bandit").items():
            outcome = scan(root, chosen)
            ours = ours or outcome.cpu_s
            print(
                f"peers: {tool:<8} {outcome.cpu_s:.2f} CPU s for {len(chosen)} Python files, "
                f"{len(outcome.hits)} findings, {outcome.cpu_s / ours:.1f} times kodo's"
            )


if __name__ == "__main__":
    raise SystemExit(main())
