"""Maven versions: numbers and words split at dots, hyphens and where one turns into the other.

Follows the ordering that Maven documents for its versions: `alpha` `beta` `milestone` `rc`
`snapshot` come before the release, `sp` and other words after it.
"""

import re
from functools import total_ordering

_WORDS = {"alpha": -5, "beta": -4, "milestone": -3, "rc": -2, "cr": -2, "snapshot": -1, "sp": 1}
_RELEASE = frozenset(("", "ga", "final", "release"))
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}
_TOKEN = re.compile(r"(?P<separator>[.\-_]?)(?P<text>\d+|[a-zA-Z]+)")


_Token = tuple[str, int | str]


@total_ordering
class MavenKey:
    """Orders versions as Maven does."""

    __slots__ = ("_tokens",)

    def __init__(self, version: str) -> None:
        tokens: list[_Token] = []
        matches = list(_TOKEN.finditer(version.strip().lower()))
        for at, match in enumerate(matches):
            text = match["text"]
            separator = "." if match["separator"] == "." or at == 0 else "-"
            if text.isdecimal():
                tokens.append((separator, int(text)))
                continue
            follows = matches[at + 1] if at + 1 < len(matches) else None
            glued = follows is not None and not follows["separator"] and follows["text"].isdecimal()
            tokens.append((separator, _SHORT.get(text, text) if glued else text))
        self._tokens = _trimmed(tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MavenKey) and not self < other and not other < self

    def __lt__(self, other: "MavenKey") -> bool:
        for at in range(max(len(self._tokens), len(other._tokens))):
            mine = self._tokens[at] if at < len(self._tokens) else None
            yours = other._tokens[at] if at < len(other._tokens) else None
            a, b = _rank(mine, yours), _rank(yours, mine)
            if a != b:
                return a < b
        return False

    def __hash__(self) -> int:
        return hash(tuple(self._tokens))


def _trimmed(tokens: list[_Token]) -> list[_Token]:
    """Drop noughts and words that mean the release itself, at the end and before each hyphen."""
    kept: list[_Token] = []
    for at, token in enumerate(tokens):
        rest = tokens[at:]
        run = 0
        while run < len(rest) and (rest[run][1] == 0 or rest[run][1] in _RELEASE):
            run += 1
        ends = run == len(rest) or rest[run][0] == "-"
        if at and run and ends:
            continue
        kept.append(token)
    return kept


def _rank(token: _Token | None, other: _Token | None) -> tuple[int, int, str]:
    """Return what a token counts against another; a missing one is the release of its kind."""
    if token is None:
        if other is None:
            return (0, 0, "")
        token = (other[0], 0 if isinstance(other[1], int) else "")
    separator, value = token
    if isinstance(value, int):
        return (2 if separator == "." else 1, value, "")
    if value in _RELEASE:
        return (0, 0, "")
    order = _WORDS.get(value, 2)
    return (0, order, value if order == 2 else "")
