"""Who commits in the jail, where a repository does not say: the person's own name for git.

The jail does not show the person's settings of git. Guards that asking runs nothing of a workspace.
"""

import subprocess
from collections.abc import Mapping
from functools import partial

from kodo.runtime.config import Settings
from kodo.sandboxes.repository.gitjail import Who

_NOBODY = {"user.name": "kodo", "user.email": "kodo@localhost"}


def committer(settings: Settings) -> Who:
    """Return what names author and committer, by git's variables; asked once for every line."""
    return partial(_variables, settings.environment.variables)


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    name, email = (_asked(key, variables) for key in ("user.name", "user.email"))
    given = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
    }
    return {key: variables.get(key) or value for key, value in given.items()}


def _asked(key: str, variables: Mapping[str, str]) -> str:
    own = {name: value for name, value in variables.items() if not name.startswith("GIT_")}
    try:
        words = ["git", "config", "--get", key]
        done = subprocess.run(words, cwd="/", env=own, capture_output=True, check=False)
    except OSError:
        return _NOBODY[key]
    return done.stdout.decode("utf-8", "replace").strip() or _NOBODY[key]
