"""The agent drives git: a branch, an edit, its tests, a commit, and what undo says of it."""

import os

import pytest

from .conftest import Kodo, git, says, shell, write


def ready(kodo: Kodo) -> None:
    """Make a repository with a failing test."""
    git(kodo.workspace, "init", "-q", "-b", "main")
    git(kodo.workspace, "config", "user.name", "Test")
    git(kodo.workspace, "config", "user.email", "test@example.org")
    (kodo.workspace / "a.py").write_text("def add(a, b):\n    return a - b\n")
    (kodo.workspace / "check.sh").write_text(
        'test "$(python3 -B -c "import a; print(a.add(1, 2))")" = 3\n'
    )
    git(kodo.workspace, "add", ".")
    git(kodo.workspace, "commit", "-q", "-m", "first")


@pytest.fixture
def caged(kodo: Kodo, rung: str) -> Kodo:
    if rung == "local":
        pytest.skip("no jail works here")
    ready(kodo)
    return kodo


def test_a_branch_an_edit_the_tests_and_a_commit(caged: Kodo) -> None:
    ran = caged.exec(
        shell("git switch -c fix-add"),
        write("a.py", "def add(a, b):\n    return a + b\n"),
        shell("sh check.sh"),
        {
            "expect": "exit code 0",
            **shell("git add -A && git commit -m 'Add adds' && git log --oneline | head -2"),
        },
        {"expect": "Add adds", **says("committed")},
        options=["-c", 'checks=["sh check.sh"]'],
    )
    assert ran.code == 0, ran.err
    assert ran.end["outcome"] == "verified"
    log = git(caged.workspace, "log", "--format=%an %s", "fix-add").splitlines()
    assert log == ["Test Add adds", "Test first"]
    assert git(caged.workspace, "status", "--porcelain") == ""
    undone = caged.run("undo", "--last")
    assert undone.code == 0, undone.err
    assert "a - b" in (caged.workspace / "a.py").read_text()
    assert "git reset --soft" in undone.out + undone.err
    assert git(caged.workspace, "log", "--format=%s", "-1").strip() == "Add adds"


def test_git_beside_other_commands_says_how(caged: Kodo, rung: str) -> None:
    if rung not in ("bwrap", "userns"):
        pytest.skip("this rung does not protect repositories")
    ran = caged.exec(
        shell("sh check.sh; git commit --allow-empty -m x"),
        {"expect": "Run git commands by themselves", **says("understood")},
        options=["-c", 'checks=["true"]'],
    )
    assert ran.code == 0, ran.err
    assert git(caged.workspace, "log", "--format=%s", "-1").strip() == "first"


def test_a_hook_of_the_repository_does_not_run(caged: Kodo) -> None:
    hook = caged.workspace / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    ran = caged.exec(
        shell("git commit --allow-empty -m through"),
        {"expect": "hooks were not run", **says("done")},
        options=["-c", 'checks=["true"]'],
    )
    assert ran.code == 0, ran.err
    assert git(caged.workspace, "log", "--format=%s", "-1").strip() == "through"


def test_git_itself_is_not_from_the_workspace(caged: Kodo) -> None:
    fake = caged.workspace / "git"
    fake.write_text("#!/bin/sh\necho fake\n")
    fake.chmod(0o755)
    caged.environment["PATH"] = f"{caged.workspace}:{os.environ['PATH']}"
    ran = caged.exec(
        shell("git commit --allow-empty -m real"),
        says("done"),
        options=["-c", 'checks=["true"]'],
    )
    assert ran.code == 0, ran.err
    assert git(caged.workspace, "log", "-1", "--format=%s").strip() == "real"
