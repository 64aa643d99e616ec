"""The text of one scanned file: slices by byte offsets, lines and columns, words.

Does not know syntax. Guards that offsets of the tree (bytes) and text never drift apart, whatever
the encoding.
"""

from bisect import bisect_right
from functools import cached_property


class SourceText:
    """A file's bytes, sliced as text without decoding the whole file as UTF-8 first.

    Every byte is one Latin-1 character, so that tree-sitter's byte offsets index `latin` directly;
    only slices that are not ASCII are decoded again.
    """

    __slots__ = ("__dict__", "ascii", "data", "latin", "path")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.latin = data.decode("latin-1")
        self.ascii = data.isascii()

    def slice(self, start: int, end: int) -> str:
        """Return the text of the bytes from `start` to `end`; broken UTF-8 becomes U+FFFD."""
        piece = self.latin[start:end]
        if self.ascii or piece.isascii():
            return piece
        return self.data[start:end].decode("utf-8", "replace")

    @cached_property
    def line_starts(self) -> list[int]:
        """The byte offset of the first byte of every line."""
        starts = [0]
        position = self.data.find(b"\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.data.find(b"\n", position + 1)
        return starts

    def place(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column (in characters) of a byte offset."""
        offset = max(0, min(offset, len(self.data)))
        line = bisect_right(self.line_starts, offset)
        start = self.line_starts[line - 1]
        return line, len(self.slice(start, offset)) + 1

    @property
    def line_count(self) -> int:
        """How many lines the file has; a last line without a newline counts."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n") and bool(self.data))
