"""The jail of a run, from its settings."""

import os
from pathlib import Path

import pytest

from kodo.base.errors import ConfigError, SandboxError
from kodo.core.events import HostContacted
from kodo.runtime.cage import open_cage
from kodo.runtime.config import Settings, load_settings, read_environment
from kodo.sandboxes.ladder import HAVE_A_GATE

pytestmark = pytest.mark.anyio


def settings(workspace: Path, *assignments: str) -> Settings:
    """Return settings for a workspace."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(workspace.parent)}
    return load_settings(read_environment(environment), workspace, assignments=assignments)


async def test_hosts_are_held_apart_and_told(workspace: Path) -> None:
    told: list[HostContacted] = []

    async def on_host(contacted: HostContacted) -> None:
        told.append(contacted)

    async with open_cage(settings(workspace), on_host=on_host) as cage:
        assert cage.network == "off"
        if cage.rung.name not in HAVE_A_GATE:
            pytest.skip(f"{cage.rung.name} holds no hosts apart")
    wanted = settings(workspace, 'allow_hosts=["allowed.test"]')
    async with open_cage(wanted, on_host=on_host) as cage:
        assert cage.network == "hosts"
        scratch = await cage.open_scratch()
        for sandbox in (cage.sandbox, scratch.sandbox):
            done = await sandbox.exec("curl -s -m 10 http://evil.test/")
            assert b"--allow-host evil.test" in done.output
        await scratch.aclose()
    assert [contacted.host for contacted in told] == ["evil.test"] * 2
    assert "refused" in told[0].purpose


async def test_a_rung_that_cannot_hold_hosts_apart_says_so(workspace: Path) -> None:
    named = settings(workspace, 'allow_hosts=["a.test"]', 'rung="landlock"')
    with pytest.raises(ConfigError, match=r"cannot hold hosts apart|does not work here"):
        async with open_cage(named):
            pass
    async with open_cage(settings(workspace, 'allow_hosts=["a.test"]', 'rung="local"')) as cage:
        assert cage.network == "open"


async def test_a_guarantee_can_be_required(workspace: Path) -> None:
    with pytest.raises(SandboxError, match="cpu_limited"):
        async with open_cage(settings(workspace, 'require=["cpu_limited"]')):
            pass
    both = settings(workspace, 'require=["network_denied"]', 'allow_hosts=["a.test"]')
    with pytest.raises((ConfigError, SandboxError), match="network_denied"):
        async with open_cage(both):
            pass
    with pytest.raises(ConfigError, match="privileges_denied"):
        async with open_cage(settings(workspace, 'require=["privileges_denied"]', 'rung="local"')):
            pass
    with pytest.raises(ConfigError, match="not a host"):
        async with open_cage(settings(workspace, 'allow_hosts=["https://a.test"]')):
            pass
