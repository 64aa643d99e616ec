"""The shell tool: runs a command in the sandbox and shows the end of it.

Does not know the rung. Guards the size of what the model gets (the whole output is kept as a blob)
and that a command ends at its time limit.
"""

import signal
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from kodo.base.text import cut_middle, repair_utf8
from kodo.core.events import ToolProgress
from kodo.core.messages import Text
from kodo.core.sandbox import ExecResult
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.background import Background, ended, listen

MAX_SHOWN_BYTES = 16 << 10
MAX_KEPT_BYTES = 16 << 20
DEFAULT_TIMEOUT_S = 120
MAX_TIMEOUT_S = 1800
_FIRST_OUTPUT_S = 1.0


class ShellArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    command: Annotated[str, Meta(description="Command line for bash.", min_length=1)]
    timeout_s: Annotated[
        int, Meta(description="Seconds until it is killed.", ge=1, le=MAX_TIMEOUT_S)
    ] = DEFAULT_TIMEOUT_S
    workdir: Annotated[
        str | None, Meta(description="Folder to run in, relative to the workspace.")
    ] = None
    background: Annotated[
        bool, Meta(description="Keep it running and return at once (servers, watchers).")
    ] = False


class ShellDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """What screens show of a command."""

    command: str
    exit_code: int | None = None
    duration_s: float = 0
    timed_out: bool = False
    omitted_bytes: int = 0
    background: str = ""


class Shell:
    """Runs commands."""

    name = "shell"
    description = (
        "Run a bash command in the workspace and return its output (stdout and stderr) and exit "
        "code. Each call is a new shell: use workdir instead of cd. Long output is cut in the "
        "middle. There is no terminal and no input; use background with shell_input for those."
    )
    parameters = schema_text(ShellArguments)
    effect: Effect = "exec"
    timeout_s: float = MAX_TIMEOUT_S + 30

    def __init__(self, background: Background) -> None:
        self._background = background

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Run the command. A failing one is an ordinary output. Raises ToolError, SandboxError."""
        wanted = decode(ShellArguments, arguments, self.name)
        cwd = Path(wanted.workdir) if wanted.workdir else None
        if wanted.background:
            return await self._start(wanted.command, cwd, context)

        async def hear(piece: bytes) -> None:
            await context.emit(ToolProgress(context.call_id, repair_utf8(piece)))

        result = await context.sandbox.exec(
            wanted.command,
            cwd=cwd,
            timeout_s=wanted.timeout_s,
            max_output_bytes=MAX_KEPT_BYTES,
            on_output=hear,
        )
        text, kept, omitted = await cut_and_keep(result.output, context)
        ending = _ending(result, wanted.timeout_s)
        joint = "" if not text or text.endswith("\n") else "\n"
        details = ShellDetails(
            wanted.command,
            result.exit_code,
            round(result.duration_s, 3),
            result.timed_out,
            omitted + result.omitted_bytes,
        )
        return ToolOutput(
            (Text(f"{text}{joint}{ending}"),),
            details=msgspec.json.encode(details).decode(),
            kept=kept,
        )

    async def _start(self, command: str, cwd: Path | None, context: ToolContext) -> ToolOutput:
        process = self._background.start(context.sandbox, command, cwd)
        text = await listen(process, _FIRST_OUTPUT_S)
        state = (
            f"It runs in the background as {process.id!r}: use shell_input to read more, to write "
            "to it, or to stop it."
            if process.running
            else f"It ended at once: {ended(process)}"
        )
        details = ShellDetails(command, background=process.id)
        return ToolOutput((Text(f"{text}{state}"),), details=msgspec.json.encode(details).decode())


async def cut_and_keep(output: bytes, context: ToolContext) -> tuple[str, str | None, int]:
    """Return the text for the model, the blob of the whole where it was cut, and bytes cut."""
    cut = cut_middle(repair_utf8(output), MAX_SHOWN_BYTES)
    kept = await context.blobs.put(output) if cut.omitted_bytes else None
    return cut.text, kept, cut.omitted_bytes


def _ending(result: ExecResult, timeout_s: float) -> str:
    if result.timed_out:
        return (
            f"[killed at its time limit of {timeout_s} s; give a larger timeout_s, or run it with"
            " background]"
        )
    return f"[{exit_text(result.exit_code)}, {result.duration_s:.1f} s]"


def exit_text(code: int) -> str:
    """Return an exit code in words, naming the signal where one ended the command."""
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name if number in _DEADLY else ""
    except ValueError:
        name = ""
    return f"exit code {code}" + (f", killed by {name}" if name else "")


_DEADLY = frozenset(
    {signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGBUS, signal.SIGFPE}
)
