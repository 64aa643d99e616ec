"""The bubblewrap rung: namespaces around every command.

Covered: writes outside the workspace, and inside it those to every `.git` and to `.kodo` (so no
commit from within: kodo commits outside); the user's credentials, the network, other processes,
/tmp, survivors, size of files and of one process. Not covered: a `.git` or `.kodo` that is made in
the run or is a symlink, kernel bugs, the sum of memory, single hosts (the network is on or off),
and for root the number of processes.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from kodo.base.errors import SandboxError
from kodo.base.process import run_process
from kodo.core.sandbox import ExecResult, Guarantee
from kodo.sandboxes.boundary import Boundary
from kodo.sandboxes.environment import DEFAULT_PATH, scrub
from kodo.sandboxes.guarded import Guarded, find_guarded
from kodo.sandboxes.home import hidden, outermost, shown, system_secrets
from kodo.sandboxes.jail import Jail, JailLimits, checked
from kodo.sandboxes.private import make_private
from kodo.sandboxes.removal import remove_tree

_KERNEL_SETTINGS = tuple(
    f"/proc/{name}"
    for name in (
        "sys",
        "sysrq-trigger",
        "irq",
        "bus",
        "fs",
        "acpi",
        "scsi",
        "driver",
        "mtrr",
        "pressure",
    )
)


class _Session(msgspec.Struct):
    """A private /tmp and HOME that last over the commands of one sandbox."""

    folder: Path
    guarded: Guarded = Guarded()

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    @property
    def home(self) -> Path:
        return self.folder / "home"


class Bubblewrap:
    """Runs every command in fresh namespaces through the `bwrap` program."""

    name = "bwrap"

    def __init__(self, jail: Jail, *, program: str | None = None) -> None:
        """Raises SandboxError where `bwrap` is not installed or the workspace cannot be used."""
        self._jail = checked(jail)
        found = program or shutil.which("bwrap", path=jail.environment.get("PATH", DEFAULT_PATH))
        if found is None:
            raise SandboxError("bwrap is not installed; install the package 'bubblewrap'")
        self._program = found
        self._boundary = Boundary(self._jail)
        self._session: _Session | None = None
        self._fixed: list[str] | None = None
        self._preparing = anyio.Lock()
        self._environment: dict[str, str] = {}

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""
        held: set[Guarantee] = {"processes_ended", "host_processes_hidden"}
        if self._jail.limits.memory_bytes is not None:
            held.add("memory_limited")
        if self._jail.limits.processes is not None and os.geteuid() != 0:
            held.add("pids_limited")
        if self._jail.profile != "full":
            held |= {"write_outside_denied", "read_secrets_denied", "private_tmp"}
        if not self._jail.allow_net and self._jail.profile != "full":
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
        place = self._boundary.cwd(cwd)
        async with self._preparing:
            fixed = self._fixed = self._fixed or await to_thread.run_sync(self.prepare)
        inside = self._jail.workspace.joinpath(*place.parts)
        words = ["bash", "-c", command] if isinstance(command, str) else list(command)
        fixed = [*fixed, *self.guards()]
        argv = [*fixed, "--chdir", str(inside), "--", *_limited(self._jail.limits), *words]
        try:
            done = await run_process(
                argv,
                env={**self._environment, **(env or {})},
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
            )
        except OSError as error:
            raise SandboxError(f"cannot start {self._program!r}: {error}") from error
        if done.exit_code == 1 and done.output.startswith(b"bwrap: "):
            # A command may print this too; then it fails like any other.
            why = await probe(self._jail, program=self._program)
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

    def prepare(self) -> list[str]:
        """Make the private folders; return the words that every command line begins with."""
        jail = self._jail
        session = self._session = _Session(make_private("jail"), find_guarded(jail))
        session.tmp.mkdir()
        session.tmp.chmod(0o1777)
        session.home.mkdir()
        if jail.cache_home is not None:
            jail.cache_home.mkdir(parents=True, exist_ok=True)
        home = _home_inside(jail)
        self._environment = scrub(jail.environment, str(home), allow_net=jail.allow_net)
        return [self._program, *_arguments(jail, session, home)]

    def guards(self) -> list[str]:
        """Return the words that guard what lies in the workspace as it is now. After `prepare`."""
        session = self._session
        return list(_guards(self._jail, session.guarded.now())) if session is not None else []


async def probe(jail: Jail, *, program: str | None = None) -> str | None:
    """Run a command in a jail and see whether it holds. Returns why it does not, or None."""
    try:
        sandbox = Bubblewrap(_strict(jail), program=program)
    except SandboxError as error:
        return str(error)
    target = await to_thread.run_sync(tempfile.mkdtemp, "", "kodo-probe-", "/var/tmp")
    try:
        inside = str(jail.workspace.resolve())
        script = ["/bin/sh", "-c", _PROBE, "probe", target]
        argv = [*sandbox.prepare(), *sandbox.guards(), "--chdir", inside, "--", *script]
        done = await run_process(argv, env=sandbox.environment, timeout_s=20)
    except OSError as error:
        return f"cannot start it: {error}"
    finally:
        await sandbox.aclose()
        await to_thread.run_sync(remove_tree, Path(target))
    answer = done.output.decode("utf-8", "replace").strip()
    if done.exit_code == 0 and answer == "holds":
        return None
    return answer.replace("bwrap: ", "", 1)[:300] or f"exit code {done.exit_code} without a word"


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


def _strict(jail: Jail) -> Jail:
    return Jail(
        jail.workspace,
        jail.home,
        jail.environment,
        "read-only",
        secrets=jail.secrets,
        host_root=jail.host_root,
    )


def _home_inside(jail: Jail) -> Path:
    """The real home's path, or one in /tmp where the workspace contains the home or none exists."""
    real = jail.home
    if jail.profile == "full":
        return real
    if real == jail.workspace or jail.workspace in real.parents or not real.is_dir():
        return Path("/tmp/home")
    return real if real != Path("/") else Path("/tmp/home")


