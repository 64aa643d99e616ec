"""Which toolchain can build a project's tests once for many proposals.

Knows the toolchains by their plans. Guards that a command which none of them wholly understands is
run as it is.
"""

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.by_shim.toolchain import plan_shims
from kodo.agent.strategies.search.trials.golang.toolchain import plan_go
from kodo.agent.strategies.search.trials.rust.cargo import plan_cargo
from kodo.agent.strategies.search.trials.rust.toolchain import CargoToolchain
from kodo.agent.strategies.search.trials.schemata.toolchain import Toolchain


def toolchain_for(command: TestCommand) -> Toolchain | None:
    """Return the toolchain of a test command, or None."""
    if command.language == "rust":
        cargo = plan_cargo(command)
        return CargoToolchain(cargo) if cargo is not None else None
    if command.language == "go":
        return plan_go(command)
    return plan_shims(command)
