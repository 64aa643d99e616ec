"""What kodo itself costs: start, one scripted turn, five hundred turns, idling.

Side by side with codex where its native binary is named by KODO_BENCH_CODEX (its home by
KODO_BENCH_CODEX_HOME, prepared with a provider `bench` that speaks Responses over SSE), pair by
pair in one run. Run: python -m benchmarks.overhead
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.process import Usage, measure, middle
from benchmarks.scripted_server import Script, ScriptedServer

RUNS = int(os.environ.get("KODO_BENCH_RUNS", "9"))
KODO = str(Path(sys.executable).with_name("kodo"))


def main() -> int:
    """Run all parts and print one line each."""
    measure_help()
    measure_turn()
    measure_growth()
    return 0


def measure_help() -> None:
    """`kodo --help` against a bare interpreter."""
    bare: list[float] = []
    helped: list[float] = []
    for _ in range(2 * RUNS):
        bare.append(_own([sys.executable, "-c", "pass"]))
        helped.append(_own([KODO, "--help"]))
    print(
        f"help: bare {middle(bare) * 1000:.0f} ms CPU, kodo --help {middle(helped) * 1000:.0f} ms, "
        f"difference {(middle(helped) - middle(bare)) * 1000:.0f} ms (bar 40)"
    )


def _own(argv: list[str]) -> float:
    """Return the CPU seconds of ten runs of a short command, by ten: ticks are 10 ms."""
    script = (
        "for i in 1 2 3 4 5 6 7 8 9 10; do " + " ".join(map(_quote, argv)) + " >/dev/null; done"
    )
    return measure(["sh", "-c", script]).children_cpu_s / 10


def _quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def measure_turn() -> None:
    """One shell call, one patch, one message; the process itself, without its children."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ours: list[Usage] = []
        theirs: list[Usage] = []
        codex = os.environ.get("KODO_BENCH_CODEX")
        begun: dict[str, list[float]] = {"kodo": [], "codex": []}
        script = Script()
        with ScriptedServer(script) as server:
            for number in range(RUNS + 1):
                script.first_at_s, started_s = None, time.monotonic()
                run = kodo_exec(home, server.base_url, number)
                if number:
                    ours.append(run)
                    begun["kodo"].append((script.first_at_s or 0.0) - started_s)
                if codex:
                    script.first_at_s, started_s = None, time.monotonic()
                    run = codex_exec(codex, home, server.base_url, number)
                    if number:
                        theirs.append(run)
                        begun["codex"].append((script.first_at_s or 0.0) - started_s)
    _print_turn("kodo", ours)
    if theirs:
        _print_turn("codex", theirs)
        cpu = [a.own_cpu_s / b.own_cpu_s for a, b in zip(ours, theirs, strict=True)]
        first = [a / b for a, b in zip(begun["kodo"], begun["codex"], strict=True)]
        print(
            f"turn: to the first request kodo {middle(begun['kodo']):.2f} s, codex"
            f" {middle(begun['codex']):.2f} s, ratio pair by pair {middle(first):.2f} (bar 1)"
        )
        memory = [a.peak_mib / b.peak_mib for a, b in zip(ours, theirs, strict=True)]
        print(
            f"turn: kodo/codex CPU {middle(cpu):.2f} ({min(cpu):.2f} to {max(cpu):.2f}, bar 1.5), "
            f"memory {middle(memory):.2f} (bar 0.5)"
        )


def _print_turn(name: str, runs: list[Usage]) -> None:
    print(
        f"turn: {name} own CPU {middle([run.own_cpu_s for run in runs]):.2f} s, "
        f"children {middle([run.children_cpu_s for run in runs]):.2f} s, "
        f"peak {middle([run.peak_mib for run in runs]):.0f} MiB, "
        f"wall {middle([run.wall_s for run in runs]):.2f} s, n={len(runs)}"
    )


def measure_growth(turns: int = 500) -> None:
    """Peak memory of 500 turns with 16 KB outputs above that of one turn."""
    with tempfile.TemporaryDirectory() as folder:
        with ScriptedServer(Script(1, 16_000)) as server:
            short = kodo_exec(Path(folder), server.base_url, 0)
        with ScriptedServer(Script(turns, 16_000)) as server:
            long = kodo_exec(Path(folder), server.base_url, 1)
    print(
        f"growth: {turns} turns {long.peak_mib:.0f} MiB, one turn {short.peak_mib:.0f} MiB, "
        f"difference {long.peak_mib - short.peak_mib:.0f} MiB (bar 30); "
        f"own CPU {long.own_cpu_s:.1f} s = {long.own_cpu_s / turns * 1000:.1f} ms a turn"
    )


def kodo_exec(home: Path, base_url: str, number: int) -> Usage:
    """Run kodo on the script. Raises SystemExit where it fails."""
    work = _workspace(home / f"kodo-{number}")
    env = {
        **os.environ,
        "KODO_HOME": str(home / "home"),
        "OPENAI_API_KEY": "sk-bench-not-a-key",
        "OPENAI_BASE_URL": base_url,
    }
    argv = [KODO, "exec", "-m", "openai/bench", "-C", str(work), "--json", "do it"]
    return _checked(measure(argv, env=env), work, "kodo")


def codex_exec(binary: str, home: Path, base_url: str, number: int) -> Usage:
    """Run codex on the same script."""
    work = _workspace(home / f"codex-{number}")
    source = Path(os.environ["KODO_BENCH_CODEX_HOME"])
    config = re.sub(
        r'base_url = "[^"]*"', f'base_url = "{base_url}"', (source / "config.toml").read_text()
    )
    (source / "config.toml").write_text(config)
    env = {**os.environ, "CODEX_HOME": str(source), "LOCAL_KEY": "sk-bench-not-a-key"}
    argv = [
        binary,
        "exec",
        "--json",
        "--skip-git-repo-check",
        "-s",
        "workspace-write",
        "-C",
        str(work),
        "do it",
    ]
    return _checked(measure(argv, env=env), work, "codex")


def _workspace(work: Path) -> Path:
    work.mkdir()
    (work / "hello.txt").write_text("hello\n")
    return work


def _checked(usage: Usage, work: Path, name: str) -> Usage:
    if (work / "hello.txt").read_text() != "hello, world\n" or usage.exit_code != 0:
        raise SystemExit(f"{name} did not do the work (exit {usage.exit_code}):\n{usage.output}")
    return usage


if __name__ == "__main__":
    raise SystemExit(main())
