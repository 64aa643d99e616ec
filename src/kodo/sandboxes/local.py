"""The lowest rung: commands run on the host as they are.

Covered: processes end with their call, the environment is scrubbed, kodo's own file access stays
in the workspace. Not covered: everything else; what a command does, it does to the host.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from anyio import CancelScope, to_thread

from kodo.base.errors import SandboxError
from kodo.base.hashing import NewId, new_id
from kodo.base.process import run_process
from kodo.core.sandbox import ExecResult, Guarantee
from kodo.sandboxes.boundary import Boundary
from kodo.sandboxes.environment import scrub
from kodo.sandboxes.jail import Jail, checked
from kodo.sandboxes.survivors import MARK, end_marked


class Local:
    """Isolates nothing, and says so."""

    name = "local"
    guarantees: frozenset[Guarantee] = frozenset({"processes_ended", "environment_scrubbed"})

    def __init__(self, jail: Jail, *, new_id: NewId = new_id) -> None:
        """Raises SandboxError where the workspace cannot be used."""
        self._jail = checked(jail)
        self._boundary = Boundary(self._jail)
        self._new_id = new_id
        self._environment = scrub(jail.environment, str(self._jail.home), allow_net=True)

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
        place = self._boundary.cwd(cwd)
        argv = ["bash", "-c", command] if isinstance(command, str) else list(command)
        mark = self._new_id()
        try:
            done = await run_process(
                ["/bin/sh", "-c", 'exec "$@"', "sh", *argv],
                cwd=place.path,
                env={**self._environment, "PWD": str(place.path), **(env or {}), MARK: mark},
                stdin=stdin,
                timeout_s=timeout_s,
                max_output_bytes=max_output_bytes,
                on_output=on_output,
            )
        except OSError as error:
            raise SandboxError(f"cannot run {argv[0]!r}: {error}") from error
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(end_marked, mark)
        return ExecResult(
            done.exit_code, done.output, done.duration_s, done.omitted_bytes, done.timed_out
        )

    async def read(self, path: Path) -> bytes:
        """See `kodo.core.sandbox.Sandbox.read`."""
        return await to_thread.run_sync(self._boundary.read, path)

    async def write(self, path: Path, data: bytes | None) -> None:
        """See `kodo.core.sandbox.Sandbox.write`."""
        await to_thread.run_sync(self._boundary.write, path, data)

    async def aclose(self) -> None:
        """Nothing is left over: every call ends its own processes."""
