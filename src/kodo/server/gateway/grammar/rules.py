"""The rules of a Lark grammar as nodes, and the whole of it as GBNF.

Covered: what `lark.py` reads, `%import common.NAME` of the usual names, `%ignore`. Not covered, and
refused by name: templates, `%declare`, `%override`, `%extend`, other grammars. Priorities and
aliases say nothing about which texts are in the language, so they are passed over.
"""

import ast
from collections.abc import Callable
from collections.abc import Sequence as Tokens

from kodo.server.gateway.grammar.gbnf import LONGEST, write_gbnf
from kodo.server.gateway.grammar.lark import Token, check_lark, statements
from kodo.server.gateway.grammar.nodes import (
    Chars,
    GrammarError,
    Literal,
    Name,
    Node,
    Repeat,
    choice,
    sequence,
)
from kodo.server.gateway.grammar.regex import MOST_REPEATS, read_regex

_START = "start"
_IGNORED = "-ignored"  # no name of Lark has a dash
_COMMON = {
    "DIGIT": "[0-9]",
    "HEXDIGIT": "[0-9a-fA-F]",
    "INT": "[0-9]+",
    "SIGNED_INT": "[+-]?[0-9]+",
    "DECIMAL": r"[0-9]+\.[0-9]*|\.[0-9]+",
    "FLOAT": r"([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+",
    "NUMBER": r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "SIGNED_NUMBER": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "ESCAPED_STRING": r'"([^"\\\n]|\\.)*"',
    "LCASE_LETTER": "[a-z]",
    "UCASE_LETTER": "[A-Z]",
    "LETTER": "[a-zA-Z]",
    "WORD": "[a-zA-Z]+",
    "CNAME": "[_a-zA-Z][_a-zA-Z0-9]*",
    "WS_INLINE": r"[ \t]+",
    "WS": r"[ \t\f\r\n]+",
    "CR": r"\r",
    "LF": r"\n",
    "NEWLINE": r"(\r?\n)+",
    "SH_COMMENT": r"#[^\n]*",
    "CPP_COMMENT": r"//[^\n]*",
    "SQL_COMMENT": r"--[^\n]*",
}


def gbnf_of_lark(text: str) -> str:
    """Return the grammar in GBNF. Raises GrammarError: it is broken, or cannot be enforced."""
    return _bounded(text, _lark)


def gbnf_of_regex(pattern: str) -> str:
    """Return a regex in GBNF. Raises GrammarError where it cannot be enforced."""
    return _bounded(pattern, lambda text: write_gbnf({_START: read_regex(text)}, _START))


def _bounded(text: str, write: Callable[[str], str]) -> str:
    """Return what `write` makes of a text of a client. Raises GrammarError."""
    if len(text) > LONGEST:
        raise GrammarError(f"it is longer than {LONGEST} characters")
    try:
        return write(text)
    except RecursionError as error:
        raise GrammarError("its brackets or repetitions are nested too deeply") from error


def _lark(text: str) -> str:
    check_lark(text)
    rules: dict[str, Node] = {}
    ignored: list[Node] = []
    found = list(statements(text))
    skips = any(one[0].text == "%ignore" for one in found)
    for statement in found:
        head = statement[0]
        if head.kind == "directive":
            ignored += _directive(statement, rules)
            continue
        colon = next(at for at, one in enumerate(statement) if one.text == ":")
        if any(one.text == "{" for one in statement[:colon]):
            raise GrammarError(f"line {head.line}: templates are not enforced here")
        name = head.text.lstrip("?!")
        in_rule = not name.lstrip("_")[:1].isupper()
        body = _Body(statement[colon + 1 :], skips=skips and in_rule)
        rules[name] = body.whole()
    start = _START
    if skips:
        rules[_IGNORED] = Repeat(choice(ignored), 0, None)
        start = f"{_IGNORED}-start"
        rules[start] = sequence([Name(_IGNORED), Name(_START)])
    return write_gbnf(rules, start)


