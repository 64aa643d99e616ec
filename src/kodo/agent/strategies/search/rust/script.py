"""The shell script that runs test programs once for each variant.

Knows shells, not Rust. Guards processor time, memory and the time of all together.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kodo.agent.strategies.search.rust.cargo import Program
from kodo.agent.strategies.search.rust.combine import VARIABLE

MARK = "\x1ekodo "
SCRIPT_NAME = ".kodo-search/variants.sh"
MEMORY_KIB = 4 << 20
MOST_OUTPUT_BYTES = 60_000
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One variant's run: `narrow` where only the tests asked for first ran."""

    variant: int
    narrow: bool
    exit_code: int
    milliseconds: int
    output: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for one program's processor time, for its whole run, and for all variants."""

    processor_s: int
    run_s: int
    all_s: int
    stop_after: int = 0
    after_pass_s: int = 5


def call(program: Program, words: Sequence[str]) -> str:
    """Return the shell text that runs one program."""
    words = [program.path, *words]
    return (
        f"cd {shlex.quote(program.folder)} && CARGO_MANIFEST_DIR={shlex.quote(program.folder)}"
        f' timeout -s KILL "$run_s" {shlex.join(words)}'
    )


def variants_script(
    variants: Sequence[int], narrow: Sequence[str], whole: Sequence[str], limits: Limits
) -> str:
    """Return the script. `narrow` and `whole` are calls; the whole ones run where narrow pass."""
    lines = [
        f"run_s={limits.run_s}; box=$(mktemp -d) || exit 1",
        "trap 'rm -rf \"$box\"' EXIT",
        "export RUST_BACKTRACE=0",  # finding the names of frames takes longer than most tests
        f"ulimit -c 0; ulimit -t {limits.processor_s}; ulimit -v {MEMORY_KIB}",
        "now() { date +%s%3N; }",
        "all() { # file, calls",
        '  local to="$1" code=0; shift; : > "$to"',
        '  for one in "$@"; do ( eval "$one" ) >> "$to" 2>&1 || { code=$?; break; }; done',
        "  return $code; }",
        "say() { # variant, narrow, code, began, file",
        '  printf "\\n\\036kodo %s %s %s %s\\n" "$1" "$2" "$3" "$(($(now) - $4))"',
        f'  head -c {MOST_OUTPUT_BYTES} "$5"; }}',
        f"narrow=({shlex.join(narrow)})",
        f"whole=({shlex.join(whole)})",
        "try() { # variant, worker",
        f"  export {VARIABLE}=$1",
        '  local began=$(now) code=0 file="$box/run.$2"',
        "  if [ ${#narrow[@]} -gt 0 ]; then",
        '    all "$file" "${narrow[@]}" || { code=$?; say "$1" 1 $code "$began" "$file"; return; }',
        "  fi",
        '  all "$file" "${whole[@]}" || code=$?',
        '  say "$1" 0 $code "$began" "$file"',
        '  [ $code -eq 0 ] || return; echo . >> "$box/green"',
        f'  [ -f "$box/ends" ] || echo $((SECONDS + {limits.after_pass_s})) > "$box/ends"; }}',
        "work() { # worker, variants",
        f"  local worker=$1 ends={limits.all_s}; shift",
        '  for variant in "$@"; do',
    ]
    if limits.stop_after:
        lines += [
            '    if [ -f "$box/ends" ]; then read -r ends < "$box/ends"; fi',
            f'    if [ -f "$box/green" ] && [ $(wc -l < "$box/green") -ge {limits.stop_after} ];'
            " then break; fi",
        ]
    lines += [
        f'    if [ $SECONDS -ge "$ends" ] || [ $SECONDS -ge {limits.all_s} ]; then break; fi',
        '    try "$variant" "$worker" >> "$box/out.$worker"',
        "  done; }",
    ]
    for worker in range(WORKERS):
        own = " ".join(str(variant) for variant in variants[worker::WORKERS])
        lines.append(f': > "$box/out.{worker}"; work {worker} {own} &')
    lines += ["wait", 'cat "$box"/out.*']
    return "\n".join(lines) + "\n"


def coverage_script(
    programs: Sequence[Program], words: Sequence[str], limits: Limits, variable: str
) -> str:
    """Return the script that runs each test alone and prints the places that it tells of."""
    lines = [
        f"run_s={limits.run_s}; box=$(mktemp -d) || exit 1",
        "trap 'rm -rf \"$box\"' EXIT",
        f'export RUST_BACKTRACE=0 {variable}="$box/ran"',
        f"ulimit -c 0; ulimit -t {limits.processor_s}; ulimit -v {MEMORY_KIB}",
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


_HEAD = re.compile(rb"^\x1ekodo (\d+) (\d) (\d+) (-?\d+)\n", re.MULTILINE)


def read_runs(output: bytes) -> list[Run]:
    """Return the runs that the script's output tells of, by variant."""
    parts = _HEAD.split(output)
    runs = [
        Run(int(variant), narrow == b"1", int(code), int(ms), text)
        for variant, narrow, code, ms, text in zip(
            parts[1::5], parts[2::5], parts[3::5], parts[4::5], parts[5::5], strict=False
        )
    ]
    return sorted(runs, key=lambda run: run.variant)
