"""Stems: the words of code and of questions brought to one form, so that they can meet.

Knows English endings and how identifiers are joined. Guards that functions and questions are
treated alike.
"""

import re
from functools import lru_cache

_IDENTIFIER = re.compile(r"[^\W\d_][^\W_]*(?:_[^\W_]+)*|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_VOWELS = frozenset("aeiouy")
_SHORTEST = 4
_LONGEST_WORD = 60

# Long before short; each needs four letters in front of it.
_ENDINGS = (
    *(
        "ization",
        "isation",
        "izer",
        "iser",
        "ation",
        "ator",
        "ment",
        "ness",
        "able",
        "ible",
        "ful",
        "ally",
        "ly",
        "ion",
        "or",
        "er",
    ),
    *("ize", "ise", "iz", "ive", "al"),
)

_TELLING_NOTHING = (
    "a an the of to in on at by for from with without and or not no is are was were be been "
    "being it its this that these those i me my we us our you your he she they them their "
    "what which who whom whose where when why how do does did doing done have has had having "
    "can could will would shall should may might must as if then else than so such any all "
    "some each every other another own same too very just only also but there here out up "
    "down off over under again into onto about between through during before after above "
    "below both more most few much many s t d ll ve re m don doesn didn isn aren won can "
    "cannot wasn weren hasn haven couldn shouldn wouldn function method routine piece code "
    "thing something somewhere want wants need needs needed get gets give given gives make "
    "made makes take takes taken use used uses using let lets like way one"
)
_STOP_WORDS = frozenset(_TELLING_NOTHING.split())


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case: identifiers' parts, and those joined again."""
    found: list[str] = []
    for identifier in _IDENTIFIER.findall(text):
        if len(identifier) > _LONGEST_WORD:
            continue
        parts = [part.lower() for part in _PART.findall(identifier)]
        found += parts
        if len(parts) > 1:
            found.append(identifier.lower())
    return found


def stems(text: str) -> list[str]:
    """Return the stems of all words of a text, in order; single letters are left out."""
    return [stem(word) for word in words_of(text) if len(word) > 1 or word.isdigit()]


def question_stems(text: str) -> list[str]:
    """Return the different stems of a question that say something, in order."""
    telling = (word for word in words_of(text) if len(word) > 1 and word not in _STOP_WORDS)
    return list(dict.fromkeys(stem(word) for word in telling))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return what a lower-case word shares with its other forms: `parsing`, `parser` → `pars`."""
    if len(word) < _SHORTEST or not (word.isascii() and word.isalpha()):
        return word
    word = _without_participle(_without_plural(word))
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            word = word[: -len(ending)]
            break
    if len(word) > _SHORTEST and word.endswith("e"):
        word = word[:-1]
    if len(word) > _SHORTEST and word.endswith("y"):
        word = word[:-1] + "i"
    return word


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > _SHORTEST:
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_participle(word: str) -> str:
    for ending in ("ing", "ed"):
        begin = word[: -len(ending)]
        if word.endswith(ending) and len(begin) >= 3 and not _VOWELS.isdisjoint(begin):
            doubled = len(begin) > 3 and begin[-1] == begin[-2] and begin[-1] not in "lsz"
            return begin[:-1] if doubled else begin
    return word
