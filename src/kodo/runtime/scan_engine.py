"""The scan engine made from the settings, with the rules that come with kodo and those of the user.

Loads engine and YAML by name, when the first file is scanned.
"""

from collections.abc import Callable
from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.runtime.config import Settings
from kodo.runtime.registry import SCAN, load
from kodo.scan.file_scan import SourceEngine
from kodo.scan.rules.schema import RuleFile
from kodo.scan.rules.store import SHIPPED, load_rules

ReadFile = Callable[[str], bytes | None]


def rule_folders(settings: Settings) -> tuple[Path, ...]:
    """Return where rules come from. Raises ConfigError where the user's folder is not there."""
    own = settings.config.scan.rules
    if not own:
        return (SHIPPED,)
    folder = Path(own).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"scan.rules is {own!r}, which is no folder; give one of YAML files")
    return SHIPPED, folder


def rules_cache(settings: Settings) -> Path:
    """Return the folder in which compiled rules are kept. It need not exist."""
    return settings.paths.projects.parent / "rules"


def make_engine(cache: Path, folders: tuple[Path, ...], read: ReadFile) -> SourceEngine:
    """Return an engine; in a worker process too, so its arguments can be pickled."""
    engine: SourceEngine = load(SCAN, "engine")(rule_files(cache, folders), read=read)
    return engine


def rule_files(cache: Path, folders: tuple[Path, ...]) -> list[RuleFile]:
    """Return all rules. Raises ConfigError where a rule file is wrong."""
    return load_rules(cache, _read_rules, folders=folders)


def _read_rules(folder: Path) -> list[RuleFile]:
    found: list[RuleFile] = load(SCAN, "read_rules")(folder)  # YAML, so only when a rule is new
    return found
