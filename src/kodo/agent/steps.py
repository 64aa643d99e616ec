"""Steps: what may change files, between two snapshots, so that just that can be taken back.

Does not know what is done in between. Guards that the state before is on record before anything
happens, and the state after also where the step is cut off.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from kodo.agent.agent import Agent
from kodo.agent.journal import Journal
from kodo.agent.permission.taint import MCP_PREFIX
from kodo.core.events import SnapshotTaken
from kodo.core.tool import Tool

STEP = "step"
STEPPED = "stepped"


def changes_files(tool: Tool) -> bool:
    """Tell whether a tool may change files of the workspace."""
    return tool.effect in ("write", "exec") or (
        tool.effect == "net" and tool.name.startswith(MCP_PREFIX)  # its server may write here
    )


@asynccontextmanager
async def recorded_step(agent: Agent, journal: Journal, call_id: str = "") -> AsyncGenerator[str]:
    """Give the state of the files before a step; the one after is recorded when it ends.

    `call_id` is the call that is carried out. Raises StoreError.
    """
    agent.steps += 1
    number = agent.steps
    before = await agent.snapshots.take()
    await journal.record(SnapshotTaken(before, STEP, number, call_id))
    try:
        yield before
    finally:
        with anyio.CancelScope(shield=True):
            after = await agent.snapshots.take()
            await journal.record(SnapshotTaken(after, STEPPED, number, call_id))
