"""Which folders the user trusts: their own `.kodo/` files count, nobody else's do.

Trust is for exactly one project root, by its real path: a repository cloned inside a trusted
one is not trusted. Guards that a damaged list never counts as trust.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from kodo.base.errors import ConfigError
from kodo.core.messages import Value


class TrustList(Value, frozen=True):
    """The real paths of trusted project roots."""

    folders: tuple[str, ...] = ()


def project_root(cwd: Path) -> Path:
    """Return the real path of the nearest folder from `cwd` up that holds `.git`, else `cwd`."""
    start = cwd.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return start


def read_trust(file: Path) -> TrustList:
    """Return the trusted folders; no file means none. Raises ConfigError where it is damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=TrustList)
    except FileNotFoundError:
        return TrustList()
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"cannot read {str(file)!r}: {error}; remove it and trust anew"
        ) from error


def is_trusted(file: Path, root: Path) -> bool:
    """Tell whether the project root `root` is trusted."""
    return str(root.resolve()) in read_trust(file).folders


def set_trust(file: Path, root: Path, *, trusted: bool) -> None:
    """Add `root` to the list or take it out. Raises ConfigError where it cannot be written."""
    folders = set(read_trust(file).folders)
    name = str(root.resolve())
    if trusted:
        folders.add(name)
    else:
        folders.discard(name)
    beside = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(TrustList(tuple(sorted(folders)))) + b"\n")
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {str(file)!r}: {error.strerror}") from error
