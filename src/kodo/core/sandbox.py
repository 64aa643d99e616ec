"""The jail that commands run in, as its users see it."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from kodo.core.messages import Value

Guarantee = Literal[
    "write_outside_denied",  # no content or name outside the workspace and /tmp changes
    "read_secrets_denied",  # credential folders of the user cannot be read
    "network_denied",
    "hosts_limited",  # the network leads to the allowed hosts and nowhere else
    "private_tmp",
    "processes_ended",  # no child survives the call
    "pids_limited",
    "memory_limited",  # of each process
    "memory_sum_limited",  # of all processes of a command together
    "cpu_limited",  # the share of the processors, of all processes of a command together
    "cpu_time_limited",  # of each process
    "file_size_limited",
    "disk_sum_limited",  # a command that writes too much or fills the disk is ended, by a watch
    "host_processes_hidden",
    "signals_contained",  # no process outside can be signalled, traced or read
    "environment_scrubbed",
    "repository_protected",  # every `.git` and `.kodo` of the workspace that exists at the start
    "privileges_denied",  # no set-user-id, capability, mount or namespace
    "devices_denied",
    "kernel_calls_limited",  # no bpf, io_uring, keys, userfaultfd, module, raw socket
]

Profile = Literal["read-only", "workspace-write", "full"]


class ExecResult(Value, frozen=True):
    """How a command ended: `output` is stdout and stderr in order, `exit_code` < 0 a signal.

    A rung that stands between (bwrap) reports a signal as 128 + its number, as shells do.
    `omitted_bytes` counts what was cut from the middle, `timed_out` says the time limit killed it.
    """

    exit_code: int
    output: bytes
    duration_s: float
    omitted_bytes: int = 0
    timed_out: bool = False


class Sandbox(Protocol):
    """Runs commands and touches files under the guarantees it declares."""

    @property
    def name(self) -> str:
        """The rung: `bwrap`, `local`, `memory`, ..."""
        ...

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What this rung really isolates."""
        ...

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
        """Run an argv, or a text through `bash -c`. `cwd` None is the workspace.

        `env` adds to a scrubbed environment. `stdin` may be a stream, fed while the command runs;
        None is an empty input. A failing or killed command is a result. Raises
        SandboxError where the jail itself cannot run.
        """
        ...

    async def read(self, path: Path) -> bytes:
        """Return a file's bytes. Raises ToolError where it is outside or cannot be read."""
        ...

    async def write(self, path: Path, data: bytes | None) -> None:
        """Write a file atomically, keeping its mode and making parent folders. None removes it.

        Raises ToolError where the path, symlinks resolved, is outside the workspace or read-only.
        """
        ...

    async def aclose(self) -> None:
        """End everything that still runs in the jail."""
        ...


class Scratch(Protocol):
    """A throw-away copy of the workspace, which the sandbox shows at the workspace's own path."""

    @property
    def root(self) -> Path:
        """Where the copy lies on the host; files are read and written here."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """A sandbox that runs commands in the copy."""
        ...

    async def aclose(self) -> None:
        """End what runs in it and remove the copy."""
        ...
