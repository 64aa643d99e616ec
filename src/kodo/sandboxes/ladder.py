"""The ladder of rungs, best first: which work on this host, and a sandbox on the best of them.

Every rung is tried by really running in it. Remembers nothing: who asks may keep the answer.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

from kodo.base.errors import SandboxError
from kodo.core.messages import Value
from kodo.core.sandbox import Guarantee, Sandbox
from kodo.sandboxes import landlock
from kodo.sandboxes.copy import CopyLimits
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.landlock import Landlock
from kodo.sandboxes.local import GUARANTEES, Local
from kodo.sandboxes.namespaces import bubblewrap, docker, userns
from kodo.sandboxes.namespaces.bubblewrap import Bubblewrap
from kodo.sandboxes.namespaces.docker import Docker
from kodo.sandboxes.namespaces.jailed import Namespaced
from kodo.sandboxes.namespaces.userns import UserNamespaces
from kodo.sandboxes.network.gate import Gate
from kodo.sandboxes.orders import TakesOrders, count_nothing
from kodo.sandboxes.repository.gitjail import GitJail, Who
from kodo.sandboxes.scratch import ScratchCopy, open_scratch

Rung = Literal["bwrap", "userns", "landlock", "docker", "local"]
RUNGS: tuple[Rung, ...] = ("bwrap", "userns", "landlock", "docker", "local")
HAVE_A_GATE: frozenset[Rung] = frozenset({"bwrap", "userns"})
"""Rungs that can hold single hosts apart; on the others the network is on or off."""

_PROBES = {
    "bwrap": bubblewrap.probe,
    "userns": userns.probe,
    "landlock": landlock.probe,
    "docker": docker.probe,
}


class RungReport(Value, frozen=True):
    """What a probe found: `why_not` is empty where the rung works."""

    name: Rung
    works: bool
    why_not: str = ""
    guarantees: frozenset[Guarantee] = frozenset()


async def probe_rung(name: Rung, jail: Jail) -> RungReport:
    """Try one rung by running in it. A rung that does not work is a report, not an error."""
    if name == "local":
        return RungReport("local", works=True, guarantees=GUARANTEES)
    why_not = await _PROBES[name](jail)
    if why_not is not None:
        return RungReport(name, works=False, why_not=why_not)
    return RungReport(name, works=True, guarantees=make_sandbox(name, jail).guarantees)


async def probe_rungs(jail: Jail) -> tuple[RungReport, ...]:
    """Try all rungs, best first. Raises SandboxError where the jail itself makes no sense."""
    return tuple([await probe_rung(name, jail) for name in RUNGS])


async def choose_rung(
    rung: str,
    jail: Jail,
    reports: Sequence[RungReport] = (),
    *,
    require: Collection[Guarantee] = (),
    known: Collection[str] = (),
) -> RungReport:
    """Return the report of the rung to use: the named one, or for `auto` the best that works.

    A rung that lacks a guarantee of `require` does not work. Those of `known` worked on this host a
    while ago and are not tried again; without `require` their report names no guarantees.

    `reports` are those of an earlier probe on this host; a rung that is not among them is probed.
    Raises SandboxError where the named rung is unknown or does not work.
    """
    if rung != "auto" and rung not in RUNGS:
        raise SandboxError(f"unknown rung {rung!r}; choose from auto, {', '.join(RUNGS)}")
    probed = {report.name: report for report in reports}
    lacking: list[str] = []
    for name in RUNGS:
        if rung not in ("auto", name):
            continue
        report = probed.get(name)
        if report is None and name in known:
            # Finding out what holds starts processes: only who requires something waits for it.
            held = make_sandbox(name, jail).guarantees if require else frozenset[Guarantee]()
            report = RungReport(name, works=True, guarantees=held)
        report = report or await probe_rung(name, jail)
        if missing := lacks(report.guarantees, require) if report.works else []:
            why_not = f"it does not guarantee {', '.join(missing)}, which is required"
            report = RungReport(name, works=False, why_not=why_not)
            lacking.append(f"{name}: {why_not}")
        if report.works:
            return report
        if rung == name:
            raise SandboxError(
                f"rung {name!r} does not work here: {report.why_not}; try --rung auto"
            )
    # Without a requirement the last rung always works.
    raise SandboxError(
        f"no rung holds what is required ({'; '.join(lacking)}); see kodo doctor env"
    )


def lacks(held: Collection[Guarantee], required: Collection[Guarantee]) -> list[Guarantee]:
    """Return what is required and not held; no network at all limits the hosts too."""
    has = {*held, "hosts_limited"} if "network_denied" in held else set(held)
    return sorted(set(required) - has)


def make_sandbox(
    name: Rung,
    jail: Jail,
    gate: Gate | None = None,
    count: Callable[[], None] = count_nothing,
) -> Sandbox:
    """Return a sandbox on this rung, without a probe. Raises SandboxError.

    `gate` counts on the rungs of HAVE_A_GATE, where the jail has no network of its own. `count` is
    called before each command.
    """
    made = _make(name, jail, gate)
    made.count = count
    return made


def _make(name: Rung, jail: Jail, gate: Gate | None) -> TakesOrders:
    match name:
        case "bwrap":
            return Bubblewrap(jail, gate=gate)
        case "userns":
            return UserNamespaces(jail, gate=gate)
        case "landlock":
            return Landlock(jail)
        case "docker":
            return Docker(jail)
        case "local":
            return Local(jail)


def make_git_jail(sandbox: Sandbox, jail: Jail, who: Who) -> Sandbox | None:
    """Return a view of a sandbox for lines of plain git; None where there is nothing to open."""
    if jail.profile != "workspace-write" or not isinstance(sandbox, Namespaced | Landlock):
        return None
    return GitJail(sandbox, jail, who)


async def open_sandbox(rung: str, jail: Jail, reports: Sequence[RungReport] = ()) -> Sandbox:
    """Return a sandbox on the chosen rung (see `choose_rung`). Close it with `aclose`."""
    return make_sandbox((await choose_rung(rung, jail, reports)).name, jail)


async def open_copy(
    name: Rung,
    jail: Jail,
    limits: CopyLimits | None = None,
    parent: Path | None = None,
    gate: Gate | None = None,
    count: Callable[[], None] = count_nothing,
) -> ScratchCopy:
    """Return a scratch copy of the jail's workspace with a sandbox on this rung.

    It lies below `parent`, by default the system's temporary folder. Raises SandboxError where the
    workspace is too large to copy.
    """
    return await open_scratch(
        jail,
        lambda copy: make_sandbox(name, copy, gate, count),
        shows_in_place=name in ("bwrap", "userns", "docker"),
        limits=limits,
        parent=parent,
    )
