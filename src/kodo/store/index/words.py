"""The words of code: what an identifier, a number, a hash or a run of Chinese can be found by.

SQLite's own tokenizer sees whole words (underscores kept); this file adds what is inside them.
Guards that texts and questions are taken apart by the same rules.
"""

import re

TOKENIZER = "porter unicode61 remove_diacritics 2 tokenchars '_'"

SMALLEST_FRAGMENT = 5
_LONGEST_WORD = 200
_SHORTEST_OPAQUE = 8
_SHORTEST_OPAQUE_NUMBER = 12
_MOST_CACHED = 400_000

# Marks the pieces of hashes, so that they are never taken for words: a private-use character,
# which SQLite's tokenizer counts as a letter.
_PIECE_MARK = "\ue000"
_PIECE = 4
_PIECE_STRIDE = 2

_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_GROUPED = re.compile(rb"(?<![\w.,])[0-9]{1,3}(?:,[0-9]{3})+(?![\w,])")
_COMMA_DIGIT = re.compile(rb",[0-9]")
_CHANGE = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])")
_HEX = re.compile(r"[0-9a-fA-F]{8,}\Z")
# Scripts that are written without spaces: Thai to Myanmar, Hangul's older letters, kana, Han,
# Hangul and their compatibility forms.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_SPACED = re.compile(
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_ONLY_WORDS = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_") else ord(" ")
    for byte in range(256)
)


def is_opaque(word: str) -> bool:
    """Tell whether a word looks drawn at random (a hash, a key, an id): it has no parts."""
    if len(word) < _SHORTEST_OPAQUE or word.isalpha() or "_" in word or not word.isascii():
        return False
    if word.isdigit():
        return len(word) >= _SHORTEST_OPAQUE_NUMBER
    changes = len(_CHANGE.findall(word))
    return changes >= 3 or (changes >= 2 and _HEX.match(word) is not None)


def parts(word: str) -> list[str]:
    """Return the parts of an identifier: camelCase, snake_case and digits apart; none for one."""
    found = _PARTS.findall(word)
    return found if len(found) > 1 else []


def pieces(word: str, stride: int = _PIECE_STRIDE, start: int = 0) -> list[str]:
    """Return the overlapping pieces by which a fragment of an opaque word is found."""
    word = word.lower()
    last = len(word) - _PIECE + 1
    return [_PIECE_MARK + word[at : at + _PIECE] for at in range(start, last, stride)]


def pairs(run: str) -> list[str]:
    """Return the overlapping pairs of characters of a run without spaces."""
    return [run[at : at + 2] for at in range(len(run) - 1)] if len(run) > 1 else [run]


def inner_words(text: bytes) -> str:
    """Return what is inside the words of a text, to be indexed beside them, joined by spaces."""
    # Four times as fast as a regular expression, and most words have been seen before. The order
    # stays, so that what is near in the text is near in the index.
    words = text.translate(_ONLY_WORDS).split()
    found = " ".join(dict.fromkeys(map(_INNER.__getitem__, words)))
    if _COMMA_DIGIT.search(text) and (grouped := _GROUPED.findall(text)):
        found += " " + b" ".join(grouped).replace(b",", b"").decode()
    return found


class _Inner(dict[bytes, str]):
    """What is inside each word, remembered: a project has few different ones."""

    def __missing__(self, word: bytes) -> str:
        if len(self) >= _MOST_CACHED:
            self.clear()
        inside = self[word] = _inside(word)
        return inside


def _inside(word: bytes) -> str:
    if word.isalpha() and (word.islower() or word.isupper() or word.istitle()):
        return ""
    if word.startswith((b"0x", b"0X")):
        return ""  # a number: what is in it means nothing
    # Of base64 and the like the beginning is enough to tell it by.
    shown = word[:_LONGEST_WORD].decode("utf-8", "replace")
    if not word.isascii():
        return " ".join(_foreign(shown))
    if len(shown) >= _SHORTEST_OPAQUE and is_opaque(shown):
        return " ".join(pieces(shown))
    found = parts(shown)
    if found and found[0].isdigit() and shown.replace("_", "").isdigit():
        found.append(shown.replace("_", ""))
    return " ".join(found)


def _foreign(word: str) -> list[str]:
    """Take a word apart that is not ASCII: scripts without spaces into pairs, the rest as usual."""
    found: list[str] = []
    for run in _UNSPACED.findall(word):
        found += pairs(run)
    if found or "_" in word or not word.isalpha():
        for run in _SPACED.findall(word):
            found.append(run)
            found += parts(run)
    return found


_INNER = _Inner()
