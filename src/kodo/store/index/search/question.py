"""Taking a question apart: its anchors (what must be found as it stands) and its other words.

Knows text only, no index. Guards that whatever a person might copy out of a log, a file or a stack
trace is looked for whole, and that the words inside it are looked for too.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol

from kodo.store.index.search.dates import dates_in
from kodo.store.index.words import SMALLEST_FRAGMENT, is_opaque, pairs, parts, pieces

_MOST_WORDS = 64
_MOST_ANCHORS = 16
_SHORTEST_DIGITS_OF_HASH = 7
_SHORTEST_PART = 3

_QUOTED = re.compile(r"`([^`\n]{2,300})`|\"([^\"\n]{2,300})\"|(?<!\w)'([^'\n]{2,300})'(?!\w)")
_TOKEN = re.compile(
    r"(?:[\w@~.-]*/)+[\w@~.+-]*\w(?::\d+)*"  # a path
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)"  # 1,234.5
    r"|\w+(?:(?:\.|::|->|-|:)\w+)+"  # dotted, kebab-case, file.py:12, E-1042
    r"|\w+"
)
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_LINE_NUMBER = re.compile(r"(\.[A-Za-z]\w{0,5})(?::\d+)+\Z")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_HEX = re.compile(rf"(?=[a-fA-F]*[0-9])[0-9a-fA-F]{{{SMALLEST_FRAGMENT},64}}\Z")
_DIGITS = re.compile(r"\d")
_ORDER = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|latest|newest"
    r"|\d+(?:st|nd|rd|th)|original(?:ly)?|initial(?:ly)?|previous(?:ly)?|earlier|earliest|former"
    r"(?:ly)?|oldest|before|after|over time|history|versions?|every|all|changed?|used to)\b",
    re.IGNORECASE,
)

_STOP_WORDS = (
    "a about again all also am an and any are as at be because been before being both but by "
    "can could did do does doing done down each either else ever every few for from further "
    "get gets give given go goes going got had has have having he her here hers him his how i "
    "if in into is it its just know let like make makes me more most much my need no nor not "
    "now of off on once one only or other our out over own please same say says she should "
    "show so some such tell than that the their them then there these they thing this those "
    "through to too under until up us use used uses using very want was we were what when "
    "where which while who whom whose why will with would yes you your"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())


@dataclass(slots=True, frozen=True)
class Anchor:
    """Something to be found as it stands: `text` is how it was written, `match` how to look it up.

    `rank` 0 is what people copy (quoted text, hashes, codes, paths, numbers), 1 an identifier.
    """

    text: str
    match: str
    rank: int = 0


@dataclass(slots=True)
class Question:
    """A question taken apart. `words` are lower-cased, in order, without the commonest ones.

    `asks_order` tells that it asks for one of several versions, so that old ones count as much.
    """

    text: str
    anchors: list[Anchor] = field(default_factory=list[Anchor])
    words: list[str] = field(default_factory=list[str])
    asks_order: bool = False


class _AddAnchor(Protocol):
    def __call__(self, shown: str, match: str, rank: int = 0) -> None: ...


def take_apart(text: str) -> Question:
    """Return the anchors and words of a question."""
    question = Question(text, asks_order=_ORDER.search(text) is not None)
    words: dict[str, None] = {}
    anchors: dict[str, Anchor] = {}

    def anchor(shown: str, match: str, rank: int = 0) -> None:
        if match and len(anchors) < _MOST_ANCHORS:
            anchors.setdefault(shown, Anchor(shown, match, rank))

    # Of dates in words the texts seldom hold a digit: times are looked up for them.
    rest = text
    for date in reversed(dates_in(text)):
        rest = (
            f"{rest[: date.start]}{_DIGITS.sub(' ', rest[date.start : date.end])}{rest[date.end :]}"
        )
    for found in _QUOTED.finditer(text):
        quoted = (found[1] or found[2] or found[3]).strip()
        if quoted and not quoted.isspace():
            anchor(quoted, phrase(quoted))
    for found in _TOKEN.finditer(rest):
        _take_token(found[0], anchor, words)
    question.anchors = list(anchors.values())
    kept = [word for word in words if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]
    if not kept:
        kept = list(words)
    question.words = kept[:_MOST_WORDS]
    return question


def _take_token(token: str, anchor: _AddAnchor, words: dict[str, None]) -> None:
    if not token.isascii():
        for run in _UNSPACED.findall(token):
            words.update(dict.fromkeys(pairs(run)))
            if len(run) > 2:
                anchor(run, phrase_of_pairs(run), 1)
        rest = _UNSPACED.sub(" ", token)
        if rest != token:
            for one in rest.split():
                _take_token(one, anchor, words)
            return
    token = _LINE_NUMBER.sub(r"\1", token)
    simple = re.findall(r"\w+", token)
    if _GROUPED.match(token):
        joined = token.replace(",", "")
        anchor(joined, f"({phrase(joined)} OR {phrase(token)})")
        words[joined] = None
        return
    if len(simple) > 1:
        is_path = "/" in token
        digits = any(one[:1].isdigit() for one in simple)
        anchor(token, phrase(token), 0 if is_path or digits else 1)
    for word in simple:
        if len(simple) > 1 and word.isdigit() and len(word) < _SHORTEST_PART:
            words[word] = None  # what is left of 10.0.3.17 tells nothing alone
        else:
            _take_word(word, anchor, words)


def _take_word(word: str, anchor: _AddAnchor, words: dict[str, None]) -> None:
    lower = word.lower()
    inner = parts(word)
    if word.isdigit() and len(word) < _SHORTEST_DIGITS_OF_HASH:
        if len(word) > 1:
            anchor(word, _quote(word))
        words[lower] = None
        return
    if _HEX.match(word) or is_opaque(word):
        anchor(word, fragment(word))
        words[lower] = None
        return
    compound = len(inner) > 1 or "_" in word.strip("_")
    if compound:
        digits = any(part.isdigit() for part in inner)
        match = f"({_quote(word)} OR {phrase(' '.join(inner))})" if inner else _quote(word)
        anchor(word, match, 0 if digits and len(inner) == 2 else 1)
    elif word.isupper() and len(word) > 2:
        anchor(word, _quote(word), 1)
    if not compound:
        words[lower] = None
    for part in inner:
        if len(part) > 1 or part.isdigit():
            words[part.lower()] = None


def _quote(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def phrase(text: str) -> str:
    """Return the match expression for words that follow one another; empty where there are none."""
    found = re.findall(r"\w+", text)
    return _quote(" ".join(found)) if found else ""


def phrase_of_pairs(run: str) -> str:
    """Return the match expression for a run of a script without spaces: all its pairs."""
    return "(" + " AND ".join(_quote(pair) for pair in pairs(run)) + ")"


def fragment(word: str) -> str:
    """Return the match expression for a part of a hash or id, wherever in it."""
    ways = [_quote(word), f"{_quote(word)} *"]
    for start in (0, 1):
        found = pieces(word, start=start)
        if found:
            ways.append("(" + " AND ".join(_quote(piece) for piece in found) + ")")
    return "(" + " OR ".join(ways) + ")"
