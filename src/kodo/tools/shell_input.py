"""The shell_input tool: writes to a background command, reads what is new, or stops it.

Does not start commands; that is shell. Guards that waiting has a limit.
"""

from typing import Annotated

import anyio
import msgspec
from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.core.messages import Text
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.background import Background, ended, listen
from kodo.tools.shell import ShellDetails, cut_and_keep

MAX_WAIT_S = 60


class ShellInputArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    id: Annotated[str, Meta(description="Name that shell gave the background command.")]
    text: Annotated[str, Meta(description="Text to write to it; end a line with a newline.")] = ""
    wait_s: Annotated[
        float, Meta(description="Seconds to wait for new output.", ge=0, le=MAX_WAIT_S)
    ] = 2
    stop: Annotated[bool, Meta(description="End the command.")] = False


class ShellInput:
    """Talks to background commands."""

    name = "shell_input"
    description = (
        "Talk to a command that shell started in the background: write text to its input, read "
        "its new output, or stop it. Without text it only reads."
    )
    parameters = schema_text(ShellInputArguments)
    effect: Effect = "exec"
    timeout_s: float = MAX_WAIT_S + 30

    def __init__(self, background: Background) -> None:
        self._background = background

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Write, wait, read. Raises ToolError for an unknown or ended command."""
        wanted = decode(ShellInputArguments, arguments, self.name)
        process = self._background.find(wanted.id)
        if wanted.text:
            try:
                process.stdin.send_nowait(wanted.text.encode("utf-8", "replace"))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
                raise ToolError(f"{wanted.id!r} has ended: {ended(process)}") from error
            except anyio.WouldBlock as error:
                raise ToolError(
                    f"{wanted.id!r} does not read its input; wait or stop it"
                ) from error
        if wanted.stop and process.running:
            process.scope.cancel()
            while process.running:
                await process.changed.wait()
        new = await listen(process, wanted.wait_s)
        text, kept, omitted = await cut_and_keep(new.encode(), context)
        state = (
            f"{process.id!r} is running"
            if process.running
            else f"{process.id!r} {_end(ended(process))}"
        )
        details = ShellDetails(
            process.command,
            process.result.exit_code if process.result else None,
            omitted_bytes=omitted,
            background=process.id,
        )
        return ToolOutput(
            (Text(f"{text}[{state}]"),), details=msgspec.json.encode(details).decode(), kept=kept
        )


def _end(how: str) -> str:
    return "was stopped" if how == "stopped" else f"has ended: {how}"
