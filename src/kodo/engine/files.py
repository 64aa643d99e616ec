"""Model files on disk: where they are, whether they are whole, and how to be rid of them.

Knows the folder and the GGUF header. Does not know sources or llama.cpp.
Guards that a damaged file is named before llama.cpp reads it. The header check is quick (truncated
and foreign files); `verify` reads everything.
"""

import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from kodo.base.errors import ConfigError, ModelError
from kodo.engine.catalog import ModelFile

State = Literal["present", "partial", "damaged", "absent"]

_GGUF_MAGIC = b"GGUF"
_GGUF_HEADER = struct.Struct("<4sIQQ")  # magic, version, tensors, key-value pairs
_KNOWN_VERSIONS = range(2, 16)
_CHUNK_BYTES = 1 << 20


class Present(msgspec.Struct, frozen=True):
    """What is on disk of a model. `bytes_done` counts a partial pull too."""

    model: ModelFile
    path: Path
    state: State
    bytes_done: int


class ModelFolder:
    """The folder that holds model files. It is made when the first file is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, model: ModelFile) -> Path:
        """Return where the whole file of `model` is, or would be."""
        return self.folder / model.filename

    def partial(self, model: ModelFile) -> Path:
        """Return the unfinished download of `model`."""
        return self.folder / f"{model.filename}.part"

    def parts(self, model: ModelFile) -> Path:
        """Return the folder of finished parts of an unfinished pull from a package index."""
        return self.folder / f"{model.filename}.parts"

    def lock(self, model: ModelFile) -> Path:
        """Return the file that a pull of `model` locks."""
        return self.folder / f".{model.filename}.lock"

    def look(self, model: ModelFile) -> Present:
        """Return what is there of `model`, judged by size: reads no more than the header."""
        path = self.path(model)
        if path.is_file():
            size = path.stat().st_size
            whole = size == model.size_bytes and _magic(path) == _GGUF_MAGIC
            return Present(model, path, "present" if whole else "damaged", size)
        done = self.leftover_bytes(model)
        return Present(model, path, "partial" if done else "absent", done)

    def leftover_bytes(self, model: ModelFile) -> int:
        """Return how many bytes of an unfinished pull are kept."""
        parts = self.parts(model)
        kept = sum(_size(part) for part in parts.glob("*.bin")) if parts.is_dir() else 0
        return max(kept, _size(self.partial(model)))

    def drop_leftovers(self, model: ModelFile) -> int:
        """Delete what unfinished pulls left; return the bytes freed."""
        parts = self.parts(model)
        freed = 0
        for path in (self.partial(model), *(parts.iterdir() if parts.is_dir() else ())):
            freed += _size(path)
            if path.is_dir():  # a scratch folder of a pull that was killed
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if parts.is_dir():
            parts.rmdir()
        return freed

    def require(self, model: ModelFile) -> Path:
        """Return the path of the whole file. Raises ModelError with the way out."""
        present = self.look(model)
        if present.state == "present":
            return present.path
        if present.state == "damaged":
            raise ModelError(_damaged(model.id, present.path, _size_words(present)))
        raise ModelError(
            f"the model {model.id!r} is not on this machine: pull it with "
            f"`kodo models pull {model.id}` ({model.size_bytes / 1e6:.0f} MB)"
        )

    def verify(self, model: ModelFile, on_bytes: Callable[[int, int], None] | None = None) -> Path:
        """Read the whole file and compare its sha256; return its path. Blocking.

        `on_bytes(done, total)` hears of progress. Raises ModelError naming the file and the way
        out where it is absent or differs.
        """
        path = self.require(model)
        found = sha256_of(path, on_bytes)
        if found != model.sha256:
            raise ModelError(
                _damaged(model.id, path, f"sha256 is {found[:12]}…, not {model.sha256[:12]}…")
            )
        return path

    def remove(self, model: ModelFile) -> int:
        """Delete the file and every leftover of a pull; return the bytes freed. Idempotent."""
        freed = self.drop_leftovers(model) + _size(self.path(model))
        self.path(model).unlink(missing_ok=True)
        self.lock(model).unlink(missing_ok=True)
        return freed


def check_gguf(path: Path) -> None:
    """Raise ModelError where `path` is no GGUF file that llama.cpp could read (header only).

    Raises ConfigError where the file does not exist.
    """
    if not path.is_file():
        raise ConfigError(f"no model file at {str(path)!r}: check the path, or `kodo models list`")
    with path.open("rb") as file:
        header = file.read(_GGUF_HEADER.size)
    if len(header) < _GGUF_HEADER.size:
        raise ModelError(_damaged(path.stem, path, f"only {len(header)} bytes"))
    magic, version, tensors, pairs = _GGUF_HEADER.unpack(header)
    if magic != _GGUF_MAGIC or version not in _KNOWN_VERSIONS or not tensors or not pairs:
        raise ModelError(_damaged(path.stem, path, "not a GGUF header"))


def sha256_of(path: Path, on_bytes: Callable[[int, int], None] | None = None) -> str:
    """Return the sha256 of a file as hex digits. Blocking; `on_bytes(done, total)` on the way."""
    digest = hashlib.sha256()
    total = path.stat().st_size
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if on_bytes is not None:
                on_bytes(done, total)
    return digest.hexdigest()


def _damaged(model_id: str, path: Path, why: str) -> str:
    return (
        f"the model file {str(path)!r} is damaged ({why}): get it again with "
        f"`kodo models pull {model_id} --force`, or delete it with `kodo models rm {model_id}`"
    )


def _size_words(present: Present) -> str:
    if present.bytes_done != present.model.size_bytes:
        return f"{present.bytes_done} bytes instead of {present.model.size_bytes}"
    return "not a GGUF header"


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_GGUF_MAGIC))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
