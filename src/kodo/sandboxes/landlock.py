"""The Landlock rung: the kernel's own rules around every command, with nothing to install.

Covered: what files hold and are called outside the workspace, the user's credentials, devices, the
network with its loopback, sockets of other programs (docker, session bus, tmux), other processes'
memory, signals to them (Linux 6.12), privileges, survivors, size of files and of one process.
Not covered: modes and times of the user's own files elsewhere; within a writable workspace `.git`
and `.kodo`, as an allow list cannot leave them out and still let new files be made beside them;
the sight of other processes; where no control group can be made, the sum of memory.
Commands find their own folder at $TMPDIR; /tmp, /dev/shm (so semaphores), terminals, and the
listing of folders around something hidden (`ls /`) are closed.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
import msgspec
from anyio import CancelScope, to_thread

from kodo.base.errors import SandboxError
from kodo.base.hashing import NewId, new_id
from kodo.base.process import Completed
from kodo.core.sandbox import Guarantee
from kodo.sandboxes.boundary import Place
from kodo.sandboxes.confine import FAILED
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.home import shown
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.landlock_rules import DEVICES, listable, open_around, readable, secrets
from kodo.sandboxes.limits.cgroups import Cells
from kodo.sandboxes.limits.each import limited, of_each
from kodo.sandboxes.orders import Order, TakesOrders
from kodo.sandboxes.private import make_private
from kodo.sandboxes.removal import remove_tree
from kodo.sandboxes.seccomp import Machine, compile_filter
from kodo.sandboxes.survivors import MARK, end_marked
from kodo.sandboxes.zygote.client import Zygote

LAUNCHER_PREFIX = "kodo-landlock: "
"""As in the launcher, which is not imported here: its ctypes would slow every start of kodo."""

_FOLDER = Path(__file__).parent
_TRIAL = _FOLDER / "landlock_trial.py"
_ENTER = "from kodo.sandboxes.landlock_launcher import enter"
_MACHINES: dict[str, Machine] = {"x86_64": "x86_64", "aarch64": "aarch64"}


class Landlock(TakesOrders):
    """Runs every command in a process that shuts itself in first."""

    name = "landlock"

    def __init__(self, jail: Jail, *, machine: str | None = None, new_id: NewId = new_id) -> None:
        """Raises SandboxError where the workspace cannot be used or the machine is unknown."""
        super().__init__(jail)
        machine = machine or os.uname().machine
        if sys.platform != "linux" or machine not in _MACHINES:
            raise SandboxError(
                f"landlock is built for Linux on {' and '.join(_MACHINES)},"
                f" not for {sys.platform} on {machine!r}"
            )
        self._machine: Machine = _MACHINES[machine]
        self._zygote = Zygote(_ENTER, LAUNCHER_PREFIX)
        self._rules = b""
        self._cells = Cells(self._jail.limits)
        self._new_id = new_id
        self._session: Path | None = None
        self._preparing = anyio.Lock()
        self._environment: dict[str, str] = {}

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""
        jail = self._jail
        held: set[Guarantee] = {"processes_ended", *self._cells.guarantees, *limited(jail.limits)}
        if jail.profile != "full":
            held |= {"write_outside_denied", "read_secrets_denied", "environment_scrubbed"}
            held |= {"privileges_denied", "devices_denied", "kernel_calls_limited"}
            if not jail.allow_net:
                held.add("network_denied")
        return frozenset(held)

    async def _carry_out(self, order: Order, place: Place) -> Completed:
        async with self._preparing:
            self._session = self._session or await to_thread.run_sync(self.prepare)
        return await self.attempt(order, place.path)

    async def attempt(self, order: Order, inside: Path) -> Completed:
        """Run an order in the folder `inside`, after `prepare`. Raises OSError."""
        mark = self._new_id()
        with ExitStack() as stack:
            cell = stack.enter_context(self._cells.open())
            try:
                child = await self._zygote.fork(
                    self._rules,
                    order.words,
                    {"PWD": str(inside), **order.over(self._environment), MARK: mark},
                    cwd=str(inside),
                    doors=cell.doors if cell is not None else (),
                    feeds=order.stdin is not None,
                )
                return await order.attend(child)
            finally:
                with CancelScope(shield=True):
                    await to_thread.run_sync(end_marked, mark)

    async def _why_not(self, done: Completed) -> str | None:
        if done.exit_code != FAILED or not done.output.startswith(LAUNCHER_PREFIX.encode()):
            return None
        # A command may print this too; then it fails like any other.
        return await probe(self._jail)

    async def aclose(self) -> None:
        """Remove the private folders. Commands have ended with their calls."""
        self._zygote.close()
        self._cells.close()
        session, self._session = self._session, None
        if session is not None:
            await to_thread.run_sync(remove_tree, session)

    @property
    def session_folder(self) -> Path | None:
        """Where the rules, the private TMPDIR and HOME lie; None before the first command."""
        return self._session

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command sees, once `prepare` has run."""
        return self._environment

    def prepare(self, also: Iterable[Path] = ()) -> Path:
        """Make the private folders and the rules; return their folder. `also` can be read."""
        jail = self._jail
        session = make_private("jail").resolve()
        tmp, home = session / "tmp", session / "home"
        tmp.mkdir()
        if jail.cache_home is not None:
            # Not the folder itself: the bwrap rung leaves mount points in it, and we leave links.
            home = jail.cache_home.with_name(f"{jail.cache_home.name}-landlock")
        home.mkdir(parents=True, exist_ok=True)
        home = home.resolve()
        if jail.profile == "full":
            home = jail.home
        else:
            _link_toolchains(jail, home)
        self._environment = scrub(jail.environment, str(home), allow_net=jail.allow_net)
        if jail.profile != "full":
            self._environment["TMPDIR"] = str(tmp)
        self._rules = b"\0".join(_records(jail, self._machine, (tmp, home), also))
        self._session = session
        return session


