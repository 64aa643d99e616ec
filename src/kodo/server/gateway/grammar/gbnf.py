"""A grammar in GBNF, the form that llama.cpp holds a model to.

Knows nodes and GBNF. Guards the engine: a rule that would come back to itself before it has read
anything is refused by name, because the engine cannot follow it.
"""

from collections.abc import Iterator, Mapping

from kodo.server.gateway.grammar.nodes import (
    Chars,
    Choice,
    GrammarError,
    Literal,
    Name,
    Node,
    Repeat,
    Sequence,
)

LONGEST = 200_000
"""Characters of GBNF that an engine is asked to take."""

MOST_RULES = 1000
MOST_COPIES = 20_000
"""How often all counted repetitions together repeat something: an engine writes each one out."""


def write_gbnf(rules: Mapping[str, Node], start: str) -> str:
    """Return the rules that `start` needs, its rule first, as `root`. Raises GrammarError."""
    if len(rules) > MOST_RULES:
        raise GrammarError(f"it has more than {MOST_RULES} rules")
    for node in rules.values():
        for name in _names(node):
            if name not in rules:
                raise GrammarError(f"{name!r} is not defined")
    if sum(map(_copies, rules.values())) > MOST_COPIES:
        raise GrammarError(f"its repetitions add up to more than {MOST_COPIES}")
    _check_recursion(rules)
    lines = [f"root ::= {_rule_name(start)}"]
    wanted, done = [start], {start}
    while wanted:
        name = wanted.pop()
        lines.append(f"{_rule_name(name)} ::= {_text(rules[name])}")
        for other in _names(rules[name]):
            if other not in done:
                done.add(other)
                wanted.append(other)
    text = "\n".join(lines) + "\n"
    if len(text) > LONGEST:
        raise GrammarError(f"it is longer than {LONGEST} characters when written out")
    return text


def _rule_name(name: str) -> str:
    return "r-" + name.replace("_", "-")


def _text(node: Node) -> str:
    match node:
        case Literal(text, fold):
            if not fold:
                return '"' + "".join(map(_quoted, text)) + '"'
            return " ".join(_either_case(one) for one in text)
        case Chars(ranges, negated):
            if not ranges:
                return "[^\\x00]" if negated else '""'
            found = "".join(
                _code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges
            )
            return f"[{'^' if negated else ''}{found}]"
        case Name(name):
            return _rule_name(name)
        case Sequence(parts):
            return " ".join(_bracketed(part) for part in parts) or '""'
        case Choice(options):
            return " | ".join(_text(option) for option in options)
        case Repeat(item, least, most):
            return _bracketed(item) + _times(least, most)


def _bracketed(node: Node) -> str:
    text = _text(node)
    plain = isinstance(node, Chars | Name) or (isinstance(node, Literal) and not node.fold)
    return text if plain else f"({text})"


def _times(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{least},}}"
        case _:
            return f"{{{least},{most}}}"


def _quoted(one: str) -> str:
    plain = (one.isascii() and one.isalnum()) or one in " .,:;*+-_=<>/()@#"
    return one if plain else _code(ord(one))


def _either_case(one: str) -> str:
    both = {one.lower(), one.upper()}
    return "[" + "".join(_code(ord(each)) for each in sorted(both) if len(each) == 1) + "]"


def _code(point: int) -> str:
    if point < 0x80 and chr(point).isalnum():
        return chr(point)
    if point <= 0xFF:
        return f"\\x{point:02X}"
    return f"\\u{point:04X}" if point <= 0xFFFF else f"\\U{point:08X}"


def _names(node: Node) -> list[str]:
    match node:
        case Name(name):
            return [name]
        case Sequence(parts) | Choice(parts):
            return [name for part in parts for name in _names(part)]
        case Repeat(item):
            return _names(item)
        case _:
            return []


def _copies(node: Node) -> int:
    """Return how much of a node an engine has to write out for counted repetitions."""
    match node:
        case Sequence(parts) | Choice(parts):
            return sum(map(_copies, parts))
        case Repeat(item, least, most):
            return max(least, most or 0) + _copies(item)
        case _:
            return 0


def _check_recursion(rules: Mapping[str, Node]) -> None:
    """Raise GrammarError where a rule can begin with itself, or a repetition read nothing."""
    empty: set[str] = set()
    before = -1
    while len(empty) > before:
        before = len(empty)
        for name in reversed(list(rules)):  # a rule mostly stands above what it uses
            if name not in empty and _is_empty(rules[name], empty):
                empty.add(name)
    firsts = {name: set(_firsts(node, empty)) for name, node in rules.items()}
    if (name := _returning(firsts)) is not None:
        raise GrammarError(f"the rule {name!r} begins with itself: turn it round")
    for name in rules:
        if (endless := _endless(rules[name], empty)) is not None:
            raise GrammarError(
                f"in the rule {name!r} something is repeated that may be empty: {_text(endless)}"
            )


def _returning(firsts: Mapping[str, set[str]]) -> str | None:
    """Return a rule that leads back to itself. Each rule is followed once."""
    done: set[str] = set()
    for start in firsts:
        way: dict[str, Iterator[str]] = {} if start in done else {start: iter(firsts[start])}
        while way:
            name = next(reversed(way))
            following = next((one for one in way[name] if one not in done), None)
            if following in way:
                return following
            if following is None:
                done.add(name)
                del way[name]
            else:
                way[following] = iter(firsts[following])
    return None


def _is_empty(node: Node, empty: set[str]) -> bool:
    """Return whether a node may be the empty text."""
    match node:
        case Literal(text):
            return not text
        case Chars():
            return False
        case Name(name):
            return name in empty
        case Sequence(parts):
            return all(_is_empty(part, empty) for part in parts)
        case Choice(options):
            return any(_is_empty(option, empty) for option in options)
        case Repeat(item, least):
            return least == 0 or _is_empty(item, empty)


def _firsts(node: Node, empty: set[str]) -> list[str]:
    """Return the rules that a node may begin with."""
    match node:
        case Name(name):
            return [name]
        case Choice(options):
            return [name for option in options for name in _firsts(option, empty)]
        case Repeat(item):
            return _firsts(item, empty)
        case Sequence(parts):
            found: list[str] = []
            for part in parts:
                found += _firsts(part, empty)
                if not _is_empty(part, empty):
                    break
            return found
        case _:
            return []


def _endless(node: Node, empty: set[str]) -> Node | None:
    match node:
        case Repeat(item, _, most):
            return node if most is None and _is_empty(item, empty) else _endless(item, empty)
        case Sequence(parts) | Choice(parts):
            return next((found for part in parts if (found := _endless(part, empty))), None)
        case _:
            return None
