"""A jail in which plain git may write the repositories of the workspace.

For lines that hold nothing but plain git; it does not judge them (`agent/permission/gitlines.py`
does). Guards that what can make git run programs later is as it was when a line has ended, and that
hooks, filters and drivers are not run: where one cannot be left out, the line is refused.
Not covered: a kodo that is killed while a line runs; objects and refs, which are what git is for.
"""

import os
import stat
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio
import msgspec
from anyio import CancelScope, to_thread

from kodo.core.sandbox import ExecResult, Guarantee, Sandbox
from kodo.sandboxes.guarded import find_repositories
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.orders import Order
from kodo.sandboxes.repository.quiet import RUNS, RUNS_IN_NESTED, quiet_environment
from kodo.sandboxes.repository.vital import Vital, executes, look, put_back

Who = Callable[[], Mapping[str, str]]
"""Returns the variables that name author and committer where the repository does not."""

_ASK = r"""
printf '%s\0' "$(git rev-parse --absolute-git-dir 2>/dev/null)"
git config --includes --list -z --name-only 2>/dev/null
printf 'kodo-nested\0'
for file do git config --file "$file" --list -z --name-only 2>/dev/null; done
printf 'kodo-filters\0'
git ls-files -z -- ':(glob)**/.gitattributes' 2>/dev/null |
  xargs -0 -r grep -hoE '(filter|merge)=[^ ]+' 2>/dev/null
"""
_HARMLESS_DRIVERS = frozenset({"merge=union", "merge=binary", "merge=text"})


class OpenJail(Sandbox, Protocol):
    """A sandbox that can run a command with the repositories of its workspace open."""

    @property
    def guarded_repositories(self) -> Sequence[Path]:
        """Every `.git` of the workspace that it protects, once a command has run."""
        ...

    async def fulfil(self, order: Order) -> ExecResult:
        """Run an order that is `opened`: with its whole environment, and `.git` open."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command sees, once one has run."""
        ...


class _Facts(msgspec.Struct, frozen=True):
    settings: tuple[str, ...]
    nested: tuple[str, ...]
    drivers: tuple[str, ...]


