"""In which folders sessions may be opened, and with which settings.

Knows the configuration. Guards that a face works only in folders that the server's owner named, and
that it never gets a looser sandbox than the server was started with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kodo.runtime.config import Override, Settings
from kodo.server.problem import Problem, RequestError, bad_request
from kodo.server.sessions.commands import RunOptions

LoadSettings = Callable[[Path, Sequence[Override]], Settings]
_TIGHTNESS = ("read-only", "workspace-write", "full")


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a server: `roots`, and all that lie in them. `load` reads their settings."""

    home: Path
    roots: tuple[Path, ...]
    load: LoadSettings

    def find(self, name: str) -> Path:
        """Return the folder of that name; "" is the server's own, others lie under it.

        Raises RequestError: 404 where there is none, 403 where it is none of ours.
        """
        try:
            folder = (self.home / name).resolve(strict=True)
        except (OSError, ValueError) as error:
            raise RequestError(
                Problem(404, "no_folder", f"no folder {name!r} here", "folder")
            ) from error
        if not any(folder.is_relative_to(root) for root in self.roots):
            raise RequestError(
                Problem(
                    403,
                    "folder_not_allowed",
                    f"sessions in {name!r} are not allowed: start kodo serve with -C in a folder"
                    " around it, or add one to serve.folders",
                    "folder",
                )
            )
        if not folder.is_dir():
            raise RequestError(Problem(404, "no_folder", f"{name!r} is not a folder", "folder"))
        return folder

    def settings(self, name: str, options: RunOptions) -> Settings:
        """Return the settings for work in a folder. Raises RequestError, ConfigError."""
        folder = self.find(name)
        settings = self.load(folder, _overrides(options))
        allowed = self.load(folder, ()).config.sandbox
        if _TIGHTNESS.index(settings.config.sandbox) > _TIGHTNESS.index(allowed):
            raise bad_request(
                f"the sandbox {options.sandbox!r} is looser than this server's {allowed!r}:"
                " only the configuration can loosen it",
                code="sandbox_not_allowed",
                param="options.sandbox",
            )
        if settings.origin("mode") == "default":
            settings = settings.with_value("mode", "ask", "session API")
        return settings


def _overrides(options: RunOptions) -> list[Override]:
    chosen = (
        (("model",), options.model),
        (("strategy",), options.strategy),
        (("mode",), options.mode),
        (("sandbox",), options.sandbox),
        (("limits", "cost_usd"), options.budget_usd),
        (("limits", "tokens"), options.budget_tokens),
        (("limits", "seconds"), options.budget_seconds),
        (("limits", "tool_calls"), options.budget_tool_calls),
        (("limits", "model_calls"), options.budget_model_calls),
    )
    return [
        Override(key, value, f"options.{key[-1]}") for key, value in chosen if value is not None
    ]
