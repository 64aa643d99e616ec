"""The lowest rung: commands run on the host as they are.

Covered: processes end with their call, the environment is scrubbed, kodo's own file access stays
in the workspace. Not covered: everything else; what a command does, it does to the host.
"""

from anyio import CancelScope, to_thread

from kodo.base.hashing import NewId, new_id
from kodo.base.process import Completed
from kodo.core.sandbox import Guarantee
from kodo.sandboxes.boundary import Place
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.orders import Order, TakesOrders
from kodo.sandboxes.survivors import MARK, end_marked

GUARANTEES: frozenset[Guarantee] = frozenset({"processes_ended", "environment_scrubbed"})


class Local(TakesOrders):
    """Isolates nothing, and says so."""

    name = "local"

    def __init__(self, jail: Jail, *, new_id: NewId = new_id) -> None:
        """Raises SandboxError where the workspace cannot be used."""
        super().__init__(jail)
        self._new_id = new_id
        self._environment = scrub(jail.environment, str(self._jail.home), allow_net=True)

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """Little."""
        return GUARANTEES

    async def _carry_out(self, order: Order, place: Place) -> Completed:
        mark = self._new_id()
        try:
            return await order.run(
                ["/bin/sh", "-c", 'exec "$@"', "sh", *order.words],
                cwd=place.path,
                env={"PWD": str(place.path), **order.over(self._environment), MARK: mark},
            )
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(end_marked, mark)

    async def aclose(self) -> None:
        """Nothing is left over: every call ends its own processes."""
