"""The restore: carrying out a plan, so that either all of it is done or nothing.

Does not know snapshots or blobs; it is given contents. Guards that no link is followed, that files
are replaced whole, that what was there stays at hand until all is done, and goes back on an error.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kodo.base.errors import ToolError
from kodo.store.tree.manifest import FileState
from kodo.store.tree.planning import FOLDER_FLAGS, Step, opened, parent

_OWNER = 0o700


class Restore:
    """One restore, in `staging`, a new folder of the workspace `root`. Blocks.

    New contents are written beside first, so a full disk is met before a file is touched. `reach`
    is told the name of each stage, for tests that end the process there.
    """

    __slots__ = ("_kept", "_reach", "_root", "_staging", "_steps", "_top", "_undo")

    def __init__(
        self, root: Path, staging: str, steps: Sequence[Step], reach: Callable[[str], None]
    ) -> None:
        self._root = root
        self._staging = root / staging
        self._steps = steps
        self._reach = reach
        self._undo: list[Callable[[], None]] = []
        self._kept = 0
        self._top = -1

    def stage(self, contents: Mapping[str, bytes]) -> None:
        """Write what is wanted beside the workspace's files. Raises ToolError."""
        path = self._staging.name
        try:
            self._staging.mkdir(_OWNER)
            for number, step in enumerate(self._steps):
                path = step.path
                if step.wanted is not None and not step.is_folder:
                    _stage(f"{self._staging}/{number}", step.wanted, contents)
                    self._reach("staged")
        except OSError as error:
            self.clear()
            raise ToolError(
                f"cannot restore {path!r} in {str(self._root)!r}: {error.strerror}; "
                "nothing was touched"
            ) from error

    def apply(self) -> None:
        """Bring everything into its place. Raises ToolError; then all is as it was, or it says so.

        A folder that is to go stays where it holds something that is not in the plan.
        """
        path = ""
        with opened(self._root) as self._top:
            try:
                folders = [step for step in self._steps if step.is_folder]
                for step in sorted(folders, key=lambda step: step.path):
                    path = step.path
                    self._unlock(step)
                for step in self._steps:
                    path = step.path
                    if not step.is_folder and step.wanted is None:
                        self._remove(path)
                        self._reach("removed")
                for step in sorted(folders, key=lambda step: step.path, reverse=True):
                    path = step.path
                    if step.wanted is None:
                        self._remove_folder(path)
                        self._reach("removed folder")
                for number, step in enumerate(self._steps):
                    path = step.path
                    if step.wanted is None:
                        continue
                    self._make_folders(path if step.is_folder else path.rpartition("/")[0])
                    if not step.is_folder:
                        self._place(number, path)
                    self._reach("placed")
                for step in sorted(folders, key=lambda step: step.path, reverse=True):
                    path = step.path
                    if step.wanted is not None:
                        self._set_mode(path, step.wanted.mode)
                        self._reach("mode")
            except OSError as error:
                raise self._roll_back(path, error) from error

    def clear(self) -> None:
        """Remove the staging folder. What cannot be removed is skipped by every scan."""
        clear_staging(self._staging)

    def _roll_back(self, path: str, error: OSError) -> ToolError:
        text = f"cannot restore {path!r}: {error.strerror}"
        try:
            while self._undo:
                self._undo[-1]()
                self._undo.pop()
        except OSError as second:
            return HalfDone(
                f"{text}, and not go back either: {second.strerror}; some files are restored and "
                "some are not. Mend the cause: the next command here finishes it"
            )
        return ToolError(f"{text}; all files are as they were")

    def _unlock(self, step: Step) -> None:
        """Make a folder writable that is not, until the modes are set at the end."""
        if step.now is None or step.now.mode & _OWNER == _OWNER:
            return
        self._set_mode(step.path, step.now.mode | _OWNER)

    def _set_mode(self, path: str, mode: int) -> None:
        with parent(self._top, path.removesuffix("/")) as (folder, name):
            if folder is None:
                return
            # Opening needs a right that the folder may not give; O_PATH files have no chmod.
            before = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if before.st_mode & 0o170000 != 0o040000 or before.st_mode & 0o7777 == mode:
                return
            os.chmod(name, mode, dir_fd=folder)
        old = before.st_mode & 0o7777
        self._undo.append(lambda: self._set_mode_quietly(path, old))

    def _set_mode_quietly(self, path: str, mode: int) -> None:
        with parent(self._top, path.removesuffix("/")) as (folder, name):
            if folder is not None:
                os.chmod(name, mode, dir_fd=folder)

    def _remove(self, path: str) -> None:
        with parent(self._top, path) as (folder, name):
            if folder is None:
                return
            with suppress(FileNotFoundError):
                kept = self._keep(name, folder)
                with suppress(FileNotFoundError):  # moved, where there are no hard links
                    os.unlink(name, dir_fd=folder)
                self._undo.append(lambda: self._bring_back(kept, path))

    def _remove_folder(self, path: str) -> None:
        with parent(self._top, path.removesuffix("/")) as (folder, name):
            if folder is None:
                return
            try:
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o7777
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno in _NOT_EMPTY:
                    return
                raise
        self._undo.append(lambda: self._remake(path, mode))

    def _remake(self, path: str, mode: int) -> None:
        with parent(self._top, path.removesuffix("/")) as (folder, name):
            assert folder is not None
            os.mkdir(name, dir_fd=folder)
            os.chmod(name, mode, dir_fd=folder)

    def _make_folders(self, path: str) -> None:
        parts = path.removesuffix("/").split("/") if path else []
        for end in range(1, len(parts) + 1):
            made = "/".join(parts[:end])
            with parent(self._top, made) as (folder, name):
                assert folder is not None
                try:
                    os.mkdir(name, dir_fd=folder)
                except FileExistsError:
                    continue
            self._undo.append(lambda made=made: self._unmake(made))

    def _unmake(self, path: str) -> None:
        with parent(self._top, path) as (folder, name):
            if folder is not None:
                os.rmdir(name, dir_fd=folder)

    def _place(self, number: int, path: str) -> None:
        with parent(self._top, path) as (folder, name):
            assert folder is not None
            self._clear_empty_folders(folder, path)
            try:
                kept: str | None = self._keep(name, folder)
            except FileNotFoundError:
                kept = None
            os.rename(self._staging / str(number), name, dst_dir_fd=folder)
        self._undo.append(lambda: self._bring_back(kept, path))

    def _clear_empty_folders(self, folder: int, path: str) -> None:
        """Remove a tree of empty folders whose name a file takes; OSError where it holds a file."""
        name = path.rpartition("/")[2]
        try:
            inner = os.open(name, FOLDER_FLAGS, dir_fd=folder)
        except OSError:
            return  # there is no folder; or the rename says what is wrong with it
        try:
            mode = os.fstat(inner).st_mode & 0o7777
            for child in os.listdir(inner):  # noqa: PTH208 - of an open folder
                self._clear_empty_folders(inner, f"{path}/{child}")
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
        self._undo.append(lambda: self._remake(path, mode))

    def _keep(self, name: str, folder: int) -> str:
        """Give what is there a second name, and return it; without hard links it is moved."""
        at = f"{self._staging}/was-{self._kept}"
        self._kept += 1
        try:
            os.link(name, at, src_dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:
            os.rename(name, at, src_dir_fd=folder)
        return at

    def _bring_back(self, kept: str | None, path: str) -> None:
        with parent(self._top, path) as (folder, name):
            assert folder is not None
            if kept is None:
                os.unlink(name, dir_fd=folder)
            else:
                os.rename(kept, name, dst_dir_fd=folder)


class HalfDone(ToolError):
    """A restore could neither be finished nor taken back: its journal stays."""


_NOT_EMPTY = frozenset((39, 17, 66))  # ENOTEMPTY here, EEXIST and ENOTEMPTY elsewhere


def clear_staging(staging: Path) -> None:
    """Remove a staging folder and what is in it; a leftover harms nothing."""
    with suppress(OSError):
        for entry in list(staging.iterdir()):
            entry.unlink(missing_ok=True)
        staging.rmdir()


def _stage(at: str, wanted: FileState, contents: Mapping[str, bytes]) -> None:
    if wanted.target is not None:
        os.symlink(wanted.target, at)  # noqa: PTH211 - Path would tidy the target
        return
    fd = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        stream.write(contents[wanted.digest])
        stream.flush()
        os.fchmod(stream.fileno(), wanted.mode)
