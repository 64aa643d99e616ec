"""Plain git writes the repository from within the jail, and nothing is left that runs later."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from kodo.core.sandbox import Sandbox
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import Rung, make_git_jail, make_sandbox

pytestmark = pytest.mark.anyio

ME = {
    "GIT_AUTHOR_NAME": "Me",
    "GIT_AUTHOR_EMAIL": "me@example.org",
    "GIT_COMMITTER_NAME": "Me",
    "GIT_COMMITTER_EMAIL": "me@example.org",
}


def git(folder: Path, *words: str) -> str:
    """Run git on the host, with no settings of anybody's."""
    own = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/"}
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *words],
        cwd=folder,
        env={**own, **ME},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(workspace: Path) -> Path:
    """Return the workspace, as a repository with one commit and hooks that tell on themselves."""
    git(workspace, "init", "-q", "-b", "main")
    (workspace / "a.py").write_text("x = 1\n")
    git(workspace, "add", "a.py")
    git(workspace, "commit", "-qm", "one")
    for name in ("pre-commit", "post-commit", "post-checkout", "commit-msg", "post-index-change"):
        hook = workspace / ".git/hooks" / name
        hook.write_text("#!/bin/sh\ntouch hook-ran\n")
        hook.chmod(0o755)
    return workspace


@pytest.fixture
async def inner(
    rung: Rung, repository: Path, make_jail: Callable[..., Jail]
) -> AsyncIterator[Sandbox]:
    """Return the jail of ordinary commands."""
    if rung == "local":
        pytest.skip("local is no jail: nothing is opened in it")
    made = make_sandbox(rung, make_jail())
    yield made
    await made.aclose()


@pytest.fixture
def jail(inner: Sandbox, make_jail: Callable[..., Jail]) -> Sandbox:
    """Return the jail of plain git."""

    def who() -> Mapping[str, str]:
        return ME

    made = make_git_jail(inner, make_jail(), who)
    assert made is not None
    return made


async def run(jail: Sandbox, line: str) -> str:
    done = await jail.exec(line)
    output = done.output.decode("utf-8", "replace")
    assert done.exit_code == 0, output
    return output


async def test_branch_commit_merge_and_back(jail: Sandbox, repository: Path) -> None:
    (repository / "a.py").write_text("x = 2\n")
    told = await run(jail, "git switch -c topic && git add -A && git commit -m 'two things'")
    assert "hooks were not run" in told
    assert git(repository, "log", "-1", "--format=%an %s") == "Me two things"
    assert "hooks were not run" not in await run(jail, "git status --short")
    await run(jail, "git switch main && git merge --no-ff topic -m 'merge it'")
    await run(jail, "git tag v1; git stash; git revert -m 1 --no-edit HEAD")
    assert (repository / "a.py").read_text() == "x = 1\n"
    await run(jail, "git reset --hard v1 && git rebase --root")
    assert git(repository, "status", "--porcelain") == ""
    assert not (repository / "hook-ran").exists()


async def test_ordinary_commands_keep_the_repository_closed(
    inner: Sandbox, jail: Sandbox, repository: Path
) -> None:
    if "repository_protected" not in inner.guarantees:
        pytest.skip("this rung does not protect repositories")
    await run(jail, "git status")
    done = await inner.exec("echo y >> a.py; git add -A")
    assert done.exit_code != 0
    assert b"Read-only file system" in done.output


async def test_a_worktree_of_its_own(jail: Sandbox, repository: Path) -> None:
    await run(jail, "git worktree add side")
    assert (repository / "side/a.py").exists()
    await run(jail, "git status --short")
    await run(jail, "git worktree remove side")
    assert "side" not in git(repository, "worktree", "list")


async def test_the_repository_s_own_name_is_used(jail: Sandbox, repository: Path) -> None:
    git(repository, "config", "user.name", "Own")
    git(repository, "config", "user.email", "own@example.org")
    await run(jail, "git commit --allow-empty -m empty")
    assert git(repository, "log", "-1", "--format=%an") == "Own"


PLANTED = {
    "a hook": "echo x > .git/hooks/post-merge",
    "a changed hook": "echo 'touch evil' >> .git/hooks/pre-commit",
    "a hook in a new folder": "mv .git/hooks .git/h; mkdir .git/hooks; touch .git/hooks/a",
    "a linked hooks folder": "mv .git/hooks .git/h; mkdir p; ln -s ../p .git/hooks",
    "a setting": "git config core.fsmonitor ./evil",
    "a setting by rename": "cp .git/config .git/c; echo '[a]' >> .git/c; mv .git/c .git/config",
    "settings of the worktree": "echo '[core] fsmonitor = ./evil' > .git/config.worktree",
    "commondir": "mkdir -p evil; echo ../evil > .git/commondir",
    "attributes": "mkdir -p .git/info; echo '* filter=x' > .git/info/attributes",
    "a submodule": "mkdir -p .git/modules/m/hooks; echo ref > .git/modules/m/HEAD; "
    "echo '[core]' > .git/modules/m/config",
    "a file nobody thought of": "echo x > .git/new-name",
    "a link": "ln -s /etc/passwd .git/link",
    "a rebase that runs": "mkdir .git/rebase-merge; echo 'exec ./evil' > .git/rebase-merge/"
    "git-rebase-todo",
    "another worktree's settings": "mkdir -p .git/worktrees/w; echo x > .git/worktrees/w/"
    "config.worktree",
    "a mode": "chmod 777 .git/config",
    "a pipe": "mkfifo .git/hooks/pre-push",
}


