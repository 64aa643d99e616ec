"""Types as far as an edit needs them: a family, and a name where the text says it.

Knows the spelling of types in all grammars. Guards that a type which is left to the compiler stays
unknown.
"""

import re
from dataclasses import dataclass

NUMBER, TEXT, TRUTH, OTHER, NOTHING = "number", "text", "truth", "other", "nothing"

_NUMBERS = re.compile(
    r"(?:unsigned|signed|int|long|short|byte|float|double|(?:std::)?s?size_t|usize|isize"
    r"|(?:std::)?u?int(?:8|16|32|64)_t|[iuf](?:8|16|32|64|128)|u?int(?:8|16|32|64)|uint|float(?:32|64)"
    r"|rune|Integer|Long|Double|Float|Short|number)(?: (?:int|long|char|double))*"
)
_TEXTS = {"string", "String", "std::string", "str", "std::string_view", "'staticstr"}
_LISTS = re.compile(
    r"\[\](.+)|\[(.+);.+\]|(.+)\[\]|(?:Vec|List|ArrayList|std::vector|vector)<(.+)>"
)
_TRUTHS = {"bool", "boolean", "Boolean"}
_UNTYPED = {"", "auto", "var", "let", "const", "auto&", "constauto&", "any"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type as far as it is known: its family, and its name where the text says it."""

    family: str
    name: str = ""

    def fits(self, other: "Kind", *, strict: bool) -> bool:
        """Whether one may stand for the other; `strict` languages convert no numbers unasked."""
        if self.family != other.family:
            return False
        if not self.name or not other.name or self.name == other.name:
            return True
        return self.family == NUMBER and not strict


def kind_of_type(text: bytes) -> Kind | None:
    """Return the type that a declaration names, None for one that is left to the compiler."""
    word = text.decode("utf-8", "replace").strip()
    bare = re.sub(r"\b(?:const|mut|final|volatile)\b|[&]", "", word).strip()
    if bare.replace(" ", "") in _UNTYPED:
        return None
    if _NUMBERS.fullmatch(bare):
        return Kind(NUMBER, bare)
    if bare.replace(" ", "") in _TEXTS:
        return Kind(TEXT, "")
    if bare in _TRUTHS:
        return Kind(TRUTH)
    if len(bare) == 1 and bare.isupper():
        return None  # a type parameter may be anything
    return Kind(OTHER, re.sub(r"\s", "", bare))


def element_of(kind: Kind) -> Kind | None:
    """Return the type of an element of a list, None where that is not known."""
    match = _LISTS.fullmatch(kind.name)
    if match is None:
        return None
    return kind_of_type(next(group for group in match.groups() if group).encode())
