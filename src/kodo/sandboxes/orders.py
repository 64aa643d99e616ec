"""One command as its caller gave it, and what every rung does alike with it.

Does not know how a jail is built. Guards that a jail that cannot be built is an error and never a
command's result, and that kodo's own files are read and written through the border.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from kodo.base.errors import SandboxError
from kodo.base.process import Child, Completed, OnStart, attend, run_process
from kodo.core.sandbox import ExecResult, Guarantee
from kodo.sandboxes.boundary import Boundary, Place
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.limits.disk import DiskWatch


@dataclass(slots=True)
class Order:
    """One command. `opened`: every `.git` open for writing, `env` as all variables, no gate."""

    command: Sequence[str] | str
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stdin: bytes | AsyncIterable[bytes] | None = None
    timeout_s: float = 120
    max_output_bytes: int = 1 << 20
    on_output: Callable[[bytes], Awaitable[None]] | None = None
    on_start: OnStart | None = None
    opened: bool = False

    @property
    def words(self) -> list[str]:
        """The argv: a text goes through bash."""
        if isinstance(self.command, str):
            return ["bash", "-c", self.command]
        return list(self.command)

    def over(self, common: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the command, over those that all commands see."""
        return dict(self.env) if self.opened else {**common, **self.env}

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        files: Sequence[int] = (),
    ) -> Completed:
        """Run `argv` in the command's place. Raises OSError."""
        return await run_process(
            argv,
            cwd=cwd,
            env=env,
            stdin=self.stdin,
            timeout_s=self.timeout_s,
            max_output_bytes=self.max_output_bytes,
            on_output=self.on_output,
            on_start=self.on_start,
            pass_fds=files,
        )

    async def attend(self, child: Child) -> Completed:
        """Stay with a child that was started for the command."""
        return await attend(
            child,
            stdin=self.stdin,
            timeout_s=self.timeout_s,
            max_output_bytes=self.max_output_bytes,
            on_output=self.on_output,
            on_start=self.on_start,
        )


def count_nothing() -> None:
    """Count nothing: there is no budget of commands."""


class TakesOrders(ABC):
    """A sandbox: what is the same on every rung of it.

    `count` is called before each command, and raises where no more may be started.
    """

    name: str

    def __init__(self, jail: Jail) -> None:
        """Raises SandboxError where the workspace cannot be used."""
        self._jail = checked(jail)
        self._boundary = Boundary(self._jail)
        self.count: Callable[[], None] = count_nothing

    @abstractmethod
    async def _carry_out(self, order: Order, place: Place) -> Completed:
        """Run the command in the folder. Raises OSError where nothing can be started."""

    async def _why_not(self, done: Completed) -> str | None:
        """Return why the jail cannot be built, where the output looks as if it was not."""
        return None

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
        """See `kodo.core.sandbox.Sandbox.exec`."""
        return await self.fulfil(
            Order(command, cwd, env or {}, stdin, timeout_s, max_output_bytes, on_output)
        )

    async def fulfil(self, order: Order) -> ExecResult:
        """Carry out an order and say how it ended. Raises SandboxError, ToolError."""
        place = self._boundary.cwd(order.cwd)
        self.count()
        watch = None
        if "disk_sum_limited" in self.guarantees:
            watch = DiskWatch(self._jail.limits, self._jail.host_root or self._jail.workspace)
            order.on_start = watch.run
        try:
            done = await self._carry_out(order, place)
        except OSError as error:
            raise SandboxError(
                f"cannot start a command in the {self.name} jail: {error}"
            ) from error
        if (why := await self._why_not(done)) is not None:
            raise SandboxError(f"the jail cannot be built: {why}")
        output = done.output
        if watch is not None and watch.why:
            told = f"\nkodo: ended: {watch.why}\n".encode()
            output += told
            if order.on_output is not None:
                await order.on_output(told)
        return ExecResult(
            done.exit_code, output, done.duration_s, done.omitted_bytes, done.timed_out
        )

    @abstractmethod
    async def aclose(self) -> None:
        """End everything that still runs in the jail."""

    @property
    @abstractmethod
    def guarantees(self) -> frozenset[Guarantee]:
        """What holds for this profile; the limits only where the jail has them."""

    @property
    def guarded_repositories(self) -> Sequence[Path]:
        """Every `.git` that is read-only for commands; none before the first of them."""
        return ()

    async def read(self, path: Path) -> bytes:
        """See `kodo.core.sandbox.Sandbox.read`."""
        return await to_thread.run_sync(self._boundary.read, path)

    async def write(self, path: Path, data: bytes | None) -> None:
        """See `kodo.core.sandbox.Sandbox.write`."""
        await to_thread.run_sync(self._boundary.write, path, data)
