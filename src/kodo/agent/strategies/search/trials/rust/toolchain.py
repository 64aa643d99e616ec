"""Cargo as a toolchain of combined files: test programs, and what each test runs by probes.

Knows cargo's test programs. Guards that probes never stay in the files.
"""

import shlex
from collections.abc import Sequence

from anyio import CancelScope

from kodo.agent.strategies.search.trials.ground import Coverage
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.agent.strategies.search.trials.rust.cargo import CargoPlan, read_build
from kodo.agent.strategies.search.trials.rust.dialect import RustDialect
from kodo.agent.strategies.search.trials.rust.probes import VARIABLE, probe, read_coverage
from kodo.agent.strategies.search.trials.schemata.script import MEMORY_KIB, SCRIPT_NAME, Limits
from kodo.agent.strategies.search.trials.schemata.toolchain import Build, Program, Workshop

COVERAGE_TEST_S = 2
MOST_SOURCES = 200


class CargoToolchain:
    """See `Toolchain`."""

    memory_kib = MEMORY_KIB

    def __init__(self, plan: CargoPlan) -> None:
        self._plan = plan
        self.dialect = RustDialect()

    async def build(self, workshop: Workshop, seconds: float) -> Build | None:
        """See `Toolchain`."""
        result = await workshop.execute(self._plan.build, seconds)
        return None if result.timed_out else read_build(result.output, result.exit_code)

    def narrow(self, build: Build, baseline: Trial, names: Sequence[str]) -> list[str]:
        """See `Toolchain`; the program that the failing tests stand in runs them."""
        words = [*self._plan.words, "--exact", *names]
        return [call(program, words) for program in ordered(build, baseline)[:1]]

    def whole(self, build: Build, baseline: Trial) -> list[str]:
        """See `Toolchain`."""
        return [call(program, self._plan.words) for program in ordered(build, baseline)]

    async def coverage(self, workshop: Workshop, seconds: float) -> tuple[Coverage, ...]:
        """See `Toolchain`."""
        root = workshop.scratch.root
        paths = [str(path.relative_to(root)) for path in sorted((root / "src").rglob("*.rs"))]
        texts = await workshop.read(paths[:MOST_SOURCES], self.dialect.endings)
        probed = probe(texts)
        if not probed.places:
            return ()
        try:
            await workshop.write(probed.texts)
            build = await self.build(workshop, seconds)
            if build is None or not build.made:
                return ()
            limits = Limits(COVERAGE_TEST_S, 4 * COVERAGE_TEST_S, round(seconds))
            script = coverage_script(build.programs, self._plan.words, limits, VARIABLE)
            result = await workshop.script(SCRIPT_NAME, script, seconds + 4 * COVERAGE_TEST_S)
            return read_coverage(result.output, probed)
        finally:
            with CancelScope(shield=True):
                await workshop.write(texts)


def ordered(build: Build, baseline: Trial) -> list[Program]:
    """Return the programs, those first in whose main source the failing tests stand."""
    files = {frame.path for test in baseline.failing for frame in test.frames[:1]}
    files |= {test.file for test in baseline.failing}

    def fails(program: Program) -> bool:
        return any(file and program.source.endswith(f"/{file}") for file in files)

    return sorted(build.programs, key=lambda program: not fails(program))


def call(program: Program, words: Sequence[str]) -> str:
    """Return the shell text that runs one program."""
    words = [program.path, *words]
    return (
        f"cd {shlex.quote(program.folder)} && CARGO_MANIFEST_DIR={shlex.quote(program.folder)}"
        f' timeout -s KILL "$run_s" {shlex.join(words)}'
    )


def coverage_script(
    programs: Sequence[Program], words: Sequence[str], limits: Limits, variable: str
) -> str:
    """Return the script that runs each test alone and prints the places that it tells of."""
    lines = [
        f"run_s={limits.run_s}; box=$(mktemp -d) || exit 1",
        "trap 'rm -rf \"$box\"' EXIT",
        f'export RUST_BACKTRACE=0 {variable}="$box/ran"',
        limits.bounds,
        "ran() { # test, call",
        f'  [ $SECONDS -lt {limits.all_s} ] || return; : > "$box/ran"',
        '  ( eval "$2" ) > /dev/null 2>&1; local code=$?',
        '  printf "\\n\\036kodo-ran %s %s\\n" "$code" "$1"; tr "\\n" " " < "$box/ran"; }',
    ]
    for program in programs:
        listed = call(program, [*words, "--list"])
        one = call(program, [*words, "--exact"])
        lines.append(
            f"for test in $(eval {shlex.quote(listed)} 2>/dev/null | sed -n 's/: test$//p')"
        )
        lines.append(f'do ran "$test" {shlex.quote(one + " ")}"$test"; done')
    return "\n".join(lines) + "\n"
