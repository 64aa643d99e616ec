"""Benches for tools, on real sandboxes."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.tools.bench import Bench

from kodo.sandboxes.jail import Jail
from kodo.sandboxes.local import Local
from kodo.sandboxes.namespaces import bubblewrap
from kodo.sandboxes.namespaces.bubblewrap import Bubblewrap


@pytest.fixture
async def bench(workspace: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench on the local rung."""
    home = tmp_path / "home"
    home.mkdir()
    sandbox = Local(Jail(workspace, home, {"PATH": os.environ["PATH"]}))
    yield Bench(workspace, sandbox)
    await sandbox.aclose()


@pytest.fixture
def tree(workspace: Path) -> Callable[..., None]:
    """Return a function that writes files: `tree({"a/b.py": "text"})`."""

    def make(files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


@pytest.fixture
async def jailed_bench(workspace: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench on the bubblewrap rung; skipped where that does not work."""
    home = tmp_path / "home"
    home.mkdir()
    jail = Jail(workspace, home, {"PATH": os.environ["PATH"]})
    if (why := await bubblewrap.probe(jail)) is not None:
        pytest.skip(f"bwrap: {why}")
    sandbox = Bubblewrap(jail)
    yield Bench(workspace, sandbox)
    await sandbox.aclose()
