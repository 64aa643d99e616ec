"""The bubblewrap rung: namespaces around every command, built by the `bwrap` program.

Knows the words of bwrap and nothing else; what is covered stands in `jailed.py`.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from kodo.base.errors import SandboxError
from kodo.base.process import Completed
from kodo.sandboxes.environment import DEFAULT_PATH
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.limits.cgroups import joining
from kodo.sandboxes.limits.each import of_each
from kodo.sandboxes.namespaces.jailed import Namespaced, Wanted, prove
from kodo.sandboxes.namespaces.mounts import TMPFS_BYTES, Mount
from kodo.sandboxes.network.gate import Gate
from kodo.sandboxes.orders import Order
from kodo.sandboxes.passing import open_filled


class Bubblewrap(Namespaced):
    """Runs every command in fresh namespaces through the `bwrap` program."""

    name = "bwrap"

    def __init__(self, jail: Jail, *, program: str | None = None, gate: Gate | None = None) -> None:
        """Raises SandboxError where `bwrap` is not installed or the workspace cannot be used."""
        super().__init__(jail, gate=gate)
        found = program or shutil.which("bwrap", path=jail.environment.get("PATH", DEFAULT_PATH))
        if found is None:
            raise SandboxError("bwrap is not installed; install the package 'bubblewrap'")
        self._program = found

    async def _start(self, wanted: Wanted, order: Order, stack: ExitStack) -> Completed:
        argv = [self._program, *_arguments(self._jail, gated=self._gated is not None)]
        argv += _words(wanted.mounts)
        files = list(wanted.files)
        if wanted.filter:
            files.append(open_filled("filter", wanted.filter, stack))
            argv += ["--seccomp", str(files[-1])]
        argv += ["--chdir", str(wanted.cwd), "--", *_limited(self._jail.limits), *wanted.words]
        argv = [*joining(wanted.cell), *argv]
        return await order.run(argv, env=order.over(self.environment), files=files)

    async def _why_not(self, done: Completed) -> str | None:
        if done.exit_code != 1 or not done.output.startswith(b"bwrap: "):
            return None
        # A command may print this too; then it fails like any other.
        return await probe(self._jail, program=self._program)


async def probe(jail: Jail, *, program: str | None = None) -> str | None:
    """Run a command in a jail and see whether it holds. Returns why it does not, or None."""
    return await prove(lambda trial: Bubblewrap(trial, program=program), jail, "bwrap: ")


def _arguments(jail: Jail, *, gated: bool) -> Iterator[str]:
    yield from ("--die-with-parent", "--new-session")
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts")
    yield from ("--unshare-user", "--unshare-cgroup-try", "--cap-drop", "ALL")
    yield from ("--hostname", "kodo")
    if jail.profile == "full":
        return
    yield "--disable-userns"
    if gated or not jail.allow_net:
        yield "--unshare-net"


def _words(mounts: Iterable[Mount]) -> Iterator[str]:
    for mount in mounts:
        match mount.kind:
            case "bind" | "ro-bind" | "dev-bind":
                flag = f"--{mount.kind}-try" if mount.optional else f"--{mount.kind}"
                yield from (flag, mount.source, mount.target)
            case "tmpfs":
                yield from ("--size", str(TMPFS_BYTES), "--tmpfs", mount.target)
            case _:
                yield from (f"--{mount.kind}", mount.target)


def _limited(limits: JailLimits) -> list[str]:
    """Return the words that set the limits and then become the command."""
    steps: list[str] = []
    for name, amount in of_each(limits):
        flag, unit = _FLAGS[name]
        steps.append(f"ulimit -{flag} {amount // unit}")
    return ["/bin/sh", "-c", "; ".join([*steps, 'exec "$@"']), "sh"] if steps else []


_PROCESS_FLAG = "p" if Path("/bin/sh").resolve().name in {"dash", "ash", "busybox"} else "u"
_FLAGS = {"cpu": ("t", 1), "data": ("d", 1024), "fsize": ("f", 512), "nproc": (_PROCESS_FLAG, 1)}
"""The shell's flag for each limit, and the unit that it counts in."""
