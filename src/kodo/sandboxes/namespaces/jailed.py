"""What all jails made of namespaces share: private folders, guards, limits, the gate to hosts.

Covered: writes outside the workspace, and inside it those to every `.git` and to `.kodo` (lines of
plain git excepted, see `repository/`); the user's credentials, the network, other processes and
their keys, /tmp, survivors, devices, privileges, the kernel's rarer calls, size of files and of one
process. Not covered: a `.git` or `.kodo` that is made in the run or is a symlink, kernel bugs, and
where no cgroup can be made the sum of memory and, for root, the number of processes.
"""

import os
import sys
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from kodo.base.errors import SandboxError
from kodo.base.process import Completed
from kodo.core.sandbox import Guarantee
from kodo.sandboxes.boundary import Place
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.guarded import Guarded, find_guarded
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.limits.cgroups import Cell, Cells
from kodo.sandboxes.limits.each import limited
from kodo.sandboxes.namespaces.mounts import (
    Folders,
    Mount,
    fixed_mounts,
    guard_mounts,
    home_inside,
)
from kodo.sandboxes.network.gate import Gate
from kodo.sandboxes.network.settings import proxy_environment
from kodo.sandboxes.orders import Order, TakesOrders
from kodo.sandboxes.private import make_private
from kodo.sandboxes.removal import remove_tree
from kodo.sandboxes.seccomp import Machine, compile_filter

HANDOFF_INSIDE = "/run/kodo/handoff.py"
_HANDOFF = Path(__file__).parent.parent / "network" / "handoff.py"
_MACHINES: dict[str, Machine] = {"x86_64": "x86_64", "aarch64": "aarch64"}
_ALWAYS: frozenset[Guarantee] = frozenset({"processes_ended", "host_processes_hidden"})
_CONTAINED: frozenset[Guarantee] = frozenset(
    {
        "write_outside_denied",
        "read_secrets_denied",
        "repository_protected",
        "private_tmp",
        "environment_scrubbed",
        "privileges_denied",
        "signals_contained",
        "devices_denied",
    }
)


class Session(msgspec.Struct):
    """A private /tmp and HOME that last over the commands of one sandbox."""

    folder: Path
    guarded: Guarded = Guarded()

    @property
    def folders(self) -> Folders:
        return Folders(self.folder / "tmp", self.folder / "home")


class Wanted(msgspec.Struct, frozen=True):
    """One command, as a rung has to build it; `files` are open under their own numbers in it."""

    mounts: tuple[Mount, ...]
    cwd: Path
    words: list[str]
    filter: bytes
    cell: Cell | None
    files: tuple[int, ...]