@pytest.mark.parametrize("name", PLANTED)
async def test_nothing_is_left_that_runs_later(jail: Sandbox, repository: Path, name: str) -> None:
    """Even a line that is not plain git leaves nothing behind: the second wall stands alone."""
    before = picture(repository / ".git")
    await jail.exec(PLANTED[name])
    assert picture(repository / ".git") == before


def picture(folder: Path) -> dict[str, object]:
    """Return what lies in a `.git` beside objects, refs and index."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] in {"objects", "refs", "logs", "index"}:
            continue
        if name in {"h", "c"} or name.startswith("h/"):
            continue
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file():
            found[name] = (path.stat().st_mode, path.read_bytes())
        elif name not in {"worktrees", "worktrees/w", "rebase-merge"}:
            found[name] = "folder or other"
    return found


async def test_the_repository_cannot_be_moved_away(inner: Sandbox, jail: Sandbox) -> None:
    if "repository_protected" not in inner.guarantees:
        pytest.skip("this rung does not protect repositories")
    done = await jail.exec("mv .git elsewhere")
    assert done.exit_code != 0


SETTINGS = {
    "a filter": ("filter.x.clean", "./evil"),
    "a merge driver": ("merge.x.driver", "./evil %A"),
    "an external diff": ("diff.external", "./evil"),
    "a text converter": ("diff.x.textconv", "./evil"),
    "more settings": ("include.path", "../more"),
    "a trailer": ("trailer.x.command", "./evil"),
}


@pytest.mark.parametrize("name", SETTINGS)
async def test_what_cannot_be_switched_off_is_refused(
    jail: Sandbox, repository: Path, name: str
) -> None:
    git(repository, "config", *SETTINGS[name])
    done = await jail.exec("git commit --allow-empty -m x")
    assert done.exit_code == 1
    assert SETTINGS[name][0].encode() in done.output
    assert git(repository, "log", "-1", "--format=%s") == "one"


RUN_BY_SETTINGS = {
    "a monitor": ("core.fsmonitor", "{evil}"),
    "hooks elsewhere": ("core.hooksPath", "."),
    "an editor": ("core.editor", "{evil}"),
    "a pager": ("core.pager", "{evil}"),
    "a signer": ("gpg.program", "{evil}"),
    "a helper": ("credential.helper", "!{evil}"),
    "an alias": ("alias.commit", "!{evil}"),
    "a transport": ("core.sshCommand", "{evil}"),
}


@pytest.mark.parametrize("name", RUN_BY_SETTINGS)
async def test_what_is_configured_does_not_run(jail: Sandbox, repository: Path, name: str) -> None:
    evil = repository / "pre-commit"
    evil.write_text(f"#!/bin/sh\ntouch {repository}/evil-ran\n")
    evil.chmod(0o755)
    key, value = RUN_BY_SETTINGS[name]
    git(repository, "config", "commit.gpgSign", "true")
    git(repository, "config", "user.signingKey", "x")
    git(repository, "config", key, value.format(evil=evil))
    line = "git add -A && git commit -m x; git log; git tag -am y y; git rebase --root; git stash"
    await jail.exec(line)
    assert git(repository, "-c", "core.fsmonitor=", "log", "-1", "--format=%s") == "x"
    assert not (repository / "evil-ran").exists()


async def test_a_nested_repository_that_runs_programs_is_refused(
    jail: Sandbox, repository: Path
) -> None:
    git(repository, "init", "-q", "inner")
    git(repository / "inner", "config", "core.fsmonitor", "./evil")
    done = await jail.exec("git add inner && git commit -m x")
    assert b"core.fsmonitor" in done.output
    assert git(repository, "log", "-1", "--format=%s") == "one"


async def test_a_filter_that_attributes_ask_for_is_not_left_out(
    jail: Sandbox, repository: Path
) -> None:
    (repository / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    git(repository, "add", ".gitattributes")
    done = await jail.exec("git commit -m x")
    assert b"filter=lfs" in done.output
    assert done.exit_code == 1


async def test_a_planned_rebase_that_runs_programs_is_refused(
    jail: Sandbox, repository: Path
) -> None:
    (repository / ".git/rebase-merge").mkdir()
    (repository / ".git/rebase-merge/git-rebase-todo").write_text("exec touch evil-ran\n")
    done = await jail.exec("git rebase --continue")
    assert b"would run programs" in done.output
    assert not (repository / "evil-ran").exists()


async def test_a_program_called_git_in_the_workspace_is_not_run(
    repository: Path, rung: Rung, make_jail: Callable[..., Jail]
) -> None:
    if rung == "local":
        pytest.skip("local is no jail")
    fake = repository / "bin/git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\ntouch evil-ran\n")
    fake.chmod(0o755)
    wanted = make_jail()
    path = f"{fake.parent}:{wanted.environment['PATH']}"
    environment = {**wanted.environment, "PATH": path}
    inside = Jail(wanted.workspace, wanted.home, environment)
    made = make_sandbox(rung, inside)
    opened = make_git_jail(made, inside, lambda: ME)
    assert opened is not None
    await run(opened, "git commit --allow-empty -m real")
    await made.aclose()
    assert git(repository, "log", "-1", "--format=%s") == "real"


async def test_objects_are_all_that_a_commit_leaves(jail: Sandbox, repository: Path) -> None:
    before = {path.name for path in (repository / ".git").iterdir()}
    await run(jail, "git add -A && git commit --allow-empty -m x")
    assert {path.name for path in (repository / ".git").iterdir()} - before == set()
