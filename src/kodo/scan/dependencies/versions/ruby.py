"""RubyGems versions: numbers and words by turns; a word is a pre-release and comes before."""

import re

RubyKey = tuple[tuple[int, int, str], ...]

_END = (1, 0, "")


def ruby_key(version: str) -> RubyKey:
    """Return a key that orders versions as Gem::Version does."""
    segments = re.findall(r"\d+|[a-zA-Z]+", version.strip().replace("-", ".pre."))
    key: list[tuple[int, int, str]] = [
        (1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in segments
    ]
    # Noughts that end the numbers, or the whole, do not count: 1.0 is 1, and 1.0.a is 1.a.
    trimmed: list[tuple[int, int, str]] = []
    for piece in reversed(key):
        if piece == _END and (not trimmed or trimmed[-1][0] == 0):
            continue
        trimmed.append(piece)
    return (*reversed(trimmed), _END)
