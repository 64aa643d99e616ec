"""What a run is permitted, from the settings: rule files, git's aliases, secrets to take out.

Knows files, no command. Guards that a rule whose own examples fail stops kodo before anything runs,
and that a project's rules count only where the folder is trusted.
"""

import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from kodo.agent.permission.places import Places
from kodo.agent.permission.rules import Rule, Source, read_rules, rule_text
from kodo.agent.permission.verdicts import RuleBook, failed_examples
from kodo.base.errors import ConfigError
from kodo.base.redaction import MIN_SECRET, Redactor, dotenv_values, is_secret_name, secret_values
from kodo.runtime.config import Settings

PROJECT_RULES = ".kodo/rules"
MAX_DOTENV_BYTES = 256 << 10
_DOTENV = re.compile(r"^(\.env(\..+)?|.+\.env|\.envrc)$")
_EXAMPLES = re.compile(r"(?i)(example|sample|template|dist|schema)")
_ALIAS = re.compile(r"^\s*([\w.-]+)\s*=\s*(.*?)\s*$")


def places_of(settings: Settings) -> Places:
    """Return the folders that commands are judged by."""
    return Places(str(settings.cwd), str(settings.environment.home))


def open_rules(settings: Settings) -> RuleBook:
    """Return the rules of the user, of a trusted project, and kodo's own.

    Raises ConfigError naming file, line and column of a mistake, or the example that fails.
    """
    places = places_of(settings)
    rules = list(load_rules(settings.paths.rules_file, "user", places))
    if settings.trusted:
        rules += load_rules(settings.project / PROJECT_RULES, "project", places)
    return RuleBook(places, rules, _Aliases(settings).found)


def load_rules(path: Path, source: Source, places: Places) -> tuple[Rule, ...]:
    """Return the rules of a file, each proven by its own examples; none where there is no file."""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from error
    rules = read_rules(text, str(path), source)
    for rule in rules:
        prove(rule, places)
    return rules


def prove(rule: Rule, places: Places) -> None:
    """Raise ConfigError where an example of the rule does not come out as the rule says."""
    if failed := failed_examples(rule, places):
        raise ConfigError(
            f"{rule.where or 'rule'}: the rule {rule.name!r} fails its own example: {failed[0]}; "
            "mend the rule or the example"
        )


async def save_rule(settings: Settings, book: RuleBook, rule: Rule) -> None:
    """Add a rule that a person gave to their own file and to the running book.

    Raises ConfigError where it fails its own example or cannot be written.
    """
    places = places_of(settings)
    path = settings.paths.rules_file
    names = {known.name for known in book.rules}
    number = 2
    base = rule.name
    while rule.name in names:
        rule = Rule(f"{base}-{number}", rule.decision, command=rule.command, match=rule.match)
        number += 1
    prove(rule, places)
    book.add(rule)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text("utf-8") if path.exists() else ""
        joint = "" if not before or before.endswith("\n\n") else "\n"
        path.write_text(f"{before}{joint}{rule_text(rule)}", "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {str(path)!r}: {error.strerror}") from error


class _Aliases:
    """git's aliases of the project and the user, read when git is first judged."""

    def __init__(self, settings: Settings) -> None:
        self._files = (
            settings.environment.home / ".gitconfig",
            settings.environment.home / ".config/git/config",
            settings.project / ".git/config",
            settings.project / ".git/config.worktree",
        )

    @cached_property
    def _found(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in self._files:
            try:
                text = path.read_text("utf-8", "replace")
            except OSError:
                continue
            found.update(read_aliases(text))
        return found

    def found(self) -> dict[str, str]:
        return self._found


def read_aliases(text: str) -> dict[str, str]:
    """Return the `[alias]` entries of a git configuration."""
    found: dict[str, str] = {}
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("["):
            inside = line.strip().lower().startswith("[alias")
        elif inside and (entry := _ALIAS.match(line)):
            value = entry[2]
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1].replace('\\"', '"')
            found[entry[1]] = value
    return found


class Secrets:
    """Makes the redactor of a run, anew when a `.env` file of the workspace changes."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.cwd
        self._hide = settings.config.secrets.dotenv == "hide"
        self._known = secret_values(settings.environment.variables)
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._redactor = Redactor(self._known)

    def redactor(self) -> Redactor:
        """Return what takes secrets out of text now."""
        if not self._hide:
            return self._redactor
        files = sorted(_dotenv_files(self._root))
        if tuple(files) != self._seen:
            self._seen = tuple(files)
            pairs = [_read_dotenv(path) for path, _, _ in files]
            values = {
                name: value
                for group in pairs
                for name, value in group.items()
                if len(value) >= MIN_SECRET and (is_secret_name(name) or _looks_random(value))
            }
            values.update({k: v for group in pairs for k, v in secret_values(group).items()})
            self._redactor = Redactor({**values, **self._known}, pairs)
        return self._redactor


def _dotenv_files(root: Path) -> Iterable[tuple[str, int, int]]:
    """Yield path, time and size of the `.env` files in the workspace and the folders just below."""
    folders = [str(root)]
    for depth in (0, 1):
        for folder in list(folders):
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if _DOTENV.match(entry.name) and not _EXAMPLES.search(entry.name):
                            if entry.is_file():
                                status = entry.stat()
                                yield entry.path, status.st_mtime_ns, status.st_size
                        elif depth == 0 and entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
            except OSError:
                continue
        folders = folders[1:]


def _read_dotenv(path: str) -> dict[str, str]:
    try:
        with Path(path).open("rb") as stream:
            return dotenv_values(stream.read(MAX_DOTENV_BYTES).decode("utf-8", "replace"))
    except OSError:
        return {}


def _looks_random(value: str) -> bool:
    """Tell whether a value is long and mixed enough to be a key rather than a word or a path."""
    if len(value) < 16 or re.search(r"[\s/]", value):
        return False
    return bool(re.search(r"\d", value)) and len(set(value)) >= 10
