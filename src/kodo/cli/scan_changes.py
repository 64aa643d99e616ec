"""What git says has changed, as contents before and after: since a revision, or staged.

Reads the repository by plumbing only. Guards that nothing the repository configures is run: no
filter, no text conversion, no external diff, no monitor.
"""

import hashlib
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kodo.base.errors import ConfigError
from kodo.cli.commit import Git, GitFailed
from kodo.core.check import Change
from kodo.scan.content import MAX_FILE_BYTES
from kodo.scan.walk.files import Candidate, kind_of

_ABSENT = "0"
_FILE_MODES = ("100644", "100755", "100664")


class _Blob(NamedTuple):
    path: str
    before: str | None
    after: str | None


def staged_changes(root: Path, variables: Mapping[str, str], places: Sequence[str]) -> list[Change]:
    """Return what is staged in the repository at `root`, at or below relative paths ("": all).

    Raises ConfigError where it is no repository, or git fails.
    """
    git = Git(root, variables)
    try:
        head = git.run("rev-parse", "--verify", "-q", "HEAD", may=(0, 1))
        base = head[0].strip() if head else git.run("hash-object", "-t", "tree", "/dev/null")[0]
        listed = git.run(
            *("diff-index", "--cached", "--raw", "-z", "--no-renames", "--abbrev=64"),
            *(base.strip(), "--", *(f"./{place}" if place else "." for place in places)),
        )
    except GitFailed as error:
        raise _failed(root, error) from error
    blobs: list[_Blob] = []
    for head_line, path in zip(listed[::2], listed[1::2], strict=True):
        old_mode, new_mode, old, new, _ = head_line.removeprefix(":").split(" ")
        before = old if old_mode in _FILE_MODES and old.strip(_ABSENT) else None
        after = new if new_mode in _FILE_MODES and new.strip(_ABSENT) else None
        if kind_of(path) is not None and (before or after):
            blobs.append(_Blob(path, before, after))
    contents = _read_blobs(root, variables, [name for one in blobs for name in one[1:] if name])
    return [
        Change(
            one.path,
            contents.get(one.before) if one.before else None,
            contents.get(one.after) if one.after else None,
        )
        for one in blobs
    ]


def changes_since(
    root: Path,
    variables: Mapping[str, str],
    revision: str,
    files: Iterable[Candidate],
    places: Sequence[str],
) -> list[Change]:
    """Return how the files on disk differ from a revision; `files` are those at or below `places`.

    Raises ConfigError where the revision is unknown, or git fails.
    """
    git = Git(root, variables)
    try:
        commit = git.run("rev-parse", "--verify", "-q", f"{revision}^{{commit}}", may=(0, 1))
        if revision.startswith("-") or not commit:
            raise ConfigError(f"git knows no revision {revision!r}; see: git log --oneline")
        words = (
            "ls-tree",
            "-r",
            "-z",
            commit[0].strip(),
            "--",
            *(place for place in places if place),
        )
        listed = git.run(*words)
    except GitFailed as error:
        raise _failed(root, error) from error
    before: dict[str, str] = {}
    for line in listed:
        head, _, path = line.partition("\t")
        mode, kind, name = head.split(" ")
        if kind == "blob" and mode in _FILE_MODES and kind_of(path) is not None:
            before[path] = name
    after: dict[str, bytes] = {}
    unchanged: set[str] = set()
    for candidate in files:
        try:
            with (root / candidate.path).open("rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        except OSError:
            continue
        known = before.get(candidate.path)
        if known is not None and _blob_name(data, known) == known:
            unchanged.add(candidate.path)
        else:
            after[candidate.path] = data
    changed = {path: name for path, name in before.items() if path not in unchanged}
    contents = _read_blobs(root, variables, list(changed.values()))
    return [
        Change(path, contents.get(changed[path]) if path in changed else None, after.get(path))
        for path in sorted({*changed, *after})
    ]


def _blob_name(data: bytes, like: str) -> str:
    """Return the name that git gives a content, by the hash that `like` was made with."""
    digest = hashlib.sha1(usedforsecurity=False) if len(like) == 40 else hashlib.sha256()
    digest.update(b"blob %d\0" % len(data))
    digest.update(data)
    return digest.hexdigest()


def _read_blobs(root: Path, variables: Mapping[str, str], names: Sequence[str]) -> dict[str, bytes]:
    """Return blobs by name, with one process for all of them."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    own = {name: value for name, value in variables.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "cat-file", "--batch", "--buffer"],
        cwd=root,
        env={**own, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        input="\n".join(wanted).encode() + b"\n",
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise _failed(root, done.stderr.decode("utf-8", "replace").strip())
    found: dict[str, bytes] = {}
    at = 0
    for name in wanted:
        end = done.stdout.index(b"\n", at)
        words = done.stdout[at:end].split(b" ")
        at = end + 1
        if len(words) == 3 and words[1] == b"blob":
            size = int(words[2])
            found[name] = done.stdout[at : at + size]
            at += size + 1
    return found


def _failed(root: Path, why: object) -> ConfigError:
    return ConfigError(f"git cannot tell what has changed in {str(root)!r}: {why}")
