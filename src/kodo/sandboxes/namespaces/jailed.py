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
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from kodo.base.errors import SandboxError
from kodo.base.process import Completed, run_process
from kodo.core.sandbox import ExecResult, Guarantee
from kodo.sandboxes.boundary import Boundary
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.guarded import Guarded, find_guarded
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.limits.cgroups import Cell, Cells
from kodo.sandboxes.namespaces.mounts import (
    Folders,
    Mount,
    fixed_mounts,
    guard_mounts,
    home_inside,
)
from kodo.sandboxes.network.gate import Gate
from kodo.sandboxes.network.settings import proxy_environment
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


class Start(msgspec.Struct, frozen=True):
    """How a rung starts one command: the words, and the open files that they name."""

    argv: list[str]
    files: tuple[int, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """One command, as a rung has to build it."""

    mounts: tuple[Mount, ...]
    cwd: Path
    words: list[str]
    filter: bytes
    cell: Cell | None


class Namespaced(ABC):
    """Runs every command in fresh namespaces. `gate` lets commands reach the hosts it allows."""

    name: str

    def __init__(self, jail: Jail, *, gate: Gate | None = None) -> None:
        """Raises SandboxError where the workspace cannot be used."""
        self._jail = checked(jail)
        self._gate = gate
        self._boundary = Boundary(self._jail)
        self._cells = Cells(self._jail.limits)
        self._session: Session | None = None
        self._fixed: tuple[Mount, ...] | None = None
        self._preparing = anyio.Lock()
        self._environment: dict[str, str] = {}
        self._filter = _filter(self._jail)

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""
        limits = self._jail.limits
        held: set[Guarantee] = {*_ALWAYS, *self._cells.guarantees}
        if limits.memory_bytes is not None:
            held.add("memory_limited")
        if limits.file_bytes is not None:
            held.add("file_size_limited")
        if limits.processes is not None and os.geteuid() != 0:
            held.add("pids_limited")
        if self._jail.profile != "full":
            held |= _CONTAINED
            if self._filter:
                held.add("kernel_calls_limited")
            if not self._jail.allow_net:
                held.add("hosts_limited" if self._gate is not None else "network_denied")
        return frozenset(held)

    @abstractmethod
    def _start(self, wanted: Wanted, stack: ExitStack) -> Start:
        """Return how to start a command; what is opened for it is closed by `stack`."""

    @abstractmethod
    async def _why_not(self, done: Completed) -> str | None:
        """Return why the jail cannot be built, where the output looks as if it was not."""

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | AsyncIterable[bytes] | None = None,
        timeout_s: float = 120,
        max_output_bytes: int = 1 << 20,
        on_output: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> ExecResult:
        """See `kodo.core.sandbox.Sandbox.exec`."""
        return await self._exec(
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            timeout_s=timeout_s,
            max_output_bytes=max_output_bytes,
            on_output=on_output,
        )

    async def exec_open(
        self,
        command: str,
        *,
        cwd: Path | None,
        environment: Mapping[str, str],
        timeout_s: float,
        max_output_bytes: int,
        on_output: Callable[[bytes], Awaitable[None]] | None,
    ) -> ExecResult:
        """Run a line with that whole environment, no network, and every `.git` open for writing.

        What makes git run programs stays read-only where it exists. Raises SandboxError.
        """
        return await self._exec(
            command,
            cwd=cwd,
            env=environment,
            stdin=None,
            timeout_s=timeout_s,
            max_output_bytes=max_output_bytes,
            on_output=on_output,
            opened=True,
        )

    async def _exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None,
        env: Mapping[str, str] | None,
        stdin: bytes | AsyncIterable[bytes] | None,
        timeout_s: float,
        max_output_bytes: int,
        on_output: Callable[[bytes], Awaitable[None]] | None,
        opened: bool = False,
    ) -> ExecResult:
        place = self._boundary.cwd(cwd)
        words = ["bash", "-c", command] if isinstance(command, str) else list(command)
        try:
            done = await self.attempt(
                words,
                self._jail.workspace.joinpath(*place.parts),
                opened=opened,
                env=env,
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
            )
        except OSError as error:
            raise SandboxError(
                f"cannot start a command in the {self.name} jail: {error}"
            ) from error
        why = await self._why_not(done)
        if why is not None:
            raise SandboxError(f"the jail cannot be built: {why}")
        return ExecResult(
            done.exit_code, done.output, done.duration_s, done.omitted_bytes, done.timed_out
        )

    async def attempt(
        self,
        words: list[str],
        inside: Path,
        *,
        opened: bool = False,
        env: Mapping[str, str] | None = None,
        stdin: bytes | AsyncIterable[bytes] | None = None,
        timeout_s: float = 20,
        max_output_bytes: int = 1 << 20,
        on_output: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> Completed:
        """Run words in the folder `inside`, without a look at whether the jail was built.

        `opened`: with every `.git` open for writing, `env` as the whole environment, no gate.
        Raises OSError where the first program or a control group cannot be made.
        """
        async with self._preparing:
            fixed = self._fixed = self._fixed or await to_thread.run_sync(self.prepare)
        async with AsyncExitStack() as stack:
            inner = stack.enter_context(ExitStack())
            files: tuple[int, ...] = ()
            if self._gated is not None and not opened:
                channel = await stack.enter_async_context(self._gated.admit())
                files = (channel,)
                words = [sys.executable, "-I", "-S", HANDOFF_INSIDE, str(channel), *words]
            cell = inner.enter_context(self._cells.open())
            mounts = (*fixed, *self.guards(opened=opened))
            wanted = Wanted(mounts, inside, words, self._filter, cell)
            start = self._start(wanted, inner)
            return await run_process(
                start.argv,
                env=dict(env or {}) if opened else {**self._environment, **(env or {})},
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
                pass_fds=(*start.files, *files),
            )

    async def read(self, path: Path) -> bytes:
        """See `kodo.core.sandbox.Sandbox.read`."""
        return await to_thread.run_sync(self._boundary.read, path)

    async def write(self, path: Path, data: bytes | None) -> None:
        """See `kodo.core.sandbox.Sandbox.write`."""
        await to_thread.run_sync(self._boundary.write, path, data)

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
        words = ["/bin/sh", "-c", _PROBE, "probe", target]
        done = await sandbox.attempt(words, jail.workspace.resolve())
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
