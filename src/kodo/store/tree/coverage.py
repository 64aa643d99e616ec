"""The coverage: which files of a workspace a snapshot holds, and what it leaves out and why.

Covered: regular files, symbolic links and folders, ignored and untracked ones too, up to the caps
of Coverage. Not covered: version control, dependencies, caches and build output by name, other file
systems, special files, what cannot be read; nor times, owners, hard links and extended attributes.
"""

import os
from collections.abc import Container

from kodo.core.messages import Value

STAGING_PREFIX = ".kodo-restore-"

SKIPPED_ALWAYS = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "__pycache__"),
        *(".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
        *(".hypothesis", ".gradle", ".next", ".nuxt", ".turbo", ".terraform", ".dart_tool"),
        *(".cargo", ".bundle", ".eggs", ".direnv", ".import_linter_cache"),
    )
)
# These names are build output only beside the file that makes them so.
SKIPPED_BESIDE = {
    "target": ("Cargo.toml", "pom.xml", "build.sbt"),
    "build": (
        *("CMakeLists.txt", "build.gradle", "build.gradle.kts", "meson.build"),
        *("pyproject.toml", "setup.py", "package.json"),
    ),
    "dist": ("package.json", "pyproject.toml", "setup.py"),
    "_build": ("mix.exs", "dune-project", "rebar.config"),
}
# A folder says of itself by one of these that it can be made again.
MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")

CAN_BE_MADE_AGAIN = "dependencies, cache or build output"
VERSION_CONTROL = "version control"


class Coverage(Value, frozen=True):
    """How much a snapshot may hold; what is beyond is uncovered, never an error."""

    max_files: int = 50_000
    max_file_bytes: int = 10 << 20
    max_total_bytes: int = 500 << 20


def why_skipped(name: str, siblings: Container[str]) -> str:
    """Return why a folder of that name is left out, or "" where it is not."""
    if name in SKIPPED_ALWAYS:
        # Git's own folder is no loss that anybody needs to hear of.
        return VERSION_CONTROL if name == ".git" else CAN_BE_MADE_AGAIN
    if any(beside in siblings for beside in SKIPPED_BESIDE.get(name, ())):
        return CAN_BE_MADE_AGAIN
    return "left over from a restore" if name.startswith(STAGING_PREFIX) else ""


def git_mark(folder: str) -> str:
    """Return what changes when commits or branches of the repository do; "" where unknown.

    The log of HEAD grows with every commit, checkout, merge and reset.
    """
    try:
        fd = os.open(f"{folder}/HEAD", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            head = os.read(fd, 200).decode("ascii", "replace").strip()
        finally:
            os.close(fd)
        size = os.lstat(f"{folder}/logs/HEAD").st_size
    except OSError:
        return ""
    return f"{head} {size}"
