"""exec, sessions, diff, undo and redo together, with a scripted model and the real store."""

import json
from pathlib import Path

import pytest

from .conftest import Kodo, Ran

PATCH = """\
*** Begin Patch
*** Update File: a.py
@@
-    return a - b
+    return a + b
*** End Patch
"""
BROKEN = "def add(a, b):\n    return a - b\n"
FIXED = "def add(a, b):\n    return a + b\n"
CHECK = 'checks=["python3 -c \\"import a; assert a.add(1, 2) == 3\\""]'
STEPS = (
    {"text": "I look.", "calls": [{"name": "read", "arguments": {"path": "a.py"}}]},
    {"calls": [{"name": "apply_patch", "arguments": {"patch": PATCH}}]},
    {"text": "Fixed."},
)


class Project(Kodo):
    """A workspace with a bug, and a script outside of it that fixes the bug."""

    script: Path

    def exec(self, *argv: str) -> Ran:
        """Run the script once."""
        model = f"scripted/{self.script}"
        flags = ("--strategy", "tools", "--rung", "local", "-c", CHECK)
        return self("exec", "-m", model, *flags, *argv, "fix add")

    @property
    def text(self) -> str:
        """The file with the bug as it is now."""
        return (self.folder / "a.py").read_text()


@pytest.fixture
def project(
    workspace: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    monkeypatch.chdir(workspace)
    (workspace / "a.py").write_text(BROKEN)
    made = Project(workspace, capsys)
    made.script = tmp_path / "script.jsonl"
    made.script.write_text("".join(json.dumps(step) + "\n" for step in STEPS))
    return made


def test_a_run_is_shown_with_its_diff_its_check_and_a_summary(project: Project) -> None:
    ran = project.exec()
    assert ran.code == 0
    assert project.text == FIXED
    assert "\x1b" not in ran.out
    assert "+    return a + b" in ran.out
    assert "✓ verified" in ran.out
    assert "files   a.py +1 -1" in ran.out
    assert ran.out.rstrip().endswith("kodo diff · kodo undo")


def test_nothing_to_prove_it_says_unverified_last(project: Project) -> None:
    ran = project("exec", "-m", f"scripted/{project.script}", "--strategy", "tools", "fix add")
    assert ran.code == 0
    assert ran.out.rstrip().split("\n")[-1].startswith("UNVERIFIED")


def test_json_lines_end_with_one_turn_and_the_thread_is_known(project: Project) -> None:
    lines = [json.loads(line) for line in project.exec("--json").out.splitlines()]
    assert lines[0]["type"] == "thread.started"
    assert lines[-1]["type"] == "turn.completed"
    assert lines[-1]["kodo"]["outcome"] == "verified"
    shown = project("sessions", "show", lines[0]["thread_id"])
    assert shown.code == 0
    assert "Fixed." in shown.out


def test_diff_undo_and_redo_walk_back_and_forth(project: Project) -> None:
    project.exec()
    assert project("diff").out.endswith("-    return a - b\n+    return a + b\n")
    assert project("diff", "--stat").out == "a.py  +1 -1  changed\n"
    assert project("undo").code == 0
    assert project.text == BROKEN
    assert project("undo").code == 2
    assert project("redo").code == 0
    assert project.text == FIXED
    assert project("redo").code == 2
    assert json.loads(project("undo", "--json").out)["files"] == ["a.py"]


def test_undo_refuses_to_lose_work_and_saves_it_when_forced(project: Project) -> None:
    project.exec()
    (project.folder / "a.py").write_text(FIXED + "# mine\n")
    (project.folder / "other.txt").write_text("untouched")
    refused = project("undo")
    assert refused.code == 2
    assert "'a.py'" in refused.err
    assert "--force" in refused.err
    assert project.text.endswith("# mine\n")
    assert project("undo", "--force").code == 0
    assert project.text == BROKEN
    assert project("redo").code == 0
    assert project.text == FIXED + "# mine\n"
    assert (project.folder / "other.txt").read_text() == "untouched"


def test_two_runs_are_undone_one_by_one(project: Project) -> None:
    project.exec()
    (project.folder / "a.py").write_text(BROKEN)
    project.exec("--last")
    assert project.text == FIXED
    assert project("undo").code == 0
    assert project.text == BROKEN
    assert project("undo").code == 0
    assert project("undo").code == 2


def test_sessions_are_listed_exported_and_removed(project: Project) -> None:
    assert json.loads(project("sessions", "list", "--json").out) == []
    project.exec()
    listed = json.loads(project("sessions", "list", "--json").out)
    assert [item["outcome"] for item in listed] == ["verified"]
    thread = listed[0]["id"]
    assert thread in project("sessions", "list").out
    for words in (("show",), ("rm", "--yes"), ("export",)):  # a wrong id is wrong usage
        unknown = project("sessions", *words, "01nothere")
        assert (unknown.code, "no thread" in unknown.err) == (2, True)
    lines = project("sessions", "export", thread[:12]).out.splitlines()
    assert json.loads(lines[0])["thread"]["id"] == thread
    assert json.loads(lines[-1])["event"]["body"]["type"] == "run_ended"
    assert project.process("sessions", "rm", thread).code == 1
    assert project("sessions", "rm", thread, "--yes").code == 0
    assert json.loads(project("sessions", "list", "--json").out) == []
    assert project("sessions", "show", thread).code == 2
    assert project("sessions", "show").code == 2


def test_resume_goes_on_and_fork_leaves_the_original(project: Project) -> None:
    project.exec()
    script = project.script.with_name("more.jsonl")
    script.write_text('{"expect": "and now", "text": "Done."}\n')
    flags = ("-m", f"scripted/{script}", "--strategy", "tools", "--json")
    forked = project("fork", "--last", *flags, "and now this")
    assert forked.code == 0
    first = json.loads(forked.out.splitlines()[0])["thread_id"]
    resumed = project("resume", first, *flags, "and now this")
    assert json.loads(resumed.out.splitlines()[0])["thread_id"] == first
    listed = json.loads(project("sessions", "list", "--json").out)
    assert len(listed) == 2


def test_without_a_terminal_nothing_waits(project: Project) -> None:
    assert project.process("chat").code == 2
    project.exec()
    ran = project.process("resume", "--last", "-m", f"scripted/{project.script}")
    assert ran.code == 2
    assert "chat needs a terminal" in ran.err


def test_before_anything_was_done(kodo: Kodo) -> None:
    for command in ("diff", "undo", "redo"):
        ran = kodo(command)
        assert ran.code == 2
        assert "start one with: kodo exec" in ran.err
    assert not (Path.home() / "kodo").exists()


def test_any_command_in_the_jail(kodo: Kodo) -> None:
    ran = kodo.process("sandbox", "--rung", "local", "--", "sh", "-c", "echo hi; exit 7")
    assert (ran.code, ran.out) == (7, "hi\n")
    assert "does not contain commands" in ran.err
    ran = kodo.process("sandbox", "--rung", "local", "--timeout", "0.3", "--", "sleep", "60")
    assert ran.code == 137
    assert "killed after 0.3 s" in ran.err
    assert kodo("sandbox").code == 2


def test_undo_and_redo_never_reach_into_another_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / ".git").mkdir()
    (project.folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    project.exec()
    (thread,) = [item["id"] for item in json.loads(project("sessions", "list", "--json").out)]
    inner = project.folder / "app"
    inner.mkdir()
    monkeypatch.chdir(inner)
    for command in ("undo", "redo"):
        refused = project(command)
        assert refused.code == 2
        assert thread in refused.err
        assert repr(str(project.folder)) in refused.err
    assert project.text == FIXED
    assert f"note: the files are those of {project.folder}" in project("diff", "--stat").err
    undone = project("undo", thread)
    assert undone.code == 0
    assert f"note: the files are those of {project.folder}" in undone.err
    assert project.text == BROKEN


def test_a_commit_that_could_not_be_made_is_a_failure(project: Project) -> None:
    ran = project.exec("--commit")
    assert ran.code == 1
    assert "kodo: git did not commit: fatal: not a git repository" in ran.err
    assert "hooks are not run" in " ".join(project("exec", "--help").out.split())
