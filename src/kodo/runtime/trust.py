"""Which folders the user trusts: their own files count, nobody else's do.

Trust is for exactly one project root, by its real path, and for the files as they were when it was
given: a repository cloned inside a trusted one is not trusted, and a changed file is asked anew.
Guards that a damaged list never counts as trust.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from kodo.base.errors import ConfigError
from kodo.base.hashing import sha256_hex
from kodo.core.messages import Value

POWERS: Mapping[str, str] = {
    ".kodo/config.toml": "settings: model, strategy, checks, lower limits",
    ".kodo/rules": "rules that ask or deny, and allow what nothing else asks about",
    ".kodo/hooks.toml": "commands that run in the jail at moments of a run",
    ".kodo/hooks/": "what those commands may be",
    "AGENTS.md": "instructions that the model follows like yours",
}
"""What a trusted folder's files may do, by their path in it."""

MAX_FILE_BYTES = 1 << 20
MOST_NOTES = 200
_SKIPPED = frozenset({".git", "node_modules", ".venv", "venv", "target", "dist", "build"})


class TrustList(Value, frozen=True):
    """The real paths of trusted project roots. `hashes`: what their files were like then."""

    folders: tuple[str, ...] = ()
    hashes: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Power(Value, frozen=True):
    """A file that trust would switch on: its path in the project, what it may do, its text."""

    path: str
    may: str
    text: str


def project_root(cwd: Path) -> Path:
    """Return the real path of the nearest folder from `cwd` up that holds `.git`, else `cwd`."""
    start = cwd.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder
    return start


def powers_of(root: Path) -> tuple[Power, ...]:
    """Return the files of a project that count only where it is trusted, with their text.

    AGENTS.md counts in every folder; symlinks that lead out are not read.
    """
    found: list[Power] = []
    for path in _candidates(root):
        try:
            if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
                continue
            with path.open("rb") as stream:
                text = stream.read(MAX_FILE_BYTES).decode("utf-8", "replace")
                if rest := stream.read():
                    text += f"\n[{len(rest)} more bytes, SHA-256 {sha256_hex(rest)}]"
        except OSError:
            continue
        name = path.relative_to(root).as_posix()
        folder = next((key for key in POWERS if key.endswith("/") and name.startswith(key)), name)
        may = POWERS["AGENTS.md"] if path.name == "AGENTS.md" else POWERS[folder]
        found.append(Power(name, may, text))
    return tuple(found)


def _candidates(root: Path) -> list[Path]:
    fixed = [root / name for name in POWERS if name != "AGENTS.md" and not name.endswith("/")]
    for name in POWERS:
        if name.endswith("/"):
            fixed += sorted((root / name).rglob("*"))[:MOST_NOTES]
    notes: list[Path] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        if "AGENTS.md" in files:
            notes.append(Path(folder) / "AGENTS.md")
        if len(notes) >= MOST_NOTES or folder.count(os.sep) - str(root).count(os.sep) >= 3:
            folders.clear()
    return [*fixed, *notes]


def trust_hash(powers: tuple[Power, ...]) -> str:
    """Return a SHA-256 over the paths and texts of what trust switches on."""
    return sha256_hex(msgspec.json.encode([(power.path, power.text) for power in powers]))


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
    """Tell whether the project root `root` is trusted, with its files as they are now.

    Trust that was given before kodo kept hashes does not count any longer.
    """
    known = read_trust(file)
    name = str(root.resolve())
    if name not in known.folders:
        return False
    return known.hashes.get(name) == trust_hash(powers_of(root))


def was_trusted(file: Path, root: Path) -> bool:
    """Tell whether the root is on the list, whatever its files are like now."""
    return str(root.resolve()) in read_trust(file).folders


def set_trust(file: Path, root: Path, *, trusted: bool) -> None:
    """Add `root` to the list or take it out. Raises ConfigError where it cannot be written."""
    known = read_trust(file)
    folders, hashes = set(known.folders), dict(known.hashes)
    name = str(root.resolve())
    if trusted:
        folders.add(name)
        hashes[name] = trust_hash(powers_of(root))
    else:
        folders.discard(name)
        hashes.pop(name, None)
    beside = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        written = TrustList(tuple(sorted(folders)), hashes)
        beside.write_bytes(msgspec.json.encode(written) + b"\n")
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {str(file)!r}: {error.strerror}") from error
