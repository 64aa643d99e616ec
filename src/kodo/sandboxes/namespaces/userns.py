"""The userns rung: the same namespaces as bubblewrap's, built by kodo itself.

For hosts without bwrap that let a user make namespaces (Linux 5.12). What is covered stands in
`jailed.py`; the building itself is `launcher.py`, a program of its own.
"""

import os
import sys
from contextlib import ExitStack

from kodo.base.errors import SandboxError
from kodo.base.process import Completed
from kodo.sandboxes.confine import FAILED
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.limits.each import of_each
from kodo.sandboxes.namespaces.jailed import Namespaced, Wanted, prove
from kodo.sandboxes.namespaces.mounts import TMPFS_BYTES
from kodo.sandboxes.namespaces.plan import PREFIX, Plan
from kodo.sandboxes.network.gate import Gate
from kodo.sandboxes.orders import Order
from kodo.sandboxes.zygote.client import Zygote

_MACHINES = ("x86_64", "aarch64")
_ENTER = "from kodo.sandboxes.namespaces.launcher import enter"


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
        self._zygote = Zygote(_ENTER, PREFIX)

    async def _start(self, wanted: Wanted, order: Order, stack: ExitStack) -> Completed:
        folder = self.session_folder
        assert folder is not None, "prepare comes first"
        root = folder / "root"
        root.mkdir(exist_ok=True)
        plan = Plan(
            root=str(root),
            cwd=str(wanted.cwd),
            steps=[(m.kind, m.target, m.source, m.optional) for m in wanted.mounts],
            limits=of_each(self._jail.limits),
            filter=wanted.filter,
            tmpfs_bytes=TMPFS_BYTES,
            network=self._gated is None and (self._jail.allow_net or self._jail.profile == "full"),
        )
        child = await self._zygote.fork(
            plan.dump(),
            wanted.words,
            order.over(self.environment),
            cwd="/",
            doors=wanted.cell.doors if wanted.cell is not None else (),
            files=wanted.files,
            feeds=order.stdin is not None,
        )
        return await order.attend(child)

    async def aclose(self) -> None:
        """End the process that starts commands and remove the private folders."""
        self._zygote.close()
        await super().aclose()

    async def _why_not(self, done: Completed) -> str | None:
        if done.exit_code != FAILED or not done.output.startswith(PREFIX.encode()):
            return None
        # A command may print this too; then it fails like any other.
        return await probe(self._jail)


async def probe(jail: Jail) -> str | None:
    """Run a command in a jail and see whether it holds. Returns why it does not, or None."""
    return await prove(UserNamespaces, jail, PREFIX)