class GitJail:
    """Runs lines of plain git in the jail `inner`, which it does not close."""

    def __init__(self, inner: OpenJail, jail: Jail, who: Who) -> None:
        self._inner = inner
        self._workspace = jail.workspace.resolve()
        self._home = jail.home.resolve()
        self._who = who
        self._turn = anyio.Lock()
        self._told_of_hooks = False

    @property
    def name(self) -> str:
        """The rung."""
        return self._inner.name

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What the rung holds; hooks and settings are protected here too, by putting them back."""
        return self._inner.guarantees

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | AsyncIterable[bytes] | None = None,
        timeout_s: float = 120,
        max_output_bytes: int = 1 << 20,
        on_output: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> ExecResult:
        """Run a line of plain git; anything but such a text runs as in the jail itself.

        Where it cannot be made safe, the result has exit code 1 and says why. Raises SandboxError.
        """
        if not isinstance(command, str) or stdin is not None or env:
            return await self._inner.exec(
                command,
                cwd=cwd,
                env=env,
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
            )
        async with self._turn:
            known = await to_thread.run_sync(find_repositories, self._workspace)
            facts = await self._ask(cwd, known)
            strangers: list[Path] = []
            if "repository_protected" in self._inner.guarantees:
                guarded = self._inner.guarded_repositories
                strangers = [path for path in known if path not in guarded]
            why_not = _why_not(facts) or _stranger(strangers, self._workspace)
            folders = [path for path in known if path.is_dir() and not path.is_symlink()]
            before: dict[Path, Vital] = {}
            for folder in folders:
                if plan := await to_thread.run_sync(executes, folder):
                    why_not = why_not or f"the plan of a rebase ({plan}) would run programs"
                before[folder] = await to_thread.run_sync(look, folder)
            if why_not:
                return _refusal(why_not)
            named = "user.email" in facts.settings
            who: Mapping[str, str] = {} if named else await to_thread.run_sync(self._who)
            put: list[str] = []
            try:
                order = Order(
                    command,
                    cwd,
                    self._environment(who),
                    timeout_s=timeout_s,
                    max_output_bytes=max_output_bytes,
                    on_output=on_output,
                    opened=True,
                )
                done = await self._inner.fulfil(order)
            finally:
                with CancelScope(shield=True):
                    put = await to_thread.run_sync(_put_all_back, before)
        notes = [f"kodo: put back {path}: plain git does not write it" for path in put]
        if not self._told_of_hooks and (hooks := _hooks_note(before)):
            self._told_of_hooks = True
            notes += hooks
        if not notes:
            return done
        told = "".join(f"{note}\n" for note in notes).encode()
        if on_output is not None:
            await on_output(told)
        joint = b"" if not done.output or done.output.endswith(b"\n") else b"\n"
        return msgspec.structs.replace(done, output=done.output + joint + told)

    async def read(self, path: Path) -> bytes:
        """See `kodo.core.sandbox.Sandbox.read`."""
        return await self._inner.read(path)

    async def write(self, path: Path, data: bytes | None) -> None:
        """See `kodo.core.sandbox.Sandbox.write`."""
        await self._inner.write(path, data)

    async def aclose(self) -> None:
        """Nothing is left over: the jail itself belongs to another."""

    def _environment(self, who: Mapping[str, str]) -> dict[str, str]:
        return quiet_environment(self._inner.environment, self._workspace, self._home, who)

    async def _ask(self, cwd: Path | None, known: Sequence[Path]) -> _Facts:
        """Ask git in the jail itself, where nothing can be written, how it is configured."""
        nested = [str(path / "config") for path in known if path.parent != self._workspace]
        if not self._inner.environment:
            await self._inner.exec(["true"], cwd=cwd)  # the first command makes it
        done = await self._inner.exec(
            ["/bin/sh", "-c", _ASK, "sh", *nested], cwd=cwd, env=self._environment({})
        )
        settings, _, rest = done.output.decode("utf-8", "replace").partition("kodo-nested\0")
        within, _, drivers = rest.partition("kodo-filters\0")
        return _Facts(
            tuple(filter(None, settings.split("\0")))[1:],
            tuple(filter(None, within.split("\0"))),
            tuple(drivers.split()),
        )


def _why_not(facts: _Facts) -> str:
    told = set(facts.settings)
    for name in told:
        if RUNS.match(name):
            return f"the repository is configured to run a program ({name})"
    for name in facts.nested:
        if RUNS_IN_NESTED.match(name):
            return f"a repository within this one is configured to run a program ({name})"
    for driver in facts.drivers:
        if driver.startswith("filter=") or driver not in _HARMLESS_DRIVERS:
            return f".gitattributes asks for {driver!r}, a program that is not run here"
    return ""


def _stranger(found: Sequence[Path], workspace: Path) -> str:
    """Return why a `.git` that appeared in the run cannot be let pass."""
    for path in found:
        if path.is_dir():
            continue  # its settings were looked at
        try:
            status = path.lstat()
            target = path.read_text(errors="replace") if status.st_size < 4096 else ""
        except OSError:
            return f"{str(path)!r} cannot be read"
        if not stat.S_ISREG(status.st_mode) or not target.startswith(
            f"gitdir: {workspace}/.git/worktrees/"
        ):
            return f"{str(path)!r} was made in this session and leads elsewhere"
    return ""


def _refusal(why: str) -> ExecResult:
    text = (
        f"kodo: git may not write this repository from within the jail: {why}. Nothing was run; "
        "leave the commit to the person, or end with kodo exec --commit\n"
    )
    return ExecResult(1, text.encode(), 0.0)


def _put_all_back(before: Mapping[Path, Vital]) -> list[str]:
    return [
        str(folder / name) for folder, vital in before.items() for name in put_back(folder, vital)
    ]


def _hooks_note(before: Mapping[Path, Vital]) -> list[str]:
    names = {
        os.path.basename(path)  # noqa: PTH119
        for vital in before.values()
        for path, item in vital.items()
        if path.startswith("hooks/") and not path.endswith(".sample") and item.mode & 0o100
        if stat.S_ISREG(item.kind)
    }
    if not names:
        return []
    return [f"kodo: git's hooks were not run in the jail ({', '.join(sorted(names)[:6])})"]
