"""Jails around temporary workspaces, on every rung that works on this host."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from kodo.core.sandbox import Sandbox
from kodo.sandboxes import landlock
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import RUNGS, Rung, make_sandbox
from kodo.sandboxes.namespaces import bubblewrap, docker, userns


@pytest.fixture(scope="session")
def working_rungs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Return for every rung why it does not work here, or None."""
    folder = tmp_path_factory.mktemp("probe")
    jail = Jail(folder, folder, {"PATH": os.environ["PATH"]})
    return {
        "bwrap": anyio.run(bubblewrap.probe, jail),
        "userns": anyio.run(userns.probe, jail),
        "landlock": anyio.run(landlock.probe, jail),
        "docker": anyio.run(docker.probe, jail),
        "local": None,
    }


@pytest.fixture
def make_jail(workspace: Path, tmp_path: Path) -> Callable[..., Jail]:
    """Return a function that builds a jail around the workspace, with an empty home."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)

    def make(**fields: object) -> Jail:
        environment = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-secret", "LANG": "C.UTF-8"}
        return Jail(workspace, home, environment, **fields)  # pyright: ignore[reportArgumentType]

    return make


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest, working_rungs: dict[str, str | None]) -> Rung:
    """Return each rung in turn; one that does not work here is skipped, with the reason."""
    name: Rung = request.param
    if (why := working_rungs[name]) is not None:
        pytest.skip(f"{name}: {why}")
    return name


@pytest.fixture
async def sandbox(rung: Rung, make_jail: Callable[..., Jail]) -> AsyncIterator[Sandbox]:
    """Return a sandbox on the rung around the workspace."""
    made = make_sandbox(rung, make_jail())
    yield made
    await made.aclose()