def _arguments(jail: Jail, session: _Session, home: Path) -> Iterator[str]:
    yield from ("--die-with-parent", "--new-session")
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts")
    yield from ("--unshare-user", "--unshare-cgroup-try", "--cap-drop", "ALL")
    yield from ("--hostname", "kodo")
    if jail.profile == "full":
        yield from ("--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc")
        return
    yield "--disable-userns"
    if not jail.allow_net:
        yield "--unshare-net"
    yield from ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run")
    for name in _KERNEL_SETTINGS:
        # Root keeps its uid, and so could write these without any capability.
        yield from ("--ro-bind-try", name, name)
    yield from ("--bind", str(session.tmp), "/tmp", "--tmpfs", "/var/tmp")
    resolver = Path("/etc/resolv.conf").resolve()
    if jail.allow_net and Path("/run") in resolver.parents and resolver.exists():
        yield from ("--ro-bind", str(resolver), str(resolver))
    system = Path("/run/current-system")
    if system.exists():
        yield from ("--ro-bind", str(system), str(system))
    yield from _home_mounts(jail, session, home)
    yield from _workspace_mounts(jail)


def _home_mounts(jail: Jail, session: _Session, home: Path) -> Iterator[str]:
    """Bind a private home with what is shown of the real one, and mask the secrets around it."""
    yield from ("--bind", str(jail.cache_home or session.home), str(home))
    secrets = [*hidden(jail.home, jail.secrets), *system_secrets()]
    if home == jail.home:
        seen = shown(home, jail.environment, allow_net=jail.allow_net)
        for path in seen:
            yield from ("--ro-bind-try", str(path), str(path))
        secrets = [
            secret
            for secret in secrets
            if home not in secret.parents
            or any(path == secret or path in secret.parents for path in seen)
        ]
    for secret in outermost(secrets):
        if jail.workspace not in secret.parents:
            yield from _mask(secret)


def _workspace_mounts(jail: Jail) -> Iterator[str]:
    inside = jail.workspace
    bind = "--ro-bind" if jail.profile == "read-only" else "--bind"
    yield from (bind, str(jail.host_root or inside), str(inside))
    for name in jail.shared:
        yield from ("--ro-bind-try", str(inside / name), str(inside / name))


def _guards(jail: Jail, guarded: Guarded) -> Iterator[str]:
    """Mount what is guarded over the workspace; the folders around it first, parents first."""
    root = jail.host_root or jail.workspace
    for bind, paths in (("--bind-try", guarded.pinned), ("--ro-bind-try", guarded.read_only)):
        for path in paths:
            yield from (bind, str(path), str(jail.workspace / path.relative_to(root)))
    for path in guarded.masked:
        yield from _mask(path, jail.workspace / path.relative_to(root))


def _mask(path: Path, inside: Path | None = None) -> Iterator[str]:
    where = str(inside or path)
    if path.is_dir():
        yield from ("--tmpfs", where, "--remount-ro", where)
    elif path.exists():
        yield from ("--ro-bind", "/dev/null", where)


def _limited(limits: JailLimits) -> list[str]:
    """Return the words that set the limits and then become the command."""
    steps: list[str] = []
    if limits.memory_bytes is not None:
        steps.append(f"ulimit -d {limits.memory_bytes >> 10}")
    if limits.file_bytes is not None:
        steps.append(f"ulimit -f {limits.file_bytes >> 9}")
    if limits.processes is not None and os.geteuid() != 0:
        steps.append(f"ulimit -{_PROCESS_FLAG} {limits.processes}")
    return ["/bin/sh", "-c", "; ".join([*steps, 'exec "$@"']), "sh"] if steps else []


_PROCESS_FLAG = "p" if Path("/bin/sh").resolve().name in {"dash", "ash", "busybox"} else "u"
