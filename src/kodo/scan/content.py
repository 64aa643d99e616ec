"""A file's bytes made fit for scanning, or the reason why they are not.

Knows encodings, minified and generated files; no rules. Guards that nothing is left out in silence:
every file that is not scanned has a reason that reports count.
"""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

MAX_FILE_BYTES = 2 << 20
"""Larger files are not parsed: what people write by hand is smaller by far."""

MINIFIED_LINE_CHARS = 500
_MINIFIED_FROM_BYTES = 2_000
_LONG_LINE_CHARS = 5_000
_HEAD_BYTES = 2_048
_BINARY_HEAD_BYTES = 8_192

_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_DECLARED = rb"coding[:=][ \t]*([-\w.]+)"
_GENERATED_NAMES = (
    r"(?:\.min\.(?:js|mjs|cjs|css)|[.\-]bundle\.js|\.pb\.(?:go|cc|h)|\.pb\.gw\.go|_pb2(?:_grpc)?\.pyi?"
    r"|_pb\.(?:js|d\.ts)|\.generated\.\w+|_generated\.(?:go|rs|py)|zz_generated\.[\w.]+|\.g\.\w+"
    r"|moc_\w+\.cpp|ui_\w+\.h|\.tab\.[ch]|lex\.yy\.c)$"
)
_GENERATED_MARK = (
    rb"(?m)^\W*(?:Code generated .{0,200}DO NOT EDIT"
    rb"|.{0,80}\b(?i:(?:auto(?:matically)?[- ]?generated|generated (?:automatically|by|from|with))"
    rb".{0,160}(?:do not (?:edit|modify)|don't edit|changes will be lost))"
    rb"|.{0,40}@generated\b)"
)


class Content(NamedTuple):
    """`data` is UTF-8 as far as it can be. `skipped` says why there is none, else it is empty."""

    data: bytes
    skipped: str = ""


def read_content(path: str, raw: bytes, *, trust_marks: bool = True) -> Content:
    """Return what is to be scanned of a file.

    `trust_marks` False takes no file's word for being generated: an edit under review could say
    so of itself to pass unseen.
    """
    if len(raw) > MAX_FILE_BYTES:
        return Content(b"", f"larger than {MAX_FILE_BYTES >> 20} MiB")
    if trust_marks and is_generated(path, raw):
        return Content(b"", "generated")
    data = to_utf8(raw)
    if data is None:
        return Content(b"", "binary")
    if is_minified(path, data):
        return Content(b"", "minified")
    return Content(data)


def to_utf8(raw: bytes) -> bytes | None:
    """Return the text as UTF-8 without a byte order mark, or None where it is no text.

    Order: a byte order mark, UTF-8, the encoding that the file declares in its first two lines,
    else Latin-1, in which every byte is a character.
    """
    for mark, name in _BOMS:
        if raw.startswith(mark):
            try:
                return raw.decode(name).encode("utf-8", "replace")
            except UnicodeDecodeError:
                return None
    if b"\0" in raw[:_BINARY_HEAD_BYTES]:
        return _without_mark(raw)
    if raw.isascii():
        return raw
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(_declared(raw), "replace").encode("utf-8")
    return raw


def _without_mark(raw: bytes) -> bytes | None:
    """Return UTF-16 that has no mark as UTF-8: every other byte of its head is nought."""
    head = raw[:_BINARY_HEAD_BYTES]
    half = len(head) // 2
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        nought = head[offset::2].count(0)
        if half > 8 and nought > 0.7 * half and not head[1 - offset :: 2].count(0):
            try:
                return raw.decode(name).encode("utf-8", "replace")
            except UnicodeDecodeError:
                return None
    return None


def _declared(raw: bytes) -> str:
    for line in raw[:400].split(b"\n", 2)[:2]:
        match = re.search(_DECLARED, line)
        if match is not None:
            try:
                name = match[1].decode("ascii")
                b"a".decode(name)
            except (LookupError, UnicodeDecodeError):
                break
            return name
    return "latin-1"


def is_generated(path: str, raw: bytes) -> bool:
    """Tell whether the name or a comment in the first 2 KiB says that a program wrote it."""
    if re.search(_GENERATED_NAMES, PurePosixPath(path).name):
        return True
    head = raw[:_HEAD_BYTES]
    return b"enerated" in head and re.search(_GENERATED_MARK, head) is not None


def is_minified(path: str, data: bytes) -> bool:
    """Tell whether the text was made for machines: its lines are far longer than people write."""
    if len(data) < _MINIFIED_FROM_BYTES:
        return False
    lines = data.count(b"\n") + 1
    if len(data) / lines > MINIFIED_LINE_CHARS:
        return True
    if len(data) / lines < 80 and not path.endswith((".js", ".mjs", ".cjs")):
        return False
    longest = max(map(len, data.split(b"\n")))
    return longest > _LONG_LINE_CHARS and longest * 2 > len(data)
