"""Regular expressions as nodes of a grammar.

Covered: alternatives, groups, classes, the escapes of ASCII, repetition, the flags i and s. Not
covered, and refused by name: looking around, back references, word borders, anchors but at the
ends, where they say nothing. Lazy repetition is read as the greedy one: a grammar tries both.
"""

from kodo.server.gateway.grammar.nodes import (
    Chars,
    Choice,
    GrammarError,
    Literal,
    Node,
    Repeat,
    choice,
    sequence,
)

MOST_REPEATS = 1000
_DIGIT = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 13), (32, 32))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_HEX = set("0123456789abcdefABCDEF")
_HIGHEST = 0x10FFFF
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def read_regex(pattern: str, flags: str = "") -> Node:
    """Return what `pattern` matches from end to end. Raises GrammarError for what is not covered.

    `flags` are letters behind a Lark regex: i (case is ignored), s (a dot is any character).
    """
    for flag in flags:
        if flag not in "isu":
            raise GrammarError(f"the flag {flag!r} of a regex is not enforced here")
    reader = _Reader(pattern, folds="i" in flags, dot_is_all="s" in flags)
    node = reader.choice()
    if reader.at < len(pattern):
        raise GrammarError(f"{pattern[reader.at]!r} closes nothing in the regex {pattern!r}")
    return node


class _Reader:
    """A position in a pattern."""

    def __init__(self, pattern: str, *, folds: bool, dot_is_all: bool) -> None:
        self.at = 0
        self._pattern = pattern
        self._folds = folds
        self._dot = Chars(() if dot_is_all else ((10, 10),), negated=True)

    def choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return choice(options)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self._pattern) and self._pattern[self.at] not in "|)":
            if self._take("^"):
                if self.at != 1:
                    raise self._refused("'^' inside")
            elif self._take("$"):
                if self.at < len(self._pattern):
                    raise self._refused("'$' inside")
            else:
                parts.append(self._repeated(self._atom()))
        return sequence(parts)

    def _repeated(self, item: Node) -> Node:
        while self.at < len(self._pattern):
            begin = self.at
            if self._take("*"):
                found: tuple[int, int | None] = (0, None)
            elif self._take("+"):
                found = (1, None)
            elif self._take("?"):
                found = (0, 1)
            elif (counted := self._counted()) is not None:
                found = counted
            else:
                return item
            if self._take("+"):
                raise self._refused(f"possessive {self._pattern[begin : self.at]!r}")
            self._take("?")
            item = Repeat(item, *found)
        return item

    def _counted(self) -> tuple[int, int | None] | None:
        end = self._pattern.find("}", self.at)
        if self._pattern[self.at] != "{" or end < 0:
            return None
        least, comma, most = self._pattern[self.at + 1 : end].partition(",")
        if not (least or most) or not all(one.isdecimal() or not one for one in (least, most)):
            return None  # a brace that is itself
        self.at = end + 1
        if max(len(least), len(most)) > len(str(MOST_REPEATS)):
            raise self._refused(f"more than {MOST_REPEATS} repetitions")
        low = int(least or 0)
        high = int(most) if most else (None if comma else low)
        if max(low, high or 0) > MOST_REPEATS:
            raise self._refused(f"more than {MOST_REPEATS} repetitions")
        if high is not None and high < low:
            raise self._refused("a repetition that ends before it begins")
        return low, high

    def _atom(self) -> Node:
        mark = self._next()
        match mark:
            case "(":
                if self._take("?"):
                    if self._take("P<"):
                        end = self._pattern.find(">", self.at)
                        if end < 0:
                            raise self._refused("a name that is not closed")
                        self.at = end + 1
                    elif not self._take(":"):
                        raise self._refused("looking around, or a flag inside,")
                node = self.choice()
                if not self._take(")"):
                    raise self._refused("a group that is not closed")
                return node
            case "[":
                return self._class()
            case ".":
                return self._dot
            case "\\":
                found = self._escaped()
                if isinstance(found, Chars):
                    return found
                return self._literal(found)
            case "*" | "+" | "?":
                raise self._refused(f"nothing before {mark!r}")
            case _:
                return self._literal(mark)

    def _literal(self, text: str) -> Literal:
        return Literal(text, self._folds and text.lower() != text.upper())

    def _escaped(self) -> Chars | str:
        """Return what stands behind a backslash: a class, or one character."""
        mark = self._next()
        if ranges := _CLASSES.get(mark.lower()):
            return Chars(ranges, negated=mark.isupper())
        if control := _CONTROLS.get(mark):
            return control
        if (digits := _HEX_DIGITS.get(mark)) is not None:
            text = self._pattern[self.at : self.at + digits]
            self.at += digits
            whole = len(text) == digits and set(text) <= _HEX
            point = int(text, 16) if whole else _HIGHEST + 1
            if point > _HIGHEST:
                raise self._refused(f"'\\{mark}{text}', which is no character,")
            return chr(point)
        if mark.isalnum():
            raise self._refused(f"'\\{mark}'")
        return mark

    def _class(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        excluded: list[Chars] = []
        first = True
        while first or not self._take("]"):
            low = self._member()
            first = False
            if isinstance(low, Chars):
                if low.negated:
                    excluded.append(low)
                else:
                    ranges += low.ranges
                continue
            high = low
            if self._pattern[self.at : self.at + 1] == "-" and self._pattern[
                self.at + 1 : self.at + 2
            ] not in ("]", ""):
                self.at += 1
                high = self._member()
            if isinstance(high, Chars) or ord(high) < ord(low):
                raise self._refused("a range that is none")
            ranges.append((ord(low), ord(high)))
        if self._folds:
            ranges = [one for each in ranges for one in _folded(*each)]
        if not excluded:
            return Chars(tuple(ranges), negated)
        if negated:
            raise self._refused("a class like '\\W' inside '[^...]'")
        return Choice((*((Chars(tuple(ranges)),) if ranges else ()), *excluded))

    def _member(self) -> Chars | str:
        mark = self._next()
        if mark == "\\":
            if self._take("b"):
                return "\b"
            return self._escaped()
        return mark

    def _next(self) -> str:
        if self.at >= len(self._pattern):
            raise self._refused("an end in the middle")
        self.at += 1
        return self._pattern[self.at - 1]

    def _take(self, text: str) -> bool:
        if not self._pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _refused(self, what: str) -> GrammarError:
        return GrammarError(f"{what} is not enforced here, in the regex {self._pattern!r}")


def _folded(low: int, high: int) -> list[tuple[int, int]]:
    """Return a range and the same letters of the other case (ASCII)."""
    found = [(low, high)]
    for first, last, step in ((65, 90, 32), (97, 122, -32)):
        begin, end = max(low, first), min(high, last)
        if begin <= end:
            found.append((begin + step, end + step))
    return found
