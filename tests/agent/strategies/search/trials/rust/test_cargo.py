"""Cargo's command lines and messages, and the script that runs what cargo has built."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.rust.cargo import CargoPlan, plan_cargo, read_build
from kodo.agent.strategies.search.trials.rust.toolchain import call
from kodo.agent.strategies.search.trials.schemata.script import Limits, read_runs, variants_script
from kodo.agent.strategies.search.trials.schemata.toolchain import Program


@pytest.mark.parametrize(
    ("command", "plan"),
    [
        (("cargo", "test", "--offline"), (("cargo", "test", "--offline"), ())),
        ("cargo test -q -- --include-ignored", (("cargo", "test", "-q"), ("--include-ignored",))),
        ("cargo +nightly test", (("cargo", "+nightly", "test"), ())),
        ("cargo test && cargo clippy", None),
        ("cargo nextest run", None),
        ("cargo test --doc", None),
        ("make test", None),
    ],
)
def test_commands(
    command: tuple[str, ...] | str, plan: tuple[tuple[str, ...], tuple[str, ...]] | None
) -> None:
    found = plan_cargo(TestCommand(command, "rust"))
    if plan is None:
        assert found is None
    else:
        build, words = plan
        assert found == CargoPlan((*build, "--no-run", "--message-format=json"), words)


def test_messages() -> None:
    error = {
        "reason": "compiler-message",
        "message": {
            "message": "mismatched types",
            "level": "error",
            "rendered": "error[E0308]: mismatched types",
            "spans": [
                {"file_name": "src/lib.rs", "line_start": 3, "is_primary": False},
                {"file_name": "src/lib.rs", "line_start": 7, "is_primary": True},
            ],
        },
    }
    program = {
        "reason": "compiler-artifact",
        "target": {"name": "a", "src_path": "/w/tests/a.rs"},
        "profile": {"test": True},
        "executable": "/w/target/debug/deps/a-1",
        "manifest_path": "/w/Cargo.toml",
    }
    library = {**program, "profile": {"test": False}}
    lines = [json.dumps(one) for one in (error, program, library)]
    build = read_build("\n".join(["   Compiling a", *lines, "{broken"]).encode(), 101)
    assert not build.made
    assert build.programs == [Program("/w/target/debug/deps/a-1", "/w", "/w/tests/a.rs")]
    (found,) = build.errors
    assert found.places == (("src/lib.rs", 7), ("src/lib.rs", 3))


def test_the_script_runs_each_variant(tmp_path: Path) -> None:
    program = tmp_path / "a program"
    program.write_text(
        "#!/bin/sh\n"
        'case "$KODO_VARIANT $*" in\n'
        '  "1 "*) echo "first fails"; exit 101;;\n'
        '  "2 --exact"*) exit 0;;\n'
        '  "2 "*) echo "fails as a whole"; exit 101;;\n'
        '  "3 "*) while :; do :; done;;\n'
        "esac\necho good\n"
    )
    program.chmod(0o755)
    one = Program(str(program), str(tmp_path), "")
    script = variants_script(
        [1, 2, 3, 4], [call(one, ["--exact", "x"])], [call(one, [])], Limits(1, 20, 60)
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=dict(os.environ))
    runs = {run.variant: run for run in read_runs(done.stdout)}
    assert sorted(runs) == [1, 2, 3, 4]
    assert (runs[1].exit_code, runs[1].narrow, runs[1].output.strip()) == (
        101,
        True,
        b"first fails",
    )
    assert (runs[2].exit_code, runs[2].narrow) == (101, False)
    assert runs[3].exit_code > 128
    assert (runs[4].exit_code, runs[4].narrow) == (0, False)


def test_the_script_stops_after_enough_passes(tmp_path: Path) -> None:
    one = Program("/bin/true", str(tmp_path), "")
    script = variants_script(list(range(1, 41)), [], [call(one, [])], Limits(1, 20, 60, 1, 0))
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=dict(os.environ))
    assert 1 <= len(read_runs(done.stdout)) < 40
