"""Cutting a text into the pieces that an index finds: functions of code, windows of other text.

Knows how definitions look at the start of a line, not trees: cutting must keep up with the log,
and a parse costs many times as much. Guards that the chunks cover every byte and stay small.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import PurePosixPath
from typing import NamedTuple

WINDOW_LINES = 40
STRIDE_LINES = 30
MAX_CHUNK_BYTES = 4096
OVERLAP_BYTES = 256

_LONGEST_LINES = 80
_PART_LINES = 50
_SMALL_LINES = 6
_MERGED_LINES = 40


class Chunk(NamedTuple):
    """The bytes [start, end) of a text; its lines are 1-based and inclusive, ended by `\\n` alone.

    `symbol` names the definitions that begin in it, with those around them: `Stack.push`.
    """

    start: int
    end: int
    first_line: int
    last_line: int
    symbol: str = ""


class _Style(NamedTuple):
    """How a family of languages writes definitions.

    Of `definition` the group `name` is the name, `keyword` what it is, and `margin` is there for
    other code that begins at the left margin. `leading` is how lines begin that belong to what
    follows them.
    """

    definition: re.Pattern[bytes]
    leading: tuple[bytes, ...]


_CONTAINERS = frozenset(
    (
        *(b"class", b"struct", b"interface", b"enum", b"trait", b"impl", b"namespace", b"mod"),
        *(b"module", b"record", b"object", b"protocol", b"extension", b"union", b"defmodule"),
    )
)
_STATEMENTS = frozenset(
    (
        *(b"if", b"for", b"while", b"switch", b"catch", b"return", b"else", b"do", b"try", b"new"),
        *(b"throw", b"await", b"yield", b"case", b"match", b"delete", b"defer", b"go", b"select"),
        *(b"assert", b"typeof", b"sizeof", b"foreach", b"until", b"elif", b"when", b"with"),
    )
)


def _pattern(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode(), re.MULTILINE)


_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|final|async|pub"
    r"(?:\([a-z: ]+\))?|unsafe|override|virtual|inline|extern|const|declare|sealed|partial|open|"
    r"data|suspend|local|typedef)[ \t]+)*"
)
_INDENTED = _Style(
    _pattern(
        r"^(?P<indent>[ \t]*)(?:async[ \t]+)?(?P<keyword>def|class|cdef|cpdef)[ \t]+(?P<name>\w+)"
        r"|^(?P<margin>[A-Za-z_@])"
    ),
    (b"@", b"#"),
)
_BRACED = _Style(
    _pattern(
        r"^(?P<indent>[ \t]{0,12})"
        rf"(?:{_MODIFIERS}(?P<keyword>function|func|fn|fun|class|struct|interface|enum|trait|impl|"
        r"namespace|mod|module|record|object|protocol|extension|union|type)\b[ \t*]*"
        r"(?:\([^()\n]*\)[ \t]*)?(?:<[^<>\n]*>[ \t]*)?(?P<name>[\w$:]+)[^;\n]*$"
        rf"|{_MODIFIERS}(?:const|let|var)[ \t]+(?P<bound>[\w$]+)[ \t]*(?::[^=\n]+)?=[ \t]*"
        r"(?:async[ \t]*)?(?:function\b|\([^\n]*=>|[\w$]+[ \t]*=>)"
        r"|(?:[\w<>\[\],.&*?:~]+[ \t]+){0,6}?[*&]*(?P<called>[\w$:~#]+)[ \t]*"
        r"\([^;\n]*(?:[{(,][ \t]*$|$(?=\n[ \t]*\{)))"
        r"|^(?P<margin>[A-Za-z_#@])"
    ),
    (b"//", b"/*", b"*", b"@", b"#["),
)
_ENDED = _Style(
    _pattern(
        r"^(?P<indent>[ \t]*)"
        r"(?:(?:local|private|protected|public|export)[ \t]+)*"
        r"(?:(?P<keyword>def|class|module|function|sub|defmodule|defp|defmacro|proc)[ \t]+"
        r"(?P<name>[\w.:?!]+)|(?P<called>[\w-]+)[ \t]*\(\)[ \t]*\{?[ \t]*$)"
        r"|^(?P<margin>[A-Za-z_@])"
    ),
    (b"#", b"--", b"@"),
)
_STYLES: dict[str, _Style] = {
    **dict.fromkeys(("py", "pyi", "pyw", "pyx", "nim"), _INDENTED),
    **dict.fromkeys(
        (
            *("js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "rs", "go", "java", "c", "h"),
            *("cc", "cpp", "cxx", "hh", "hpp", "hxx", "ipp", "tpp", "cs", "kt", "kts", "swift"),
            *("php", "scala", "dart", "m", "mm", "cu", "zig", "groovy", "vue", "svelte", "proto"),
        ),
        _BRACED,
    ),
    **dict.fromkeys(
        ("rb", "rake", "lua", "sh", "bash", "zsh", "ex", "exs", "jl", "pl", "pm", "tcl"), _ENDED
    ),
}


class _Part(NamedTuple):
    """Lines that belong together: from byte `start` of 0-based line `line` to the next part."""

    start: int
    line: int
    symbol: str


def chunks(data: bytes, path: str = "") -> list[Chunk]:
    """Return the chunks of a text, in order. `path` tells by its ending whether it is code.

    Functions and methods of code are chunks of their own, doc comments and decorators with them;
    tiny neighbours share one, long ones are cut near blank lines, and what stands between is in
    chunks too. Other text is cut into windows of WINDOW_LINES lines that overlap. No chunk is
    longer than MAX_CHUNK_BYTES: within one long line they overlap by OVERLAP_BYTES.
    """
    if not data:
        return []
    style = style_of(path)
    if style is None:
        return list(_windows(data))
    found: list[Chunk] = []
    for part in _merged(data, _parts(data, style)):
        if part.last_line - part.first_line >= _LONGEST_LINES or part.end - part.start > (
            MAX_CHUNK_BYTES
        ):
            found += _cut(data, part)
        else:
            found.append(part)
    return found


def style_of(path: str) -> _Style | None:
    """Return how definitions look in a file of that name; None where it is no code."""
    return _STYLES.get(PurePosixPath(path).suffix[1:].lower()) if "." in path else None


def _parts(data: bytes, style: _Style) -> Iterator[_Part]:
    """Yield where definitions, and the code between them, begin."""
    yield _Part(0, 0, "")
    # The definitions around the present line: indentation, name, and whether others live in it.
    around: list[tuple[int, str, bool]] = []
    line = counted = begun = 0
    outside = True
    for match in style.definition.finditer(data):
        start = match.start()
        group = match.lastgroup
        if group == "margin":
            if outside:
                continue
            symbol = ""
            around.clear()
            outside = True
        else:
            assert group is not None
            name: bytes = match[group]
            keyword: bytes | None = match["keyword"]
            if keyword is None and (
                name in _STATEMENTS or match[0].split(None, 1)[0] in _STATEMENTS
            ):
                continue
            indent = len(match["indent"].expandtabs(4))
            while around and around[-1][0] >= indent:
                around.pop()
            plain = name.decode("utf-8", "replace")
            nested = bool(around) and not around[-1][2]
            names = [*(one for _, one, _ in around), plain]
            around.append((indent, plain, keyword in _CONTAINERS))
            if nested:
                continue
            symbol = ".".join(names)
            outside = False
        start = _with_leading(data, start, begun, style.leading)
        line += data.count(b"\n", counted, start)
        counted = begun = start
        yield _Part(start, line, symbol)
        begun = match.end()


def _with_leading(data: bytes, start: int, floor: int, leading: tuple[bytes, ...]) -> int:
    """Return where the comments and decorators right above `start` begin."""
    while start > floor:
        above = data.rfind(b"\n", 0, start - 1) + 1
        if above < floor or not data[above:start].lstrip().startswith(leading):
            break
        start = above
    return start


def _merged(data: bytes, parts: Iterator[_Part]) -> Iterator[Chunk]:
    """Yield chunks of the parts; a tiny one (imports, the head of a class) takes in the next."""
    start = line = 0
    symbols: list[str] = []
    lines = 0

    def chunk(end: int, end_line: int) -> Chunk:
        return Chunk(start, end, line + 1, max(line + 1, end_line), " ".join(symbols))

    for part, following in _pairs(parts):
        end = len(data) if following is None else following.start
        if part.start == end:
            continue
        if following is None:
            end_line = line_count = part.line + data.count(b"\n", part.start) + (data[-1] != 10)
        else:
            end_line = line_count = following.line
        size = line_count - part.line
        if part.start > start and not (lines < _SMALL_LINES and lines + size <= _MERGED_LINES):
            yield chunk(part.start, part.line)
            start, line, lines, symbols = part.start, part.line, 0, []
        lines += size
        if part.symbol:
            symbols.append(part.symbol)
        if following is None:
            yield chunk(end, end_line)


def _pairs(parts: Iterator[_Part]) -> Iterator[tuple[_Part, _Part | None]]:
    before: _Part | None = None
    for part in parts:
        if before is not None:
            yield before, part
        before = part
    if before is not None:
        yield before, None


def _cut(data: bytes, long: Chunk) -> Iterator[Chunk]:
    """Yield a long chunk in pieces, each cut at the blank line, or the shallowest, near its end."""
    lines = _lines(data[long.start : long.end])
    at = 0
    start = long.start
    while at < len(lines):
        size = 0
        count = 0
        for one in lines[at : at + _LONGEST_LINES]:
            if count and size + len(one) > MAX_CHUNK_BYTES:
                break
            size += len(one)
            count += 1
        if at + count < len(lines):
            count = _good_cut(lines[at : at + count])
        piece = lines[at : at + count]
        end = start + sum(map(len, piece))
        first = long.first_line + at
        if len(piece) == 1 and len(piece[0]) > MAX_CHUNK_BYTES:
            yield from _bits(data, start, end, first, long.symbol)
        else:
            yield Chunk(start, end, first, first + count - 1, long.symbol)
        start = end
        at += count


def _good_cut(lines: Sequence[bytes]) -> int:
    """Return after how many of the lines to cut: the best place in their second half."""
    if len(lines) < _SMALL_LINES:
        return len(lines)
    wanted = min(len(lines), _PART_LINES)
    best, best_cost = wanted, 1 << 30
    for count in range(len(lines) // 2, len(lines) + 1):
        before = lines[count - 1]
        cost = abs(count - wanted)
        if before.strip():
            following = lines[count] if count < len(lines) else before
            cost += _PART_LINES // 2 + 2 * (len(following) - len(following.lstrip()))
        if cost < best_cost:
            best, best_cost = count, cost
    return best


def _windows(data: bytes) -> Iterator[Chunk]:
    """Yield overlapping windows over lines."""
    starts = [0, *accumulate(map(len, _lines(data)))]
    lines = len(starts) - 1
    at = reached = 0
    while True:
        start = starts[at]
        after = min(at + WINDOW_LINES, bisect_right(starts, start + MAX_CHUNK_BYTES) - 1)
        if after <= at:
            after = at + 1
            yield from _bits(data, start, starts[after], at + 1, "")
        elif starts[after] > reached:  # before a very long line the next window may add nothing
            yield Chunk(start, starts[after], at + 1, after)
        reached = starts[after]
        if after >= lines:
            return
        count = after - at
        # A quarter of a window is seen twice, or nothing where it is a few long lines.
        at += STRIDE_LINES if count == WINDOW_LINES else max(1, count - count // 4)


def _bits(data: bytes, start: int, end: int, line: int, symbol: str) -> Iterator[Chunk]:
    """Yield one long line in bits that overlap, cut between words and between characters."""
    while True:
        stop = min(end, start + MAX_CHUNK_BYTES)
        if stop < end:
            stop = _between(data, stop)
        yield Chunk(start, stop, line, line, symbol)
        if stop >= end:
            return
        start = max(start + 1, _between(data, stop - OVERLAP_BYTES))


def _between(data: bytes, at: int) -> int:
    """Return a place at or before `at`, in reach, that splits no word; else no character."""
    space = max(data.rfind(mark, at - OVERLAP_BYTES // 2, at) for mark in (b" ", b",", b";", b"\r"))
    if space >= 0:
        return space + 1
    while data[at] & 0xC0 == 0x80 and data[at - 1] >= 0x80:
        at -= 1
    return at


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended
