"""The options that mean the same in every command, and the settings they lead to.

Each group is added by the commands that need it. Guards that one option has one meaning.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.runtime.config import Override, Settings, load_settings, read_environment

_OVERRIDES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("model", ("model",), "--model"),
    ("strategy", ("strategy",), "--strategy"),
    ("sandbox", ("sandbox",), "--sandbox"),
    ("rung", ("rung",), "--rung"),
    ("mode", ("mode",), "--mode"),
    ("allow_host", ("allow_hosts",), "--allow-host"),
    ("budget_usd", ("limits", "cost_usd"), "--budget-usd"),
    ("budget_tokens", ("limits", "tokens"), "--budget-tokens"),
    ("budget_seconds", ("limits", "seconds"), "--budget-seconds"),
    ("budget_processes", ("limits", "processes"), "--budget-processes"),
    ("budget_tool_calls", ("limits", "tool_calls"), "--budget-tool-calls"),
    ("budget_model_calls", ("limits", "model_calls"), "--budget-model-calls"),
)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add -C, -c, -v: what every command takes."""
    group = parser.add_argument_group("common options")
    group.add_argument(
        "-C", "--cwd", "--cd", metavar="DIR", help="work in DIR instead of the current folder"
    )
    group.add_argument(
        "-c",
        "--config",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="set one key of the configuration, e.g. -c limits.tokens=50000",
    )
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="log to stderr (-vv: everything)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="report as JSON")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add -m."""
    parser.add_argument("-m", "--model", metavar="MODEL", help="provider/model")


def add_jail(parser: argparse.ArgumentParser) -> None:
    """Add --sandbox, --rung, --allow-host, --trust."""
    group = parser.add_argument_group("sandbox")
    group.add_argument(
        "--sandbox",
        choices=("read-only", "workspace-write", "full"),
        help="what commands may change (default: workspace-write)",
    )
    group.add_argument(
        "--rung",
        choices=("auto", "bwrap", "userns", "landlock", "docker", "local"),
        help="how they are held (default: auto, the strongest that works here)",
    )
    group.add_argument(
        "--allow-host",
        metavar="HOST",
        action="append",
        help="let commands reach HOST, *.HOST, HOST:PORT, * or a preset like @python",
    )
    group.add_argument(
        "--trust", action="store_true", help="use the folder's own .kodo/ files this once"
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add what every command that starts a run takes: model, jail, mode, strategy, budget."""
    add_model(parser)
    add_jail(parser)
    group = parser.add_argument_group("the run")
    group.add_argument("--mode", choices=("ask", "auto"), help="ask before risky steps, or deny")
    group.add_argument(
        "--strategy",
        choices=("auto", "tools", "search"),
        help="how the model is driven (default: auto, by its abilities)",
    )
    group.add_argument("--budget-usd", metavar="USD", type=float, help="stop at this cost")
    group.add_argument("--budget-tokens", metavar="N", type=int, help="stop at N tokens")
    group.add_argument("--budget-seconds", metavar="S", type=float, help="stop after S seconds")
    group.add_argument("--budget-tool-calls", metavar="N", type=int, help="stop at N tool calls")
    group.add_argument("--budget-processes", metavar="N", type=int, help="stop at N commands run")
    group.add_argument("--budget-model-calls", metavar="N", type=int, help="stop at N model calls")


def work_folder(arguments: argparse.Namespace) -> Path:
    """Return the folder to work in. Raises ConfigError where -C names no folder."""
    named: str | None = getattr(arguments, "cwd", None)
    try:
        folder = Path(named or ".").resolve(strict=True)
    except OSError as error:
        raise ConfigError(
            f"no folder {named or '.'!r}: {error.strerror}; give another -C"
        ) from error
    if not folder.is_dir():
        raise ConfigError(f"{named!r} is not a folder; give a folder to -C")
    return folder


def load(arguments: argparse.Namespace) -> Settings:
    """Return the settings for a command's arguments. Raises ConfigError."""
    return load_in(arguments, work_folder(arguments), ())


def load_in(arguments: argparse.Namespace, folder: Path, more: Sequence[Override]) -> Settings:
    """Return the settings for work in another folder, `more` laid over. Raises ConfigError."""
    overrides: list[Override] = []
    for name, key, flag in _OVERRIDES:
        value = getattr(arguments, name, None)
        if value is not None:
            overrides.append(Override(key, value, flag))
    return load_settings(
        read_environment(),
        folder,
        overrides=[*overrides, *more],
        assignments=getattr(arguments, "assignments", ()),
        trust=bool(getattr(arguments, "trust", False)),
    )
