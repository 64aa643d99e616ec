"""Long runs of comment lines, made blank before parsing.

Knows only lines. Guards time: the grammar reads a run of n comments behind an indented block in n²
steps (4,000 lines take 0.7 s); blank lines of the same length take none, and no offset moves.
"""

import re

MIN_RUN = 50

_RUN = re.compile(rb"^[ \t]*#[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n){%d,}" % (MIN_RUN - 1), re.MULTILINE)
_TEXT = re.compile(rb"[^\r\n]")


def without_long_comments(source: bytes) -> bytes:
    """Return `source` with runs of at least MIN_RUN comment lines as spaces of the same length."""
    if source.count(b"#") < MIN_RUN:
        return source
    return _RUN.sub(lambda match: _TEXT.sub(b" ", match[0]), source)
