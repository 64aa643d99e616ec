"""The store's place: one for a repository with all its worktrees and folders, one for any other."""

from pathlib import Path

import pytest

from kodo.store.paths import git_common_folder, project_store


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder that looks like a git repository with one linked worktree beside it."""
    root = tmp_path / "repository"
    linked = root / ".git" / "worktrees" / "side"
    linked.mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (linked / "HEAD").write_text("ref: refs/heads/side\n")
    (linked / "commondir").write_text("../..\n")
    (root / "src" / "deep").mkdir(parents=True)
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {linked}\n")
    return root


def test_folders_and_worktrees_of_a_repository_share_a_store(
    tmp_path: Path, repository: Path
) -> None:
    home = tmp_path / "home"
    path = project_store(home, repository)
    assert path.parent.parent == home / "projects"
    assert path.name == "store.db"
    assert project_store(home, repository / "src" / "deep") == path
    assert project_store(home, tmp_path / "side") == path
    assert git_common_folder(tmp_path / "side") == repository / ".git"
    assert not home.exists()


def test_a_git_file_may_be_relative(tmp_path: Path, repository: Path) -> None:
    module = repository / ".git" / "modules" / "part"
    module.mkdir(parents=True)
    (module / "HEAD").write_text("ref: refs/heads/main\n")
    part = repository / "part"
    part.mkdir()
    (part / ".git").write_text("gitdir: ../.git/modules/part\n")
    assert git_common_folder(part) == module
    assert project_store(tmp_path, part) != project_store(tmp_path, repository)


def test_elsewhere_the_real_path_counts(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    (tmp_path / "link").symlink_to(one)
    assert project_store(tmp_path, tmp_path / "link") == project_store(tmp_path, one)
    assert project_store(tmp_path, one) != project_store(tmp_path, two)
    assert git_common_folder(one) is None


@pytest.mark.parametrize("content", ["", "rubbish", "gitdir: /nowhere/at/all", "\udcff\udcfe"])
def test_a_broken_git_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / ".git").write_bytes(content.encode(errors="surrogateescape"))
    assert git_common_folder(tmp_path) is None


def test_an_empty_git_folder_is_none_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert git_common_folder(tmp_path) is None
