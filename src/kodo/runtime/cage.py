"""The jail of a run: the rung that holds it, the sandbox on it, and the gate to allowed hosts.

Guards that hosts are held apart where the rung can, and that it is said where it cannot.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from kodo.agent.budget import RunBudget
from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, SandboxError
from kodo.core.events import HostContacted
from kodo.core.sandbox import Sandbox, Scratch
from kodo.runtime.config import Settings
from kodo.runtime.identity import committer
from kodo.runtime.models import proxy_for
from kodo.runtime.registry import NETWORK, load
from kodo.runtime.rungs import forget, host_key, known_to_work, note_working
from kodo.runtime.settings import JailSettings
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.ladder import (
    HAVE_A_GATE,
    RungReport,
    choose_rung,
    lacks,
    make_git_jail,
    make_sandbox,
    open_copy,
)
from kodo.sandboxes.network.gate import Gate

Network = Literal["off", "hosts", "open"]

OnHost = Callable[[HostContacted], Awaitable[None]]
AskHost = Callable[[str, str], Awaitable[bool]]


class Meter:
    """Counts the commands of a run on its account, once there is one."""

    __slots__ = ("budget",)

    def __init__(self) -> None:
        self.budget: RunBudget | None = None

    def count(self) -> None:
        """Count one command before it is started. Raises LimitReached."""
        if self.budget is not None:
            self.budget.reserve_process()


class Cage(msgspec.Struct, frozen=True):
    """What a run's commands live in. `network`: nothing, the allowed hosts, or all of it.

    `git` is the same jail for lines of plain git, which may write the repository. `meter` counts
    the commands of all of them.
    """

    rung: RungReport
    jail: Jail
    sandbox: Sandbox
    gate: Gate | None
    network: Network
    meter: Meter
    git: Sandbox | None = None

    async def open_scratch(self, *, quiet: bool = False) -> Scratch:
        """Return a copy of the workspace with a sandbox of the same kind; `quiet`: no network."""
        if quiet:
            return await open_copy(self.rung.name, self._shut(), count=self.meter.count)
        return await open_copy(self.rung.name, self.jail, gate=self.gate, count=self.meter.count)

    def make_quiet(self) -> Sandbox:
        """Return a sandbox of the same kind that has no network. The caller closes it."""
        return make_sandbox(self.rung.name, self._shut(), count=self.meter.count)

    def _shut(self) -> Jail:
        return msgspec.structs.replace(self.jail, allow_net=False)


async def tell_nobody(contacted: HostContacted) -> None:
    """Tell nobody."""


async def refuse(question: str, reason: str) -> bool:
    """Answer no: there is no person to ask."""
    return False


def make_jail(settings: Settings) -> Jail:
    """Return the jail that the settings ask for, with no network."""
    paths = settings.paths
    return Jail(
        workspace=settings.cwd,
        home=settings.environment.home,
        environment=settings.environment.variables,
        profile=settings.config.sandbox,
        secrets=(
            paths.config_file,
            paths.projects,
            paths.trust_file,
            paths.tokens_file,
            paths.rules_file,
            paths.run,
        ),
        cache_home=paths.store(settings.cwd).parent / "home",
        limits=jail_limits(settings.config.jail),
    )


def jail_limits(wanted: JailSettings) -> JailLimits:
    """Return the limits that are configured. Raises ConfigError for one that nothing fits in."""
    for name in wanted.__struct_fields__:
        amount: int | float | str = getattr(wanted, name)
        if not isinstance(amount, str) and amount <= 0:
            raise ConfigError(
                f'jail.{name} = {amount} leaves nothing; give a number above 0, or "none"'
            )

    def number(amount: int | Literal["none"], unit: int = 1) -> int | None:
        return None if amount == "none" else amount * unit

    return JailLimits(
        memory_bytes=number(wanted.memory_mib, 1 << 20),
        processes=number(wanted.processes),
        file_bytes=number(wanted.file_mib, 1 << 20),
        memory_sum_bytes=number(wanted.memory_sum_mib, 1 << 20),
        processors=None if wanted.processors == "none" else wanted.processors,
        cpu_seconds=number(wanted.cpu_seconds),
        written_bytes=number(wanted.written_mib, 1 << 20),
        free_bytes=number(wanted.free_mib, 1 << 20),
    )


def rung_note(settings: Settings) -> Path:
    """Return where it is kept which rungs worked on this host."""
    return settings.paths.projects.parent / "rungs.json"


@asynccontextmanager
async def open_cage(
    settings: Settings, *, on_host: OnHost = tell_nobody, ask: AskHost = refuse
) -> AsyncGenerator[Cage]:
    """Yield the jail of a run. `on_host` hears of every host that a command asked for.

    `ask` is asked, with a reason, about hosts that the configuration wants asked. Raises
    ConfigError where a named rung does not work here or a host is none, SandboxError.
    """
    config = settings.config
    jail = make_jail(settings)
    wants_hosts = bool(config.allow_hosts or config.network.ask)
    gates = load(NETWORK, "rules")(
        config.allow_hosts, ask=config.network.ask, deny=config.network.deny
    ) if wants_hosts else None  # fmt: skip
    note, host = rung_note(settings), host_key(settings.environment.variables)
    known = known_to_work(note, host, utc_now())
    try:
        rung = await choose_rung(config.rung, jail, require=config.require, known=known)
    except SandboxError as error:
        if config.rung != "auto":
            raise ConfigError(str(error)) from error  # a rung was named that is none here
        raise
    if rung.name not in known:
        note_working(note, host, rung.name, utc_now())
    async with AsyncExitStack() as stack:
        gate: Gate | None = None
        network: Network = "off"
        if jail.profile == "full":
            network = "open"
        elif gates is not None and rung.name in HAVE_A_GATE:
            network = "hosts"
            gate = await stack.enter_async_context(_open_gate(settings, gates, on_host, ask))
        elif gates is not None:
            if rung.name != "local" and "*" not in config.allow_hosts:
                raise ConfigError(
                    f"the rung {rung.name!r} cannot hold hosts apart; install bubblewrap, or open"
                    " the whole network with --allow-host '*'"
                )
            network = "open"
            jail = msgspec.structs.replace(jail, allow_net=True)
        meter = Meter()
        sandbox = make_sandbox(rung.name, jail, gate, meter.count)
        stack.push_async_callback(sandbox.aclose)
        if config.require and (missing := lacks(sandbox.guarantees, config.require)):
            raise ConfigError(
                f"{', '.join(missing)} is required, but --allow-host opens the network:"
                " take one of them back"
            )
        try:
            git = make_git_jail(sandbox, jail, committer(settings))
            yield Cage(rung, jail, sandbox, gate, network, meter, git)
        except SandboxError:
            forget(note)
            raise


@asynccontextmanager
async def _open_gate(
    settings: Settings, rules: object, on_host: OnHost, ask: AskHost
) -> AsyncGenerator[Gate]:
    async def on_contact(contact: object) -> None:
        await on_host(load(NETWORK, "event")(contact))

    async def ask_host(host: str, port: int) -> bool:
        return await ask(f"let commands reach {host}:{port}?", "the rule network.ask names it")

    def upstream(host: str, port: int) -> str | None:
        scheme = "http" if port == 80 else "https"
        return proxy_for(settings, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    credentials = load(NETWORK, "credentials")(
        settings.config.network.credentials, settings.environment.variables
    )
    async with load(NETWORK, "proxy")(
        rules, credentials=credentials, on_contact=on_contact, ask=ask_host, upstream=upstream
    ) as proxy:
        yield proxy
