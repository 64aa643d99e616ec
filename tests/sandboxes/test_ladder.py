"""Choosing a rung."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kodo.base.errors import SandboxError
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.ladder import RungReport, choose_rung, open_sandbox, probe_rungs

pytestmark = pytest.mark.anyio
BROKEN = RungReport("bwrap", works=False, why_not="no namespaces")
WORKING = RungReport("landlock", works=True)


async def test_every_rung_is_reported_best_first(make_jail: Callable[..., Jail]) -> None:
    reports = await probe_rungs(make_jail())
    assert [report.name for report in reports] == ["bwrap", "userns", "landlock", "docker", "local"]
    assert reports[-1].works
    assert reports[-1].guarantees == {"processes_ended", "environment_scrubbed"}
    for report in reports[:-1]:
        assert report.works == ("network_denied" in report.guarantees)


async def test_auto_takes_the_next_rung_that_works(make_jail: Callable[..., Jail]) -> None:
    no_userns = RungReport("userns", works=False, why_not="no namespaces")
    sandbox = await open_sandbox("auto", make_jail(), [BROKEN, no_userns, WORKING])
    assert sandbox.name == "landlock"
    broken_too = RungReport("landlock", works=False, why_not="an old kernel")
    no_engine = RungReport("docker", works=False, why_not="no engine")
    reports = [BROKEN, no_userns, broken_too, no_engine]
    sandbox = await open_sandbox("auto", make_jail(), reports)
    assert sandbox.name == "local"


async def test_a_named_rung_that_does_not_work_is_an_error(make_jail: Callable[..., Jail]) -> None:
    with pytest.raises(SandboxError, match="no namespaces"):
        await choose_rung("bwrap", make_jail(), [BROKEN])
    with pytest.raises(SandboxError, match="unknown rung 'chroot'"):
        await choose_rung("chroot", make_jail())


def test_a_jail_around_nothing_or_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="whole file system"):
        checked(Jail(Path("/"), tmp_path))
    with pytest.raises(SandboxError, match="not a folder"):
        checked(Jail(tmp_path / "missing", tmp_path))