def _directive(statement: list[Token], rules: dict[str, Node]) -> list[Node]:
    """Take in a directive; returns what is to be ignored between tokens."""
    head, rest = statement[0], statement[1:]
    if head.text == "%ignore":
        return [_Body(rest, skips=False).whole()]
    names = [token.text for token in rest if token.kind == "name"]
    if head.text != "%import" or names[:1] != ["common"]:
        raise GrammarError(f"line {head.line}: {head.text!r} of this kind is not enforced here")
    wanted = names[1:]
    if any(token.text == "->" for token in rest):
        wanted, kept = names[1:2], names[2:3]
    else:
        kept = wanted
    for name, known_as in zip(wanted, kept, strict=True):
        pattern = _COMMON.get(name)
        if pattern is None:
            raise GrammarError(
                f"line {head.line}: common.{name} is not known here; known are"
                f" {', '.join(sorted(_COMMON))}"
            )
        rules[known_as] = read_regex(pattern)
    return []


class _Body:
    """The right side of a rule. `skips` lets what is ignored stand behind each terminal."""

    def __init__(self, tokens: Tokens[Token], *, skips: bool) -> None:
        self._tokens = tokens
        self._skips = skips
        self._at = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            raise GrammarError(f"line {token.line}: {token.text!r} is not enforced here")
        return node

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return choice(options)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens) and self._tokens[self._at].text not in ("|", ")", "]"):
            if self._take("->"):
                self._at += 1
            else:
                parts.append(self._repeated())
        return sequence(parts)

    def _repeated(self) -> Node:
        item = self._atom()
        while True:
            if self._take("*"):
                item = Repeat(item, 0, None)
            elif self._take("+"):
                item = Repeat(item, 1, None)
            elif self._take("?"):
                item = Repeat(item, 0, 1)
            elif self._take("~"):
                least = self._number()
                most = self._number() if self._take("..") else least
                item = Repeat(item, least, most)
            else:
                return item

    def _atom(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        match token.kind:
            case "string":
                if self._take(".."):
                    if self._at == len(self._tokens):
                        raise GrammarError(f"line {token.line}: a range without an end")
                    last = _literal(self._tokens[self._at].text)
                    self._at += 1
                    return self._terminal(_range(_literal(token.text), last, token))
                return self._terminal(_literal(token.text))
            case "regex":
                end = token.text.rindex("/")
                pattern = token.text[1:end].replace("\\/", "/")
                try:
                    return self._terminal(read_regex(pattern, token.text[end + 1 :]))
                except GrammarError as error:
                    raise GrammarError(f"line {token.line}: {error}") from error
            case "name":
                if self._at < len(self._tokens) and self._tokens[self._at].text == "{":
                    raise GrammarError(f"line {token.line}: templates are not enforced here")
                name = token.text.lstrip("?!")
                if name.lstrip("_")[:1].isupper():
                    return self._terminal(Name(name))
                return Name(name)
            case _ if token.text == "(":
                node = self._choice()
                self._at += 1  # the bracket that check_lark has found
                return node
            case _ if token.text == "[":
                node = self._choice()
                self._at += 1
                return Repeat(node, 0, 1)
            case _:
                raise GrammarError(f"line {token.line}: {token.text!r} is not enforced here")

    def _terminal(self, node: Node) -> Node:
        return sequence([node, Name(_IGNORED)]) if self._skips else node

    def _number(self) -> int:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind != "number":
            raise GrammarError("a number of repetitions belongs behind '~'")
        self._at += 1
        if len(token.text) > len(str(MOST_REPEATS)) or int(token.text) > MOST_REPEATS:
            raise GrammarError(f"line {token.line}: more than {MOST_REPEATS} repetitions")
        return int(token.text)

    def _take(self, text: str) -> bool:
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        if token.text != text or token.kind == "string":
            return False
        self._at += 1
        return True


def _literal(text: str) -> Literal:
    quoted = text.removesuffix("i")
    try:
        plain: object = ast.literal_eval(quoted)
    except (SyntaxError, ValueError) as error:
        raise GrammarError(f"the string {text} cannot be read") from error
    return Literal(str(plain), quoted != text)


def _range(first: Literal, last: Literal, token: Token) -> Node:
    if len(first.text) != 1 or len(last.text) != 1 or first.text > last.text:
        raise GrammarError(f"line {token.line}: a range goes from one character to a later one")
    return Chars(((ord(first.text), ord(last.text)),))
