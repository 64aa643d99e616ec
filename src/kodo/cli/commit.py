"""`--commit`: a git commit of the files that a run changed, and of nothing else.

Git runs on the host, in a repository that commands of the run could write to. Guards that nothing
the repository names is run by it: no hook, no monitor, no filter, no signing, no transport.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kodo.base.errors import KodoError
from kodo.core.events import RunEnded
from kodo.runtime.config import Settings

SUBJECT_CHARS = 72
_SAFE = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "commit.gpgsign=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
_ENVIRONMENT = {
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_WHO = ("GIT_AUTHOR_", "GIT_COMMITTER_")
_FROM_STDIN = ("--pathspec-from-file=-", "--pathspec-file-nul")


class GitFailed(KodoError):
    """Git could not be run, or said no; the message is what it said, on one line."""


class Git:
    """Runs git in a folder, trusting neither the environment nor the repository."""

    __slots__ = ("_cwd", "_environment", "_more")

    def __init__(self, cwd: Path, variables: Mapping[str, str]) -> None:
        self._cwd = cwd
        own = {
            name: value
            for name, value in variables.items()
            if not name.startswith("GIT_") or name.startswith(_WHO)
        }
        self._environment = {**own, **_ENVIRONMENT}
        self._more: tuple[str, ...] = ()

    def run(self, *words: str, paths: Iterable[str] = (), may: Sequence[int] = (0,)) -> list[str]:
        """Give git the paths on stdin and return the NUL-separated items that it prints.

        Raises GitFailed where it ends with a code that is not among `may`.
        """
        try:
            done = subprocess.run(
                ["git", *_SAFE, *self._more, *words],
                cwd=self._cwd,
                env=self._environment,
                input="\0".join(paths).encode("utf-8", "surrogateescape"),
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise GitFailed("git is not installed") from None
        if done.returncode not in may:
            said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
            raise GitFailed(" ".join(said.split())[:300] or f"exit code {done.returncode}")
        out = done.stdout.decode("utf-8", "surrogateescape")
        return [item for item in out.split("\0") if item]

    def disarm(self, paths: Sequence[str]) -> None:
        """Switch off hooks that the configuration names.

        Raises GitFailed where one of the files would go through a filter that the repository
        itself sets up: it cannot be left out without changing what is committed.
        """
        keys = self.run(
            *("config", "-z", "--show-scope", "--name-only", "--get-regexp"),
            r"^(filter\..*\.(clean|process)|hook\..*\.command)$",
            may=(0, 1),
        )
        filters: set[str] = set()
        for scope, key in zip(keys[::2], keys[1::2], strict=True):
            name = key.partition(".")[2].rpartition(".")[0]
            if key.startswith("hook."):
                self._more += ("-c", f"hook.{name}.enabled=false")
            elif scope not in ("system", "global"):
                filters.add(name)
        if not filters:
            return
        found = self.run("check-attr", "-z", "--stdin", "filter", paths=paths)
        for path, used in zip(found[::3], found[2::3], strict=True):
            if used in filters:
                raise GitFailed(
                    f"{path!r} goes through the filter {used!r} of the repository's own "
                    "configuration, which is not run; commit it yourself"
                )


def commit(settings: Settings, task: str, ended: RunEnded) -> bool:
    """Commit the files that the run changed, and nothing else.

    Says on stderr what was done, or why nothing was. Returns False where there was something to
    commit and it could not be done; what was staged for it is unstaged then.
    """
    if not ended.changed:
        return _say("nothing was changed, so nothing is committed", good=True)
    if ended.outcome not in ("verified", "unverified"):
        return _say(f"the run ended {ended.outcome}, so nothing is committed", good=False)
    git = Git(settings.cwd, settings.environment.variables)
    try:
        count = _commit(git, settings.cwd, ended.changed, _message(task, ended))
    except GitFailed as error:
        return _say(f"git did not commit: {error}", good=False)
    if not count:
        return _say("git ignores or never knew the changed files: nothing to commit", good=True)
    return _say(f"committed {count} file(s)", good=True)


def _commit(git: Git, cwd: Path, changed: Sequence[str], message: str) -> int:
    """Commit and return of how many files. Raises GitFailed."""
    git.disarm(changed)
    # This one command takes no literal pathspecs; nothing begins with magic behind "./".
    found = git.run(
        *("--no-literal-pathspecs", "check-ignore", "--no-index", "-z", "--stdin"),
        paths=[f"./{path}" for path in changed],
        may=(0, 1),
    )
    ignored = {path.removeprefix("./") for path in found}
    staged = set(git.run("ls-files", "-z"))
    has_head = git.run("rev-parse", "--verify", "-q", "HEAD", may=(0, 1))
    known = staged | set(git.run("ls-tree", "-r", "-z", "--name-only", "HEAD") if has_head else ())
    there = {path for path in changed if (cwd / path).is_symlink() or (cwd / path).is_file()}
    new = [path for path in changed if path in there - staged - ignored]
    wanted = [path for path in changed if path in known or path in new]
    if not wanted:
        return 0
    try:
        if new:
            git.run("add", *_FROM_STDIN, paths=new)
        git.run(
            *("commit", "-q", "--no-verify", "--cleanup=whitespace", "-m", message),
            *("--only", *_FROM_STDIN),
            paths=wanted,
        )
    except BaseException:
        if new:
            git.run("update-index", "-z", "--force-remove", "--stdin", paths=new)
        raise
    return len(wanted)


def _message(task: str, ended: RunEnded) -> str:
    subject = " ".join(task.split()) or "Changes by kodo"
    if len(subject) > SUBJECT_CHARS:
        subject = f"{subject[: SUBJECT_CHARS - 1]}…"
    proof = "\n".join(f"{item.command} → exit {item.exit_code}" for item in ended.evidence)
    return f"{subject}\n\n{proof}\n" if proof else f"{subject}\n"


def _say(text: str, *, good: bool) -> bool:
    sys.stderr.write(f"kodo: {text}\n")
    return good
