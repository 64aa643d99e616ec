"""The environment in which git runs no program but itself, and the settings that rule that out.

Knows no jail. Guards against hooks, monitors, editors, pagers, signing, helpers and transports,
whatever the repository is configured to, and against programs from folders that commands can write.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from kodo.sandboxes.environment import DEFAULT_PATH

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.editor": ":",
    "sequence.editor": ":",
    "core.pager": "cat",
    "core.askPass": "",
    "core.sshCommand": "false",
    "core.attributesFile": "/dev/null",
    "core.untrackedCache": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "tag.forceSignAnnotated": "false",
    "log.showSignature": "false",
    "merge.verifySignatures": "false",
    "gpg.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "credential.helper": "",
    "interactive.diffFilter": "",
    "branch.autoSetupMerge": "false",
    "branch.autoSetupRebase": "never",
    "submodule.recurse": "false",
    "status.submoduleSummary": "false",
    "diff.ignoreSubmodules": "all",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "init.templateDir": "",
    "advice.detachedHead": "false",
}
_VARIABLES = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_EDITOR": ":",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TEMPLATE_DIR": "",
    "GIT_MERGE_AUTOEDIT": "no",
}
_KEPT = frozenset({"LANG", "LANGUAGE", "TERM", "TZ", "HOME", "TMPDIR", "USER", "LOGNAME"})
_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/run")

RUNS = re.compile(
    r"(?i)^(filter\..*\.(clean|smudge|process)|merge\..*\.driver|diff\.external"
    r"|diff\..*\.(command|textconv)|include\..*|includeif\..*|trailer\..*\.(cmd|command)|hook\..*"
    r"|core\.alternaterefscommand|rebase\..*exec.*|stash\..*cmd|pager\..*|guitool\..*)$"
)
"""Settings that name a program, or a file with more settings, and cannot be switched off."""
RUNS_IN_NESTED = re.compile(rf"{RUNS.pattern}|(?i:^core\.(fsmonitor|hookspath|worktree)$)")
"""In a repository within this one git does not heed what it is told from outside."""


def quiet_environment(
    given: Mapping[str, str], workspace: Path, home: Path, who: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of a plain git command; `who` names author and committer."""
    kept = {name: value for name, value in given.items() if name in _KEPT or name.startswith("LC_")}
    kept["PATH"] = _safe_path(given.get("PATH", DEFAULT_PATH), (workspace, home))
    kept |= {**_VARIABLES, **who, "GIT_CONFIG_COUNT": str(len(_SETTINGS))}
    for number, (name, value) in enumerate(_SETTINGS.items()):
        kept[f"GIT_CONFIG_KEY_{number}"] = name
        kept[f"GIT_CONFIG_VALUE_{number}"] = value
    return kept


def _safe_path(path: str, writable: Iterable[Path]) -> str:
    """Return the folders of a PATH in which commands of the run cannot have put a program."""
    closed = [*_WRITABLE, *map(str, writable)]
    kept: list[str] = []
    for entry in path.split(":"):
        real = os.path.realpath(entry)
        inside = any(real == folder or real.startswith(f"{folder}/") for folder in closed)
        if entry.startswith("/") and not inside and Path(real).is_dir():
            kept.append(entry)
    return ":".join(kept) or DEFAULT_PATH
