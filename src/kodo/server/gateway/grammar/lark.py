"""Whether a Lark grammar can be read: its rules, terminals, and what they refer to.

Covered: rules with aliases, priorities, ranges and repetition, terminals, strings, regular
expressions, %import, %ignore, %declare, comments. Not covered: templates' arity, ambiguity, and
whether a terminal can match. Guards that a client hears of a broken grammar before a model does.
"""

import re
from collections.abc import Iterator

import msgspec

from kodo.server.gateway.grammar.nodes import GrammarError

_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+|//[^\n]*|\#[^\n]*)
    |(?P<line>(?:\r?\n[ \t]*)+(?P<continues>\|)?)
    |(?P<regex>/(?!/)(?:\\.|[^/\\\n])+/[imslux]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"i?)
    |(?P<directive>%[a-z_]+)
    |(?P<name>[?!]*_?[A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+)
    |(?P<number>\d+)
    |(?P<arrow>->)
    |(?P<mark>\.\.|[:|()\[\]*+?~,.{}=])""",
    re.VERBOSE,
)
_CLOSING = {")": "(", "]": "["}


class Token(msgspec.Struct, frozen=True):
    """A word of a grammar, and the line where it stands."""

    kind: str
    text: str
    line: int


def check_lark(text: str) -> None:
    """Raise GrammarError where `text` is no Lark grammar with a rule `start`."""
    defined: set[str] = set()
    used: dict[str, int] = {}
    for statement in statements(text):
        head = statement[0]
        if head.kind == "directive":
            defined |= _directive(statement)
            continue
        if head.kind != "name":
            raise GrammarError(f"line {head.line}: {head.text!r} where a rule should begin")
        colon = next((at for at, one in enumerate(statement) if one.text == ":"), None)
        if colon is None:
            raise GrammarError(f"line {head.line}: the rule {head.text!r} has no ':'")
        name = head.text.lstrip("?!")
        if name in defined:
            raise GrammarError(f"line {head.line}: {name!r} is defined twice")
        defined.add(name)
        for reference, line in _body(statement[colon + 1 :], head):
            used.setdefault(reference, line)
    if "start" not in defined:
        raise GrammarError("there is no rule 'start'")
    for name, line in used.items():
        if name not in defined:
            raise GrammarError(f"line {line}: {name!r} is not defined")


def _tokens(text: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise GrammarError(f"line {line}: cannot read {text[at : at + 20]!r}")
        kind = match.lastgroup or ""
        if match["line"] is not None:
            line += match[0].count("\n")
            yield Token("mark", "|", line) if match["continues"] else Token("line", "", line)
        elif kind != "blank":
            yield Token(kind, match[0], line)
        at = match.end()


def statements(text: str) -> Iterator[list[Token]]:
    """Yield the tokens of each rule or directive; brackets may hold line ends.

    Raises GrammarError for what is no token.
    """
    found: list[Token] = []
    depth = 0
    for token in _tokens(text):
        if token.kind != "line":
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
            found.append(token)
        elif found and depth <= 0:
            yield found
            found, depth = [], 0
    if found:
        yield found


def _directive(statement: list[Token]) -> set[str]:
    head, rest = statement[0], statement[1:]
    names = [token.text for token in rest if token.kind == "name"]
    match head.text:
        case "%import" if names:
            if any(token.text == "(" for token in rest):
                bracket = next(at for at, token in enumerate(rest) if token.text == "(")
                return {token.text for token in rest[bracket:] if token.kind == "name"}
            return {names[-1]}
        case "%declare":
            return set(names)
        case "%ignore" | "%override" | "%extend":
            return set()
        case _:
            raise GrammarError(f"line {head.line}: {head.text!r} is no directive")


def _body(tokens: list[Token], head: Token) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of what a rule refers to."""
    if not tokens:
        raise GrammarError(f"line {head.line}: the rule {head.text!r} is empty")
    open_marks: list[str] = []
    previous = ""
    for token in tokens:
        if token.text in ("(", "["):
            open_marks.append(token.text)
        elif opening := _CLOSING.get(token.text):
            if not open_marks or open_marks.pop() != opening:
                raise GrammarError(f"line {token.line}: {token.text!r} closes nothing")
        elif token.kind == "regex":
            _check_regex(token)
        elif token.text in ("*", "+", "?") and previous in ("", "|", "(", "["):
            raise GrammarError(f"line {token.line}: nothing before {token.text!r} to repeat")
        elif token.kind == "directive" or token.text in (":", "="):
            raise GrammarError(f"line {token.line}: {token.text!r} inside the rule {head.text!r}")
        elif token.kind == "name" and previous != "->":
            yield token.text.lstrip("?!"), token.line
        previous = token.text
    if open_marks:
        raise GrammarError(f"line {head.line}: {open_marks[-1]!r} is not closed in {head.text!r}")


def _check_regex(token: Token) -> None:
    pattern = token.text[1 : token.text.rindex("/")]
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise GrammarError(f"line {token.line}: the regex {token.text!r}: {error}") from error
