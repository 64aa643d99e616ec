"""The check commands that the finish gate runs: the configured ones, or what the project shows.

Knows settings and projects, no strategy. Loaded when a run that changed files ends. Guards that
nothing of the project runs outside a jail unless somebody agreed to that.
"""

from collections.abc import Sequence

from kodo.agent.policy import contains_commands
from kodo.agent.projects.project import detect_project, probe_tools
from kodo.core.sandbox import Sandbox
from kodo.runtime.config import Settings


async def find_checks(
    settings: Settings, sandbox: Sandbox, *, allow_net: bool, rung_chosen: bool
) -> Sequence[str]:
    """Return the commands to run, none where nobody agreed to run the project's code."""
    if settings.config.checks:
        return settings.config.checks
    if not (rung_chosen or contains_commands(sandbox, allow_net=allow_net)):
        return []  # nobody agreed to run the project's code outside a jail
    if not detect_project(settings.cwd, which=str).test_commands:
        return []  # nothing to run, so what is installed need not be asked
    installed = await probe_tools(sandbox)
    project = detect_project(
        settings.cwd,
        which=installed.which,
        python_modules=installed.python_modules,
    )
    runnable = [item for item in project.test_commands if item.available]
    return [runnable[0].text] if runnable else []
