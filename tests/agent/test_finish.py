"""The finish gate: what counts as evidence, its order, and what it says without any."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from kodo.agent.finish import (
    REFUSALS,
    FinishGate,
    last_change,
    ran_checks,
    tells_of_check,
)
from kodo.base.errors import LimitReached
from kodo.base.hashing import sha256_hex
from kodo.core.check import Change
from kodo.core.events import CheckRun, FileChange, FilesChanged, MessageAdded, SnapshotTaken
from kodo.core.limits import Limits
from kodo.core.messages import Assistant, Text, ToolCall, ToolResult, Usage
from kodo.core.sandbox import ExecResult
from kodo.sandboxes.memory import Memory
from tests.agent.stage import NoSnapshots, Stage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "python -m pytest tests/test_a.py::test_b",
        "python -W error -m unittest",
        ".venv/bin/python -m pytest",
        "cd app && python3 -m unittest discover",
        "(cd app && npm test)",
        "CI=1 timeout 60 uv run pytest 2>&1",
        "pytest > out.txt 2>&1",
        "cat a.py; pytest",
        "cd app\npytest -q\n",
        "bash -lc 'cd app && cargo test --quiet'",
        "set -o pipefail; pytest | tail -3",
        "./gradlew test",
        "go test ./...",
        "make test",
        "tsc --noEmit && eslint .",
        "source .venv/bin/activate && A=1 && cd app && ruff check . && pytest -q",
        "set -o pipefail; pytest 2>&1 | tail -3",
        "sed -i s/a/b/ a.py; pytest",
        "ruff format --check .",
        "make test -j4",
        "mvn -q test",
        "python tests/run.py",
        "python app/manage.py test",
        "python test_app.py",
    ],
)
def test_a_command_whose_exit_code_is_that_of_a_check(command: str) -> None:
    assert tells_of_check(command)


@pytest.mark.parametrize(
    "command",
    [
        "cat pytest.ini",
        "grep -rn pytest pyproject.toml",
        "pip install pytest",
        "which pytest",
        "ls tests",
        "echo 'pytest passed'",
        "python -c 'import pytest'",
        "pytest | tail -5",
        "pytest 2>&1 | tee out.txt",
        "pytest; echo $?",
        "pytest || true",
        "pytest &",
        "! pytest",
        "cat <<EOF\npytest\nEOF",
        "echo 'never closed",
        "pytest && sed -i s/a/b/ a.py",
        "sed -i s/a/b/ a.py && pytest",
        "pytest && echo done",
        "exit 0; pytest",
        "set -o pipefail; pytest | xargs sed -i s/a/b/",
        "set -o pipefail; pytest | tail && rm a.py",
        "echo pipefail; pytest | tail",
        "pytest --version",
        "cargo test --help",
        "pytest --collect-only -q",
        "make test -n",
        "make test --dry-run",
        "go test -c",
        "cargo test -- --list",
        "ruff check --fix .",
        "eslint --fix-type layout .",
        "ruff format .",
        "ruff --version",
        "python my_latest.py",
        "mvn clean",
        "rake db:migrate",
        "",
    ],
)
def test_a_command_that_proves_nothing(command: str) -> None:
    assert not tells_of_check(command)


class Scene:
    """A run that is about to end, told event by event."""

    def __init__(
        self,
        workspace: Path,
        checks: Sequence[str] = (),
        *,
        results: Sequence[ExecResult] = (),
        limits: Limits | None = None,
    ) -> None:
        self.stage = Stage(workspace, [], limits=limits)
        self.sandbox = Memory()
        self.sandbox.expect(results)
        self.stage.agent.sandbox = self.sandbox
        self.asked = 0

        async def find_checks() -> Sequence[str]:
            self.asked += 1
            return checks

        self.gate = FinishGate(find_checks)

    async def run(self, command: str, exit_code: int | None = 0, tool: str = "shell") -> None:
        """Let the model have run a command."""
        number = len(self.stage.log.entries)
        call = ToolCall(f"c{number}", tool, "{}")
        details = msgspec.json.encode(
            {"command": command, "exit_code": exit_code, "duration_s": 0.5, "future": 1}
        )
        await self.stage.journal.add(Assistant((call,), "test/model", "tool_calls", Usage()))
        await self.stage.journal.add(
            ToolResult(call.id, tool, (Text(f"output of {command}"),), "ok", details.decode())
        )

    async def edit(self, path: str = "a.py", content: bytes = b"new\n") -> None:
        """Let an edit have changed a file."""
        change = FileChange(path, None, sha256_hex(content))
        await self.stage.journal.record(FilesChanged("c", (change,)))

    async def ends(self) -> tuple[str | None, list[tuple[str, int]], str]:
        acceptance = await self.gate.accepts(self.stage.agent, self.stage.journal)
        evidence = [(item.command, item.exit_code) for item in acceptance.evidence]
        return acceptance.outcome, evidence, acceptance.complaint or acceptance.reason


async def test_nothing_changed_and_nothing_checked_is_unverified(workspace: Path) -> None:
    scene = Scene(workspace, ["pytest"])
    assert await scene.ends() == ("unverified", [], "no file was changed")
    assert scene.asked == 0


async def test_a_question_answered_by_a_passing_check_is_verified(workspace: Path) -> None:
    scene = Scene(workspace)
    await scene.run("pytest -q")
    assert await scene.ends() == ("verified", [("pytest -q", 0)], "")


async def test_a_check_after_the_last_change_is_evidence(workspace: Path) -> None:
    scene = Scene(workspace, ["never run"])
    await scene.edit()
    await scene.run("pytest -q")
    assert (await scene.ends())[:2] == ("verified", [("pytest -q", 0)])
    assert scene.sandbox.ran == []


async def test_a_check_before_the_last_change_is_none(workspace: Path) -> None:
    scene = Scene(workspace, ["pytest tests"], results=[ExecResult(0, b"2 passed", 0.1)])
    await scene.run("pytest -q")
    await scene.edit()
    assert (await scene.ends())[:2] == ("verified", [("pytest tests", 0)])
    assert [item.command for item in scene.sandbox.ran] == ["pytest tests"]
    recorded = [body for body in scene.stage.stored() if isinstance(body, CheckRun)]
    assert [(item.check, item.decision) for item in recorded] == [("finish", "pass")]


async def test_the_last_run_of_the_same_check_counts(workspace: Path) -> None:
    scene = Scene(workspace)
    await scene.edit()
    await scene.run("pytest -q", 1)
    await scene.run("pytest -q", 0)
    assert (await scene.ends())[0] == "verified"
    await scene.run("pytest -q", 1)
    outcome, evidence, complaint = await scene.ends()
    assert (outcome, evidence) == (None, [("pytest -q", 1)])
    assert "$ pytest -q\noutput of pytest -q\n[exit code 1]" in complaint


async def test_one_failing_check_among_passing_ones_is_refused(workspace: Path) -> None:
    scene = Scene(workspace)
    await scene.edit()
    await scene.run("pytest -q", 0)
    await scene.run("ruff check", 1)
    assert (await scene.ends())[0] is None


async def test_looking_at_check_files_is_no_evidence(workspace: Path) -> None:
    scene = Scene(workspace)
    await scene.edit()
    await scene.run("cat pytest.ini")
    await scene.run("pytest | tail -3")
    await scene.run("pytest -q", tool="other")
    await scene.run("pytest -q", None)  # in the background: it has not ended
    assert await scene.ends() == ("unverified", [], "no check command was found or run")


async def test_two_refusals_and_then_the_truth(workspace: Path) -> None:
    failing = ExecResult(3, b"broken \xff", 0.1)
    scene = Scene(workspace, ["check"], results=[failing] * 3)
    await scene.edit()
    for _ in range(REFUSALS):
        outcome, _, complaint = await scene.ends()
        assert outcome is None
        assert "$ check\nbroken \ufffd\n[exit code 3]" in complaint
    assert await scene.ends() == ("failed", [("check", 3)], "'check' still fails")


async def test_a_check_that_hangs_is_cut_and_told(workspace: Path) -> None:
    hung = ExecResult(-9, b"", 600.0, timed_out=True)
    scene = Scene(workspace, ["hang"], results=[hung])
    await scene.edit()
    acceptance = await scene.gate.accepts(scene.stage.agent, scene.stage.journal)
    assert acceptance.outcome is None
    assert acceptance.evidence[0].timed_out
    assert "$ hang\n[killed at its time limit after 600 s]" in acceptance.complaint


async def test_without_time_for_its_checks_the_run_is_at_its_limit(workspace: Path) -> None:
    scene = Scene(workspace, ["check"], limits=Limits(seconds=0))
    await scene.edit()
    with pytest.raises(LimitReached):
        await scene.ends()
    assert scene.sandbox.ran == []


async def test_checks_count_as_tool_calls(workspace: Path) -> None:
    scene = Scene(workspace, ["check"], results=[ExecResult(0, b"", 0.1)])
    await scene.edit()
    await scene.ends()
    assert scene.stage.agent.budget.spent().tool_calls == 1


class Altered(NoSnapshots):
    """Snapshots between which files have changed."""

    def __init__(self, *changes: Change) -> None:
        self._changes = list(changes)

    async def take(self) -> str:
        return "f" * 64

    async def changes(self, before: str, after: str | None = None) -> list[Change]:
        return self._changes


async def begin(scene: Scene, *changes: Change) -> None:
    scene.stage.agent.snapshots = Altered(*changes)
    await scene.stage.journal.record(SnapshotTaken("0" * 64, "before"))


async def test_a_change_by_a_command_makes_earlier_checks_stale(workspace: Path) -> None:
    scene = Scene(workspace, ["check"], results=[ExecResult(0, b"", 0.1)])
    await begin(scene, Change("a.py", b"old\n", b"new\n", "shell"))
    await scene.run("pytest -q")
    await scene.run("sed -i s/old/new/ a.py")
    assert (await scene.ends())[:2] == ("verified", [("check", 0)])


async def test_a_check_after_the_command_that_changed_files_is_evidence(workspace: Path) -> None:
    scene = Scene(workspace, ["never run"])
    await begin(scene, Change("a.py", b"old\n", b"new\n", "shell"))
    await scene.run("sed -i s/old/new/ a.py")
    await scene.run("pytest -q")
    assert (await scene.ends())[:2] == ("verified", [("pytest -q", 0)])


async def test_commands_that_only_look_leave_evidence_alone(workspace: Path) -> None:
    scene = Scene(workspace, ["never run"])
    await begin(scene, Change("a.py", b"old\n", b"new\n"))
    await scene.edit("a.py", b"new\n")
    await scene.run("pytest -q")
    await scene.run("git diff")
    assert (await scene.ends())[:2] == ("verified", [("pytest -q", 0)])


async def test_changes_that_no_command_can_have_made_do_not_count(workspace: Path) -> None:
    scene = Scene(workspace, ["never run"])
    await begin(scene, Change("a.py", b"old\n", b"new\n", "shell"))
    assert (await scene.ends())[2] == "no file was changed"


async def test_events_of_earlier_runs_do_not_count(workspace: Path) -> None:
    scene = Scene(workspace)
    await scene.edit()
    await scene.run("pytest -q")
    events = [entry.event for entry in scene.stage.thread.path()]
    assert last_change(events) == 1
    assert len(ran_checks(events, 1)) == 1
    assert ran_checks(events, events[-1].seq) == ()
    scene.stage.journal.run_id = "later"
    assert await scene.ends() == ("unverified", [], "no file was changed")
    assert any(isinstance(body, MessageAdded) for body in scene.stage.stored())


async def test_what_could_not_be_started_says_nothing(workspace: Path) -> None:
    scene = Scene(workspace, ["never run"])
    await scene.edit()
    await scene.run("pytset/pytest -q", 127)
    await scene.run("npm test", 126)
    await scene.run("pytest -q")
    assert (await scene.ends())[:2] == ("verified", [("pytest -q", 0)])


@pytest.mark.parametrize(
    ("failing", "passing"),
    [
        ("pytest tests/test_typo.py", "pytest -q"),
        ("pytest tests/test_typo.py", "python -m pytest tests/test_a.py"),
        ("python -m pytest", "cd app && .venv/bin/python -m pytest -q 2>&1"),
        ("ruff check .", "ruff check . && pytest"),
        ("go test ./...", "go test ./... -count=1"),
    ],
)
async def test_a_later_pass_of_the_same_runner_counts(
    workspace: Path, failing: str, passing: str
) -> None:
    scene = Scene(workspace, ["never run"])
    await scene.edit()
    await scene.run(failing, 4)
    await scene.run(passing)
    assert (await scene.ends())[:2] == ("verified", [(passing, 0)])


@pytest.mark.parametrize(
    ("failing", "passing"),
    [
        ("pytest -q", "pytest tests/test_a.py"),
        ("pytest", "pytest -k one"),
        ("cargo test", "cargo check"),
        ("ruff check . && pytest", "pytest"),
    ],
)
async def test_a_pass_of_less_leaves_the_failure_standing(
    workspace: Path, failing: str, passing: str
) -> None:
    scene = Scene(workspace)
    await scene.edit()
    await scene.run(failing, 1)
    await scene.run(passing)
    assert (await scene.ends())[0] is None
