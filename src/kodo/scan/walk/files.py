"""Which files below a folder are worth a look, and as what: code, manifest, or text with secrets.

Knows names, not content. Guards that links are not followed, and that dependencies and build
output are left to their own projects.
"""

import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from kodo.base.errors import ConfigError
from kodo.base.ignoring import Found, glob_expression, walk
from kodo.scan.dependencies.manifests.names import is_manifest
from kodo.syntax.languages import language_of

Kind = Literal["code", "manifest", "text"]

SKIPPED_FOLDERS = frozenset(
    (
        *("node_modules", "bower_components", "__pycache__", ".venv", "venv", ".tox", ".nox"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".gradle", ".next", ".nuxt", ".terraform"),
        *(".cargo", ".bundle", ".eggs", "site-packages", "vendor", "third_party", "thirdparty"),
    )
)
# Without a grammar these are still read for secrets. Prose is not: it is full of examples.
_TEXT_ENDINGS = frozenset(
    (
        *(".env", ".ini", ".cfg", ".conf", ".properties", ".toml", ".yml", ".yaml", ".json"),
        *(".xml", ".tf", ".tfvars", ".hcl", ".sql", ".sh", ".bash", ".zsh", ".ps1", ".bat"),
        *(".php", ".cs", ".kt", ".kts", ".swift", ".scala", ".groovy", ".gradle", ".pl", ".lua"),
        *(".ipynb", ".html", ".erb", ".ejs", ".vue", ".svelte", ".pem", ".key", ".npmrc"),
    )
)
_TEXT_NAMES = re.compile(
    r"^(?:\.env(?:\..+)?|\.npmrc|\.pypirc|\.netrc|\.?Dockerfile.*|id_[a-z0-9]+)$"
)


class Candidate(NamedTuple):
    """A file to scan: its path relative to the root, and its size when it was listed."""

    path: str
    kind: Kind
    size_bytes: int


def kind_of(path: str) -> Kind | None:
    """Return as what a file is scanned, by its name alone; None where it is not."""
    name = PurePosixPath(path).name
    if is_manifest(path):
        return "manifest"
    language = language_of(path)
    if language == "bash":
        return "text"
    if language is not None:
        return "code"
    ending = PurePosixPath(path).suffix.lower()
    return "text" if ending in _TEXT_ENDINGS or _TEXT_NAMES.match(name) else None


def list_files(root: Path, start: str = "", *, excluded: Sequence[str] = ()) -> Iterator[Candidate]:
    """Yield the files to scan at or below `start`, a path relative to `root`.

    `.gitignore` files count, and `excluded` globs. A file that is named itself is always taken.
    Raises ConfigError where there is no such file or folder.
    """
    named = root / start
    if named.is_file():
        if (kind := kind_of(start)) is not None:
            yield Candidate(start, kind, named.stat().st_size)
        return
    if not named.is_dir():
        raise ConfigError(f"there is no file or folder {str(named)!r} to scan")
    globs = [glob_expression(pattern.rstrip("/")) for pattern in excluded]

    def never(found: Found) -> bool:
        name = found.path.rpartition("/")[2]
        if found.is_folder and name in SKIPPED_FOLDERS:
            return True
        return any(glob.match(found.path) for glob in globs)

    for found in walk(root, start, never=never):
        kind = None if found.is_folder else kind_of(found.path)
        if kind is None:
            continue
        try:
            status = (root / found.path).lstat()
        except OSError:
            continue
        # A link's target is scanned where it lies, if it lies in the tree.
        if stat.S_ISREG(status.st_mode):
            yield Candidate(found.path, kind, status.st_size)
