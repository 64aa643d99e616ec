"""`--commit`: what git is let do, which files are taken, and what a failure leaves behind."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from kodo.cli.commit import commit
from kodo.core.check import Evidence
from kodo.core.events import RunEnded
from kodo.runtime.config import load_settings, read_environment


class Repository:
    """A repository with one commit."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\nname = A\nemail = a@example.org\n")
        self.variables = {"HOME": str(home), "KODO_HOME": str(home), "PATH": "/usr/bin:/bin"}
        self.git("init", "-q")
        self.write("kept.txt", "one\n")
        self.write(".gitignore", "*.log\n")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "first")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, changed: Sequence[str], outcome: str = "verified", **variables: str) -> bool:
        settings = load_settings(read_environment({**self.variables, **variables}), self.folder)
        ended = RunEnded(
            "verified" if outcome == "verified" else "failed",
            "done",
            evidence=(Evidence("pytest -q", 0, 0.1),),
            changed=tuple(changed),
        )
        return commit(settings, "fix  it", ended)

    @property
    def subjects(self) -> list[str]:
        return self.git("log", "--format=%s").splitlines()

    @property
    def committed(self) -> list[str]:
        return self.git("show", "--format=", "--name-status", "HEAD").splitlines()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return Repository(folder, tmp_path / "home")


def test_only_what_changed_is_committed_and_ignored_files_are_left_out(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("kept.txt", "two\n")
    repository.write("a*.txt", "a literal name\n")
    repository.write("ab.txt", "of the user\n")
    repository.write("run.log", "ignored\n")
    assert repository.commit(["a*.txt", "gone.txt", "kept.txt", "run.log"])
    assert repository.committed == ["A\ta*.txt", "M\tkept.txt"]
    assert repository.git("log", "-1", "--format=%B") == "fix it\n\npytest -q → exit 0"
    assert repository.git("status", "--short") == "?? ab.txt"
    assert capsys.readouterr().err == "kodo: committed 2 file(s)\n"


def test_deleted_files_are_committed_also_where_they_were_taken_out_of_the_index(
    repository: Repository,
) -> None:
    repository.write("other.txt", "x\n")
    assert repository.commit(["other.txt"])
    (repository.folder / "kept.txt").unlink()
    repository.git("rm", "-q", "other.txt")
    assert repository.commit(["kept.txt", "other.txt"])
    assert repository.committed == ["D\tkept.txt", "D\tother.txt"]


def test_in_a_folder_of_the_repository_names_count_from_there(repository: Repository) -> None:
    repository.write("app/a.txt", "x\n")
    repository.write("app/b.log", "x\n")
    repository.folder = repository.folder / "app"
    assert repository.commit(["a.txt", "b.log"])
    assert repository.committed == ["A\tapp/a.txt"]


def test_nothing_of_the_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    trap = repository.write("trap.sh", f"#!/bin/sh\ntouch {tmp_path}/sprung\nexit 1\n")
    trap.chmod(0o755)
    for hook in ("pre-commit", "commit-msg", "post-commit", "post-index-change"):
        (repository.folder / ".git" / "hooks" / hook).symlink_to(trap)
    for key in ("core.fsmonitor", "gpg.program"):
        repository.git("config", key, str(trap))
    repository.git("config", "commit.gpgsign", "true")
    repository.write("kept.txt", "two\n")
    assert repository.commit(["kept.txt"], GIT_DIR=str(tmp_path), GIT_EXTERNAL_DIFF=str(trap))
    assert repository.committed == ["M\tkept.txt"]
    assert not (tmp_path / "sprung").exists()


def test_a_filter_of_the_repository_is_refused_not_run(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("config", "filter.trap.clean", f"touch {tmp_path}/sprung; cat")
    repository.write(".gitattributes", "kept.txt filter=trap\n")
    repository.write("kept.txt", "two\n")
    assert not repository.commit(["kept.txt"])
    assert "goes through the filter 'trap'" in capsys.readouterr().err
    assert not (tmp_path / "sprung").exists()
    repository.write("new.txt", "x\n")
    assert repository.commit(["new.txt"])


def test_a_commit_that_fails_says_so_on_one_line_and_stages_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    before = repository.git("rev-parse", "HEAD")
    (repository.folder / ".git" / "MERGE_HEAD").write_text(f"{before}\n")
    repository.write("new.txt", "x\n")
    assert not repository.commit(["new.txt"])
    said = capsys.readouterr().err
    assert said.startswith("kodo: git did not commit: fatal: cannot do a partial commit")
    assert said.count("\n") == 1
    assert repository.git("status", "--short") == "?? new.txt"
    assert repository.subjects == ["first"]


def test_where_there_is_nothing_to_commit_nothing_failed(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repository.commit([])
    assert repository.commit(["run.log", "gone.txt"])
    assert not repository.commit(["kept.txt"], outcome="failed")
    assert repository.subjects == ["first"]
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_outside_of_a_repository_it_fails(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.folder = tmp_path / "elsewhere"
    repository.write("a.txt", "x\n")
    assert not repository.commit(["a.txt"])
    assert "not a git repository" in capsys.readouterr().err