class Namespaced(TakesOrders):
    """Runs every command in fresh namespaces. `gate` lets commands reach the hosts it allows."""

    def __init__(self, jail: Jail, *, gate: Gate | None = None) -> None:
        """Raises SandboxError where the workspace cannot be used."""
        super().__init__(jail)
        self._gate = gate
        self._cells = Cells(self._jail.limits)
        self._session: Session | None = None
        self._fixed: tuple[Mount, ...] | None = None
        self._preparing = anyio.Lock()
        self._environment: dict[str, str] = {}
        self._filter = _filter(self._jail)

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""
        held: set[Guarantee] = {*_ALWAYS, *self._cells.guarantees, *limited(self._jail.limits)}
        if self._jail.profile != "full":
            held |= _CONTAINED
            if self._filter:
                held.add("kernel_calls_limited")
            if not self._jail.allow_net:
                held.add("hosts_limited" if self._gate is not None else "network_denied")
        return frozenset(held)

    @abstractmethod
    async def _start(self, wanted: Wanted, order: Order, stack: ExitStack) -> Completed:
        """Build the jail and run the order in it; what is opened for it is closed by `stack`."""

    async def _carry_out(self, order: Order, place: Place) -> Completed:
        return await self.attempt(order, self._jail.workspace.joinpath(*place.parts))

    async def attempt(self, order: Order, inside: Path) -> Completed:
        """Run an order in the folder `inside`, without a look at whether the jail was built.

        Raises OSError where the first program or a control group cannot be made.
        """
        async with self._preparing:
            fixed = self._fixed = self._fixed or await to_thread.run_sync(self.prepare)
        words = order.words
        async with AsyncExitStack() as stack:
            inner = stack.enter_context(ExitStack())
            files: tuple[int, ...] = ()
            if self._gated is not None and not order.opened:
                channel = await stack.enter_async_context(self._gated.admit())
                files = (channel,)
                words = [sys.executable, "-I", "-S", HANDOFF_INSIDE, str(channel), *words]
            cell = inner.enter_context(self._cells.open())
            mounts = (*fixed, *self.guards(opened=order.opened))
            wanted = Wanted(mounts, inside, words, self._filter, cell, files)
            return await self._start(wanted, order, inner)

    async def aclose(self) -> None:
        """Remove the private folders. Commands have ended with their calls."""
        self._cells.close()
        session, self._session, self._fixed = self._session, None, None
        if session is not None:
            await to_thread.run_sync(remove_tree, session.folder)

    @property
    def session_folder(self) -> Path | None:
        """Where the private /tmp and HOME lie on the host; None before the first command."""
        return self._session.folder if self._session is not None else None

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command sees, once `prepare` has run."""
        return self._environment

    def prepare(self) -> tuple[Mount, ...]:
        """Make the private folders; return the mounts that every command begins with."""
        jail = self._jail
        session = self._session = Session(make_private("jail"), find_guarded(jail))
        folders = session.folders
        folders.tmp.mkdir()
        folders.tmp.chmod(0o1777)
        folders.home.mkdir()
        if jail.cache_home is not None:
            jail.cache_home.mkdir(parents=True, exist_ok=True)
        self._environment = scrub(
            jail.environment, str(home_inside(jail)), allow_net=jail.allow_net
        )
        if self._gated is None:
            return tuple(fixed_mounts(jail, folders))
        self._environment |= {**proxy_environment(), **self._gated.placeholders}
        return (*fixed_mounts(jail, folders), *_handoff_mounts(jail))

    def guards(self, *, opened: bool = False) -> list[Mount]:
        """Return what guards the workspace as it is now. After `prepare`.

        `opened`: plain git may write what it needs of every `.git`.
        """
        session = self._session
        if session is None:
            return []
        guarded = session.guarded.opened() if opened else session.guarded
        return list(guard_mounts(self._jail, guarded.now()))

    @property
    def guarded_repositories(self) -> Sequence[Path]:
        """Every `.git` that is read-only for commands; none before the first of them."""
        session = self._session
        return session.guarded.repositories if session is not None else ()

    @property
    def _gated(self) -> Gate | None:
        shut = not self._jail.allow_net and self._jail.profile != "full"
        return self._gate if shut else None


async def prove(make: Callable[[Jail], Namespaced], jail: Jail, prefix: str) -> str | None:
    """Run a command in a jail and see whether it holds. Returns why it does not, or None.

    `prefix` begins what the rung's own program complains of.
    """
    # Read-only, and without anything that outlives it.
    trial = msgspec.structs.replace(jail, profile="read-only", allow_net=False, cache_home=None)
    try:
        sandbox = make(trial)
    except SandboxError as error:
        return str(error)
    target = await to_thread.run_sync(tempfile.mkdtemp, "", "kodo-probe-", "/var/tmp")
    try:
        order = Order(["/bin/sh", "-c", _PROBE, "probe", target], timeout_s=20)
        done = await sandbox.attempt(order, jail.workspace.resolve())
    except OSError as error:
        return f"cannot start it: {error}"
    finally:
        await sandbox.aclose()
        await to_thread.run_sync(remove_tree, Path(target))
    answer = done.output.decode("utf-8", "replace").strip()
    if done.exit_code == 0 and answer == "holds":
        return None
    return answer.replace(prefix, "", 1)[:300] or f"exit code {done.exit_code} without a word"


_PROBE = """
if [ -w / ]; then echo 'the root folder can be written'; exit 1; fi
if [ -e "$1" ]; then echo '/var/tmp of the host can be seen'; exit 1; fi
if [ "$(tail -n +3 /proc/net/dev | grep -vc '^ *lo:')" != 0 ]; then
  echo 'network interfaces can be seen'; exit 1
fi
if [ "$$" -gt 64 ]; then echo 'processes of the host can be seen'; exit 1; fi
if [ -w . ]; then echo 'a read-only workspace can be written'; exit 1; fi
echo holds
"""
"""What a probe runs in a jail: it says `holds`, or what does not. $1 is a path of the host."""


def _filter(jail: Jail) -> bytes:
    machine = _MACHINES.get(os.uname().machine)
    if machine is None or jail.profile == "full":
        return b""
    return compile_filter(machine, allow_net=True, namespaces=True)


def _handoff_mounts(jail: Jail) -> list[Mount]:
    """Show the Python that opens the door from within, where the jail hides it otherwise."""
    prefix = Path(sys.base_prefix)
    around = (Path("/tmp"), Path("/var/tmp"), Path("/run"), jail.home)
    folders = {prefix, Path(sys.executable).parent, Path(os.path.realpath(sys.executable)).parent}
    shown = [
        Mount("ro-bind", str(folder), str(folder), optional=True)
        for folder in sorted(folders)
        if any(path in folder.parents for path in around)
    ]
    return [*shown, Mount("ro-bind", HANDOFF_INSIDE, str(_HANDOFF))]
