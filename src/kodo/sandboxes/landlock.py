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
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
import msgspec
from anyio import CancelScope, to_thread

from kodo.base.errors import SandboxError
from kodo.base.hashing import NewId, new_id
from kodo.base.process import run_process
from kodo.core.sandbox import ExecResult, Guarantee
from kodo.sandboxes.boundary import Boundary
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.home import shown
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.landlock_rules import DEVICES, listable, open_around, readable, secrets
from kodo.sandboxes.limits.cgroups import Cells, joining
from kodo.sandboxes.private import make_private
from kodo.sandboxes.removal import remove_tree
from kodo.sandboxes.seccomp import Machine, compile_filter
from kodo.sandboxes.survivors import MARK, end_marked

LAUNCHER_FAILED = 125
LAUNCHER_PREFIX = "kodo-landlock: "
"""As in the launcher, which is not imported here: its ctypes would slow every start of kodo."""

_FOLDER = Path(__file__).parent
_LAUNCHER = _FOLDER / "landlock_launcher.py"
_TRIAL = _FOLDER / "landlock_trial.py"
_MACHINES: dict[str, Machine] = {"x86_64": "x86_64", "aarch64": "aarch64"}


class Landlock:
    """Runs every command through a launcher that shuts itself in first."""

    name = "landlock"

    def __init__(self, jail: Jail, *, machine: str | None = None, new_id: NewId = new_id) -> None:
        """Raises SandboxError where the workspace cannot be used or the machine is unknown."""
        self._jail = checked(jail)
        machine = machine or os.uname().machine
        if sys.platform != "linux" or machine not in _MACHINES:
            raise SandboxError(
                f"landlock is built for Linux on {' and '.join(_MACHINES)},"
                f" not for {sys.platform} on {machine!r}"
            )
        self._machine: Machine = _MACHINES[machine]
        self._boundary = Boundary(self._jail)
        self._cells = Cells(self._jail.limits)
        self._new_id = new_id
        self._session: Path | None = None
        self._preparing = anyio.Lock()
        self._environment: dict[str, str] = {}

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""
        jail = self._jail
        held: set[Guarantee] = {"processes_ended", *self._cells.guarantees}
        if jail.limits.memory_bytes is not None:
            held.add("memory_limited")
        if jail.limits.file_bytes is not None:
            held.add("file_size_limited")
        if jail.limits.processes is not None and os.geteuid() != 0:
            held.add("pids_limited")
        if jail.profile != "full":
            held |= {"write_outside_denied", "read_secrets_denied", "environment_scrubbed"}
            held |= {"privileges_denied", "devices_denied", "kernel_calls_limited"}
            if not jail.allow_net:
                held.add("network_denied")
        return frozenset(held)

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
            env=lambda: {**self._environment, **(env or {})},
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
        """Run a line with that whole environment; here every `.git` is open anyway."""
        return await self._exec(
            command,
            cwd=cwd,
            env=lambda: dict(environment),
            stdin=None,
            timeout_s=timeout_s,
            max_output_bytes=max_output_bytes,
            on_output=on_output,
        )

    @property
    def guarded_repositories(self) -> Sequence[Path]:
        """None: this rung cannot protect one."""
        return ()

    async def _exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None,
        env: Callable[[], Mapping[str, str]],
        stdin: bytes | AsyncIterable[bytes] | None,
        timeout_s: float,
        max_output_bytes: int,
        on_output: Callable[[bytes], Awaitable[None]] | None,
    ) -> ExecResult:
        place = self._boundary.cwd(cwd)
        async with self._preparing:
            session = self._session or await to_thread.run_sync(self.prepare)
        through_shell = ["/bin/sh", "-c", 'exec "$@"', "sh"]
        words = ["bash", "-c", command] if isinstance(command, str) else [*through_shell, *command]
        mark = self._new_id()
        stack = ExitStack()
        try:
            cell = stack.enter_context(self._cells.open())
            done = await run_process(
                [*joining(cell), *_START, str(session / "rules"), *words],
                cwd=place.path,
                env={"PWD": str(place.path), **env(), MARK: mark},
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
            )
        except OSError as error:
            raise SandboxError(f"cannot start {_START[0]!r}: {error}") from error
        finally:
            stack.close()
            with CancelScope(shield=True):
                await to_thread.run_sync(end_marked, mark)
        if done.exit_code == LAUNCHER_FAILED and done.output.startswith(LAUNCHER_PREFIX.encode()):
            # A command may print this too; then it fails like any other.
            why = await probe(self._jail)
            if why is not None:
                raise SandboxError(f"the jail cannot be built: {why}")
        return ExecResult(
            done.exit_code, done.output, done.duration_s, done.omitted_bytes, done.timed_out
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
        records = b"\0".join(_records(jail, self._machine, (tmp, home), also))
        (session / "rules").write_bytes(records)
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
            session = await to_thread.run_sync(sandbox.prepare, also)
            names = [str(target / "outside"), str(target / "secret"), str(jail.workspace)]
            argv = [*_START, str(session / "rules"), *_START[:3], str(_TRIAL), *names]
            done = await run_process(argv, env=sandbox.environment, timeout_s=20)
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


_START = [sys.executable, "-I", "-S", str(_LAUNCHER)]


def _records(
    jail: Jail, machine: Machine, private: Iterable[Path], also: Iterable[Path]
) -> Iterator[bytes]:
    limits = jail.limits
    if limits.memory_bytes is not None:
        yield f"Ldata={limits.memory_bytes}".encode()
    if limits.file_bytes is not None:
        yield f"Lfsize={limits.file_bytes}".encode()
    if limits.processes is not None and os.geteuid() != 0:
        yield f"Lnproc={limits.processes}".encode()
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
