"""The read tool: a file with numbered lines, or an image.

Guards the size of what the model gets, and says plainly when a file is binary, too large or ends.
"""

from typing import Annotated

from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.base.text import repair_utf8
from kodo.core.messages import Image, Text
from kodo.core.tool import Effect, ToolContext, ToolOutput, text_output
from kodo.tools.arguments import Arguments, decode, schema_text
from kodo.tools.edit import relative_path

MAX_LINES = 800
MAX_BYTES = 32 << 10
MAX_LINE_CHARS = 1_000
MAX_IMAGE_BYTES = 5 << 20
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


class ReadArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    path: Annotated[str, Meta(description="File, relative to the workspace.", min_length=1)]
    start_line: Annotated[int, Meta(description="First line, from 1.", ge=1)] = 1
    end_line: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Last line, inclusive.")
    ] = None


class Read:
    """Reads files."""

    name = "read"
    description = (
        "Read a file with numbered lines (number, tab, line), up to 800 lines a call; give "
        "start_line and end_line for a part. Images are shown."
    )
    parameters = schema_text(ReadArguments)
    effect: Effect = "read"
    timeout_s: float = 60

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the lines. Raises ToolError where there is no such file or line."""
        wanted = decode(ReadArguments, arguments, self.name)
        path = relative_path(wanted.path, context.workspace)
        data = await context.sandbox.read(context.workspace / path)
        if (media_type := _image_type(data)) is not None:
            return await _image(path, data, media_type, context)
        if b"\0" in data[:8192]:
            return text_output(f"{path} is a binary file of {len(data)} bytes.")
        return text_output(_numbered(path, data, wanted.start_line, wanted.end_line))


def _image_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGES if data.startswith(start)), None)


async def _image(path: str, data: bytes, media_type: str, context: ToolContext) -> ToolOutput:
    if len(data) > MAX_IMAGE_BYTES:
        raise ToolError(
            f"{path!r} is an image of {len(data)} bytes; the limit is {MAX_IMAGE_BYTES}."
            " Make a smaller copy of it"
        )
    said = Text(f"{path}: {media_type}, {len(data)} bytes")
    return ToolOutput((said, Image(media_type, await context.blobs.put(data))))


def _numbered(path: str, data: bytes, start: int, end: int | None) -> str:
    if not data:
        return f"{path} is empty."
    lines = repair_utf8(data).removesuffix("\n").split("\n")
    if start > len(lines):
        raise ToolError(f"{path!r} has {len(lines)} lines; start_line {start} is past its end")
    if end is not None and end < start:
        raise ToolError(f"end_line {end} is before start_line {start}")
    last = min(len(lines), start + MAX_LINES - 1, end or len(lines))
    shown: list[str] = []
    size = 0
    for number in range(start, last + 1):
        line = lines[number - 1].removesuffix("\r")
        if len(line) > MAX_LINE_CHARS:
            line = f"{line[:MAX_LINE_CHARS]} [… {len(line) - MAX_LINE_CHARS} characters left out …]"
        shown.append(f"{number:>6}\t{line}")
        size += len(line.encode("utf-8", "replace")) + 8
        if size > MAX_BYTES:
            last = number
            break
    if start > 1 or last < len(lines):
        more = f"; go on with start_line {last + 1}" if last < (end or len(lines)) else ""
        shown.append(f"[lines {start} to {last} of {len(lines)}{more}]")
    return "\n".join(shown)