async def probe(jail: Jail, *, machine: str | None = None) -> str | None:
    """Run attempts to get out in a jail. Returns which of them succeeds or what fails, or None."""
    target = Path(await to_thread.run_sync(tempfile.mkdtemp, "", "kodo-probe-", "/var/tmp"))
    try:
        for name in ("outside", "secret"):
            (target / name).write_bytes(b"x")
        strict = msgspec.structs.replace(
            jail,
            profile="read-only",
            allow_net=False,
            cache_home=None,
            secrets=(*jail.secrets, target / "secret"),
        )
        sandbox = Landlock(strict, machine=machine)
        try:
            also = (_FOLDER, Path(sys.prefix), Path(sys.base_prefix), target)
            await to_thread.run_sync(sandbox.prepare, also)
            names = [str(target / "outside"), str(target / "secret"), str(jail.workspace)]
            words = [sys.executable, "-I", "-S", str(_TRIAL), *names]
            done = await sandbox.attempt(Order(words, timeout_s=20), Path("/"))
        finally:
            await sandbox.aclose()
    except SandboxError as error:
        return str(error)
    except OSError as error:
        return f"cannot start it: {error}"
    finally:
        await to_thread.run_sync(remove_tree, target)
    answer = done.output.decode("utf-8", "replace").strip()
    if done.exit_code == 0 and answer == "holds":
        return None
    answer = answer.removeprefix(LAUNCHER_PREFIX)[-300:]
    return answer or f"exit code {done.exit_code} without a word"


def _records(
    jail: Jail, machine: Machine, private: Iterable[Path], also: Iterable[Path]
) -> Iterator[bytes]:
    for name, amount in of_each(jail.limits):
        yield f"L{name}={amount}".encode()
    if jail.profile == "full":
        return
    yield b"F" + compile_filter(machine, allow_net=jail.allow_net).hex().encode()
    if not jail.allow_net:
        yield b"N"
    hidden = secrets(jail)
    writable = [*private]
    if jail.profile == "workspace-write":
        writable += open_around(jail.host_root or jail.workspace, hidden)
    for path in readable(jail, Path(os.path.realpath(tempfile.gettempdir()))):
        yield b"R" + os.fsencode(path)
    for path in listable(jail):
        yield b"S" + os.fsencode(path)
    for path in also:
        for part in open_around(path.resolve(), hidden):
            yield b"R" + os.fsencode(part)
    for path in writable:
        yield b"W" + os.fsencode(path)
    for name in DEVICES:
        yield b"D" + name.encode()


def _link_toolchains(jail: Jail, home: Path) -> None:
    """Let the private home lead to what the real one shows, where programs look for it."""
    for path in shown(jail.home, jail.environment, allow_net=jail.allow_net):
        link = home / path.relative_to(jail.home)
        # An earlier command may have put a symlink on the way; nothing is made through it.
        with suppress(OSError):
            if Path(os.path.realpath(link.parent)).is_relative_to(home):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path)
