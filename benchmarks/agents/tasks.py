"""Task folders: what an agent is asked, the workspace it gets, and the check that it never sees.

Knows no agent. Guards that a task counts only where the check fails when nothing was done and
passes with the reference. A folder holds task.json, workspace/, and maybe hidden/ and reference/.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.agents.commands import run

LEFT_OVER = ("__pycache__", ".pytest_cache")


class Task(msgspec.Struct, frozen=True):
    """One task.json; `check` is a bash line, `protect` names files put back before the check."""

    id: str
    prompt: str
    check: str
    kind: str = "task"
    language: str = ""
    timeout_s: float = 60.0
    protect: tuple[str, ...] = ()


class TaskFolder:
    """A task where it lies."""

    def __init__(self, path: Path) -> None:
        """Read task.json; raises ValueError that names a file which is none."""
        self.path = path
        file = path / "task.json"
        try:
            self.task = msgspec.json.decode(file.read_bytes(), type=Task)
        except msgspec.DecodeError as error:
            raise ValueError(f"{str(file)!r} is no task: {error}") from None
        if not (path / "workspace").is_dir():
            raise ValueError(f"{str(path)!r} has no folder 'workspace'")

    def copy_workspace(self, place: Path) -> None:
        """Make a fresh workspace at a place that does not exist yet."""
        shutil.copytree(self.path / "workspace", place, symlinks=True)

    def apply_reference(self, workspace: Path) -> None:
        """Lay the reference over a workspace."""
        _lay_over(self.path / "reference", workspace)

    def solved(self, workspace: Path, log: Path) -> bool:
        """Put the protected and the hidden files in place and run the check, its output to log.

        A check past its time limit has not passed.
        """
        for name in self.task.protect:
            _put_back(self.path / "workspace" / name, workspace / name)
        _lay_over(self.path / "hidden", workspace)
        for name in LEFT_OVER:
            for folder in workspace.rglob(name):
                shutil.rmtree(folder, ignore_errors=True)
        command = ("bash", "-c", self.task.check)
        return run(command, cwd=workspace, limit_s=self.task.timeout_s, log=log).exit_code == 0


def read_tasks(folder: Path, names: Sequence[str] = ()) -> list[TaskFolder]:
    """Return the tasks of a folder by name, or just the named ones; a name that is none raises."""
    found = {file.parent.name: file.parent for file in sorted(folder.glob("*/task.json"))}
    for name in names:
        if name not in found:
            raise ValueError(f"no task {name!r} in {str(folder)!r}")
    return [TaskFolder(found[name]) for name in (sorted(names) if names else found)]


def fault(folder: TaskFolder, scratch: Path) -> str:
    """Say why a task may not count, or nothing: untouched it must fail, with its reference pass."""
    folder.copy_workspace(scratch / "nothing")
    if folder.solved(scratch / "nothing", scratch / "nothing.log"):
        return "the check passes although nothing was done"
    if not (folder.path / "reference").is_dir():
        return "there is no folder 'reference' to prove that it can be solved"
    folder.copy_workspace(scratch / "reference")
    folder.apply_reference(scratch / "reference")
    if not folder.solved(scratch / "reference", scratch / "reference.log"):
        return "the check fails although the reference was applied"
    return ""


def _lay_over(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)


def _put_back(source: Path, target: Path) -> None:
    if not source.is_file():
        return
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
