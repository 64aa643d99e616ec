"""The hooks of a session: the user's from config.toml, a trusted project's from its own file.

Runs none. Guards that a project's hooks count only in a trusted folder, never reach the network,
and that a hook that cannot be meant stops kodo before anything runs.
"""

import msgspec

from kodo.agent.hooks.hook import Hook, Hooks
from kodo.base.errors import ConfigError
from kodo.core.messages import Value
from kodo.runtime.config import Settings
from kodo.runtime.config_file import read_file

PROJECT_HOOKS = ".kodo/hooks.toml"


class HookFile(Value, frozen=True):
    """A project's `.kodo/hooks.toml`."""

    hooks: tuple[Hook, ...] = ()


def open_hooks(settings: Settings) -> Hooks:
    """Return the hooks that count, the user's first. Raises ConfigError naming file and hook."""
    found = list(_proven(settings.config.hooks, settings.origin("hooks")))
    if settings.trusted:
        found += _project_hooks(settings)
    return Hooks(tuple(found))


def _project_hooks(settings: Settings) -> list[Hook]:
    path = settings.project / PROJECT_HOOKS
    file = read_file(path)
    if file is None:
        return []
    try:
        hooks = msgspec.convert(file.tables, HookFile).hooks
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    for hook in hooks:
        if hook.network:
            raise ConfigError(
                f"{path}: the hook {hook.title!r} has network = true, which a project's hook may "
                f"not; it belongs in {str(settings.paths.config_file)!r}"
            )
    return _proven(hooks, str(path))


def _proven(hooks: tuple[Hook, ...], origin: str) -> list[Hook]:
    for hook in hooks:
        if fault := hook.fault():
            raise ConfigError(f"{origin}: the hook {hook.title!r}: {fault}")
    return list(hooks)
