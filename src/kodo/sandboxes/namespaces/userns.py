"""The userns rung: the same namespaces as bubblewrap's, built by kodo itself.

For hosts without bwrap that let a user make namespaces (Linux 5.12). What is covered stands in
`jailed.py`; the building itself is `launcher.py`, a program of its own.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from kodo.base.errors import SandboxError
from kodo.base.process import Completed
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.namespaces.jailed import Namespaced, Start, Wanted, prove
from kodo.sandboxes.namespaces.mounts import TMPFS_BYTES
from kodo.sandboxes.namespaces.passing import open_filled
from kodo.sandboxes.namespaces.plan import FAILED, PREFIX, Plan
from kodo.sandboxes.network.gate import Gate

_MACHINES = ("x86_64", "aarch64")
_SOURCE = Path(__file__).parents[3]
_START = (
    f"import sys; sys.path[:0] = [{str(_SOURCE)!r}]\n"
    "from kodo.sandboxes.namespaces.launcher import start\nstart()"
)


class UserNamespaces(Namespaced):
    """Runs every command in fresh namespaces that kodo's own launcher makes."""

    name = "userns"

    def __init__(self, jail: Jail, *, gate: Gate | None = None) -> None:
        """Raises SandboxError where the workspace cannot be used or the machine is unknown."""
        super().__init__(jail, gate=gate)
        if sys.platform != "linux" or os.uname().machine not in _MACHINES:
            raise SandboxError(
                f"userns is built for Linux on {' and '.join(_MACHINES)}, not for {sys.platform}"
            )

    def _start(self, wanted: Wanted, stack: ExitStack) -> Start:
        folder = self.session_folder
        assert folder is not None, "prepare comes first"
        root = folder / "root"
        root.mkdir(exist_ok=True)
        plan = Plan(
            root=str(root),
            cwd=str(wanted.cwd),
            steps=[(m.kind, m.target, m.source, m.optional) for m in wanted.mounts],
            doors=list(wanted.cell.doors) if wanted.cell is not None else [],
            limits=list(_limits(self._jail.limits)),
            filter=wanted.filter,
            tmpfs_bytes=TMPFS_BYTES,
            network=self._gated is None and (self._jail.allow_net or self._jail.profile == "full"),
        )
        handle = open_filled("plan", plan.dump(), stack)
        argv = [sys.executable, "-I", "-S", "-c", _START, str(handle), *wanted.words]
        return Start(argv, (handle,))

    async def _why_not(self, done: Completed) -> str | None:
        if done.exit_code != FAILED or not done.output.startswith(PREFIX.encode()):
            return None
        # A command may print this too; then it fails like any other.
        return await probe(self._jail)


async def probe(jail: Jail) -> str | None:
    """Run a command in a jail and see whether it holds. Returns why it does not, or None."""
    return await prove(UserNamespaces, jail, PREFIX)


def _limits(limits: JailLimits) -> list[tuple[str, int]]:
    wanted = [("data", limits.memory_bytes), ("fsize", limits.file_bytes)]
    if os.geteuid() != 0:
        wanted.append(("nproc", limits.processes))
    return [(name, amount) for name, amount in wanted if amount is not None]
