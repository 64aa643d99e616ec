"""The recall tool: the exact bytes behind a reference, by lines.

Guards exactness: what is shown is what was stored, and where it cannot be shown as text (binary,
too long, no UTF-8) that is said.
"""

from typing import Annotated

from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.base.hashing import sha256_hex
from kodo.base.text import repair_utf8
from kodo.core.recall import Recall as Memory
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.remembered import memory_of

MAX_LINES = 800
MAX_BYTES = 32 << 10
_SNIFFED = 8192


class RecallArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    ref: Annotated[
        str,
        Meta(
            description="What to bring back: 'e42', '1f2e3d:e42' of another session, 'f:src/a.py' "
            "or 'f:src/a.py@2' for its second version.",
            min_length=2,
        ),
    ]
    first_line: Annotated[int, Meta(description="First line, from 1.", ge=1)] = 1
    last_line: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Last line, inclusive.")
    ] = None


class Recall:
    """Brings stored text back."""

    name = "recall"
    description = (
        "Bring back, word for word, what left the window or was said, printed, read or written "
        "earlier, by its reference (stubs and search results name it), up to 800 lines a call."
    )
    parameters = schema_text(RecallArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the lines as they were. Raises ToolError for an unknown reference or line."""
        wanted = decode(RecallArguments, arguments, self.name)
        return text_output(await shown_lines(memory_of(context, self.name), wanted))


async def shown_lines(memory: Memory, wanted: RecallArguments) -> str:
    """Return lines of what was stored, under a line that says which they are. Raises ToolError."""
    first = wanted.first_line
    if wanted.last_line is not None and wanted.last_line < first:
        raise ToolError(f"last_line {wanted.last_line} is before first_line {first}")
    most = first + MAX_LINES - 1
    last = most if wanted.last_line is None else min(wanted.last_line, most)
    data = await memory.read(wanted.ref, first, last + 1)  # one more tells whether it goes on
    if b"\0" in data[:_SNIFFED]:
        whole = await memory.read(wanted.ref)
        return (
            f"{wanted.ref} is binary: {len(whole)} bytes, SHA-256 {sha256_hex(whole)}. It is kept "
            "exactly, but cannot be shown as text."
        )
    return _shown(wanted, data, last)


def _shown(wanted: RecallArguments, data: bytes, last: int) -> str:
    first = wanted.first_line
    if not data:
        if first == 1:
            return f"{wanted.ref} is empty."
        raise ToolError(f"{wanted.ref} has no line {first}")
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    more = len(lines) > last - first + 1
    kept: list[bytes] = []
    size = 0
    for line in lines[: last - first + 1]:
        size += len(line) + 1
        if size > MAX_BYTES and kept:
            more = True
            break
        kept.append(line[:MAX_BYTES])
    end = first + len(kept) - 1
    notes = [f"{wanted.ref}, lines {first} to {end}"]
    if len(kept) == 1 and len(lines[0]) > MAX_BYTES:
        notes.append(f"cut: line {first} has {len(lines[0])} bytes")
    if more and end < (wanted.last_line or end + 1):
        notes.append(f"go on with first_line {end + 1}")
    body = b"\n".join(kept)
    text = repair_utf8(body)
    if (broken := text.count("\ufffd") - body.count("\ufffd".encode())) > 0:
        notes.append(f"{broken} bytes are no UTF-8 and shown as \ufffd; they are kept exactly")
    return f"[{'; '.join(notes)}]\n{text}"
