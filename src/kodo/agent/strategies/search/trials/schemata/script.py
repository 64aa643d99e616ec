"""The shell script that runs test programs once for each variant.

Knows shells, no language. Guards processor time, memory and the time of all together.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kodo.agent.strategies.search.trials.schemata.dialect import VARIABLE

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
    memory_kib: int = MEMORY_KIB

    @property
    def bounds(self) -> str:
        """The shell text that sets them; 0 KiB is no bound."""
        memory = f"; ulimit -v {self.memory_kib}" if self.memory_kib else ""
        return f"ulimit -c 0; ulimit -t {self.processor_s}{memory}"


def variants_script(
    variants: Sequence[int], narrow: Sequence[str], whole: Sequence[str], limits: Limits
) -> str:
    """Return the script. `narrow` and `whole` are calls; the whole ones run where narrow pass."""
    lines = [
        f"run_s={limits.run_s}; box=$(mktemp -d) || exit 1",
        "trap 'rm -rf \"$box\"' EXIT",
        "export RUST_BACKTRACE=0",  # finding the names of frames takes longer than most tests
        limits.bounds,
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
