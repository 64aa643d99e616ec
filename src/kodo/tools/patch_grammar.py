"""The grammar of patches: text to operations on files.

Follows the `*** Begin Patch` format as codex reads it. Pure; knows no files. Guards that a patch
that is not understood says at which line.
"""

import re

import msgspec

from kodo.base.errors import ToolError

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_ADD, _DELETE, _UPDATE = "*** Add File: ", "*** Delete File: ", "*** Update File: "
_MOVE, _EOF = "*** Move to: ", "*** End of File"
_HEREDOC = re.compile(r"(?:apply_patch\s+)?<<\s*(['\"]?)(\w+)\1$")


class Line(msgspec.Struct, frozen=True):
    """One line of a chunk: `sign` is a space (stays), `-` (goes) or `+` (comes)."""

    sign: str
    text: str


class Chunk(msgspec.Struct, frozen=True):
    """One place to change: `contexts` narrow it down in order, then the lines apply.

    `at_end` says that the old lines end the file.
    """

    contexts: tuple[str, ...]
    lines: tuple[Line, ...]
    at_end: bool = False

    @property
    def old(self) -> tuple[str, ...]:
        """The lines that must be in the file."""
        return tuple(line.text for line in self.lines if line.sign != "+")


class AddFile(msgspec.Struct, frozen=True):
    """Write a whole file, in place of one that may be there."""

    path: str
    text: str


class DeleteFile(msgspec.Struct, frozen=True):
    """Remove a file."""

    path: str


class UpdateFile(msgspec.Struct, frozen=True):
    """Change a file, and write it to another path where `move_to` is given."""

    path: str
    chunks: tuple[Chunk, ...]
    move_to: str | None = None


Operation = AddFile | DeleteFile | UpdateFile


def parse_patch(text: str) -> list[Operation]:
    """Return the operations of a patch in order.

    Accepts a heredoc around it and spaces around the markers. Raises ToolError naming the line
    (1-based, counted from the begin marker) and what was expected.
    """
    lines = _unwrapped(text)
    reader = _Reader(lines[:-1], at=1)
    operations: list[Operation] = []
    while reader.more:
        operations.append(_operation(reader))
    if not operations:
        raise ToolError("the patch is empty: no file is named between the begin and end markers")
    return operations


class _Reader(msgspec.Struct):
    lines: list[str]
    at: int = 0

    @property
    def more(self) -> bool:
        return self.at < len(self.lines)

    @property
    def line(self) -> str:
        return self.lines[self.at]

    def refuse(self, expected: str) -> ToolError:
        found = repr(self.line) if self.more else "the end of the patch"
        return ToolError(f"invalid patch at line {self.at + 1}: expected {expected}, got {found}")


def _unwrapped(text: str) -> list[str]:
    lines = text.strip().split("\n")
    if all(line.endswith("\r") for line in lines[:-1]):
        lines = [line.removesuffix("\r") for line in lines]
    if (heredoc := _HEREDOC.fullmatch(lines[0].strip())) and lines[-1].strip() == heredoc[2]:
        lines = "\n".join(lines[1:-1]).strip().split("\n")
    if lines[0].strip() != _BEGIN:
        raise ToolError(f"invalid patch: the first line must be {_BEGIN!r}, not {lines[0]!r}")
    if len(lines) < 2 or lines[-1].strip() != _END:
        raise ToolError(f"invalid patch: the last line must be {_END!r}, not {lines[-1]!r}")
    return lines


def _operation(reader: _Reader) -> Operation:
    header = reader.line.strip()
    for marker, read in ((_ADD, _add), (_DELETE, _delete), (_UPDATE, _update)):
        if header.startswith(marker) and (path := header[len(marker) :].strip()):
            reader.at += 1
            return read(reader, path)
    raise reader.refuse(f"{_ADD + 'PATH'!r}, {_DELETE + 'PATH'!r} or {_UPDATE + 'PATH'!r}")


def _add(reader: _Reader, path: str) -> AddFile:
    lines: list[str] = []
    while reader.more and reader.line.startswith("+"):
        lines.append(reader.line[1:] + "\n")
        reader.at += 1
    return AddFile(path, "".join(lines))


def _delete(reader: _Reader, path: str) -> DeleteFile:
    del reader
    return DeleteFile(path)


def _update(reader: _Reader, path: str) -> UpdateFile:
    move_to = None
    if reader.more and reader.line.strip().startswith(_MOVE):
        move_to = reader.line.strip()[len(_MOVE) :].strip()
        reader.at += 1
    chunks: list[Chunk] = []
    while reader.more:
        if (chunks and not reader.line.strip()) or reader.line.rstrip() == _EOF:
            reader.at += 1
        elif reader.line.startswith("***"):
            break
        else:
            chunks.append(_chunk(reader, is_first=not chunks))
    if not chunks:
        raise ToolError(f"invalid patch: the update of {path!r} holds no change")
    return UpdateFile(path, tuple(chunks), move_to)


def _chunk(reader: _Reader, *, is_first: bool) -> Chunk:
    contexts: list[str] = []
    headed = False
    while reader.more and (context := _context(reader.line)) is not None:
        headed = True
        if context:
            contexts.append(context)
        reader.at += 1
    if not headed and not is_first:
        raise reader.refuse("a line that starts with '@@'")
    lines: list[Line] = []
    at_end = False
    while reader.more and not at_end:
        if lines and reader.line.rstrip() == _EOF:
            at_end = True
        elif (line := _line(reader.line)) is not None:
            lines.append(line)
        else:
            break
        reader.at += 1
    if not lines:
        raise reader.refuse("a line that starts with ' ', '+' or '-'")
    return Chunk(tuple(contexts), tuple(lines), at_end)


def _context(line: str) -> str | None:
    """Return the text after `@@` (empty for none), or None where this is no such line."""
    line = line.rstrip()
    if line == "@@":
        return ""
    return line[3:] if line.startswith("@@ ") else None


def _line(line: str) -> Line | None:
    """Return a line of a chunk, or None where the chunk has ended. An empty one stays as it is."""
    if not line:
        return Line(" ", "")
    return Line(line[0], line[1:]) if line[0] in " +-" else None
