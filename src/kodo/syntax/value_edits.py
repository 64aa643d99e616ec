"""Edits of values: numbers, constants, strings, variables, attributes, whole sub-expressions.

Knows scopes and words. Does not judge which edit is right.
"""

import re
from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit, share
from kodo.syntax.kinds import (
    ARGUMENTS,
    ASSIGNMENTS,
    BINARIES,
    CALLS,
    COMPARISONS,
    CONTAINERS,
    INTEGERS,
    LITERALS,
    MEMBERS,
    OPERANDS,
    RETURNS,
    STRINGS,
    SUBSCRIPTS,
)
from kodo.syntax.scope import Scope, Spot, is_value

_NUMERIC = {"identifier", "instance_variable", *CALLS, *MEMBERS, *SUBSCRIPTS, *BINARIES}
_RANGES = {b"range", b"slice", b"substring", b"substr", b"splice", b"take", b"skip", b"nth"}
_SHIFTY = {"range", "range_expression", "slice", "slice_expression"}
_POWERED = {"python", "javascript", "typescript", "tsx", "ruby"}
_IN_PLACE = {b"sort", b"reverse", b"splice", b"push", b"shift", b"fill"}
_MAX_NAMES = 10
_MAX_OPERANDS = 14


def value_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits of values in `scope`."""
    for spot in scope.spots:
        if not spot.named or spot.parent is None:
            continue
        kind = spot.kind
        if kind in INTEGERS:
            yield from _integer(scope, spot)
        if kind in STRINGS:
            yield from _string(scope, spot)
        if kind in LITERALS or kind in {"list", "array", "dictionary", "object"}:
            yield from _constant(scope, spot)
        elif kind == "identifier" or kind == "variable_name":
            yield from _variable(scope, spot)
        if kind in MEMBERS or kind == "instance_variable":
            yield from _attribute(scope, spot)
        if kind in OPERANDS or kind == "identifier":
            if is_value(spot):
                yield from _expression(scope, spot)
        elif kind in {"list_comprehension", "parenthesized_expression"}:
            yield from ()


def _edit(spot: Spot, text: str, kind: str, weight: float, *, sure: bool = False) -> Edit:
    return Edit(spot.start, spot.end, text.encode(), kind, PRIORS[kind] * weight, sure)


def _integer(scope: Scope, spot: Spot) -> Iterator[Edit]:
    text = spot.text
    if not text.isdigit() or len(text) > 12:
        return
    number = int(text)
    near = _near_index(spot)
    for value, weight in ((number + 1, 1.0), (number - 1, 1.0), (0, 0.35), (1, 0.35), (2, 0.15)):
        if value == 0 and spot.parent is not None and "augmented" in spot.parent.kind:
            continue  # `x += 0` says nothing
        if value == 0 and number and (rest := _without(spot)) is not None:
            # `len(x) - 0` says it in a way that nobody would write.
            fraction = PRIORS["integer"] * weight * (1.2 if near else 1.0)
            total, left = rest
            yield Edit(total.start, total.end, left.text, "integer", fraction, sure=True)
        elif value >= 0 and value != number:
            yield _edit(spot, str(value), "integer", weight * (1.2 if near else 1.0), sure=True)
        elif value < 0 and is_value(spot):
            yield _edit(spot, str(value), "integer", weight * 0.7)
    if number > 2:
        yield _edit(spot, str(number * 2), "integer", 0.1)
        yield _edit(spot, str(number * 10), "integer", 0.15)
        if number % 10 == 0:
            yield _edit(spot, str(number // 10), "integer", 0.15)
        if number % 2 == 0:
            yield _edit(spot, str(number // 2), "integer", 0.1)
    parent = spot.parent
    signed = parent is not None and "unary" in parent.kind
    if number and signed and parent is not None and parent.children[0].kind == "-":
        yield Edit(parent.start, parent.end, text, "integer", PRIORS["integer"] * 0.5)
    elif number and is_value(spot):
        yield _edit(spot, f"-{number}", "integer", 0.35)


def _without(spot: Spot) -> tuple[Spot, Spot] | None:
    """Return the sum or difference that a number ends, and what it is without the number."""
    total = spot.parent
    if total is None or total.kind not in BINARIES or len(total.children) != 3:
        return None
    left, operator, right = total.children
    if operator.kind not in {"+", "-"} or (right.start, right.end) != (spot.start, spot.end):
        return None
    return total, left


def _near_index(spot: Spot) -> bool:
    current = spot.parent
    for _ in range(3):
        if current is None:
            return False
        if current.kind in SUBSCRIPTS:
            return True
        current = current.parent
    return False


def _string(scope: Scope, spot: Spot) -> Iterator[Edit]:
    match = re.fullmatch(rb"""([rbuRBU]*)(["'])(.*)\2""", spot.text, re.DOTALL)
    if match is None or spot.text.startswith((b'"""', b"'''")) or len(spot.text) > 80:
        return
    if spot.parent is not None and spot.parent.kind in {"expression_statement", "import_spec"}:
        return
    prefix, quote, body = match.groups()
    others: list[tuple[bytes, float]] = []
    if not body:
        others += [(b" ", 0.8), (b"\\n", 0.2), (b"0", 0.2), (b",", 0.1)]
    else:
        others += [(b"", 0.5 if len(body) < 3 else 0.15), (body + b" ", 0.25), (b" " + body, 0.2)]
        if body.strip() != body:
            others += [(body.strip(), 0.6), (body.rstrip(), 0.3)]
        swapped = body.swapcase()
        if swapped != body:
            others += [(body.lower(), 0.3), (body.upper(), 0.3), (body.capitalize(), 0.2)]
        others += [(body + b"\\n", 0.15)]
        for place in re.finditer(rb"%(d|s|\.\df)", body):
            for form in (b"%d", b"%s", b"%02d", b"%.2f", b"%.1f"):
                if form != place[0]:
                    others.append((body[: place.start()] + form + body[place.end() :], 0.3))
        if body.endswith(b"s"):
            others.append((body[:-1], 0.2))
        if b"r" in prefix or b"\\" in body:  # it may be a regular expression
            for place in re.finditer(rb"[+*?](?!\?)", body):
                for sign in (b"+", b"*", b"?"):
                    if sign != place[0]:
                        others.append((body[: place.start()] + sign + body[place.end() :], 0.4))
            others += [(b"^" + body, 0.3), (body + b"$", 0.4)]
    seen = {body}
    for text, weight in others:
        if text not in seen:
            seen.add(text)
            new = prefix + quote + text + quote
            yield Edit(spot.start, spot.end, new, "string", PRIORS["string"] * weight)
    siblings = [other for other in scope.strings if other != spot.text][:6]
    for other in siblings:
        weight = PRIORS["string"] * share(len(siblings))
        yield Edit(spot.start, spot.end, other, "string", weight)


def _constant(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield another constant, a name, or a test of a name in the place of a constant."""
    words = scope.words
    text = spot.text.decode("utf-8", "replace")
    empty = text in {"[]", "{}", '""', "''"}
    parent = spot.parent
    if parent is None or not (is_value(spot) or spot.field == "condition"):
        return
    if text == words.true:
        yield _edit(spot, words.false, "constant", 1.0, sure=True)
    elif text == words.false:
        yield _edit(spot, words.true, "constant", 1.0, sure=True)
    if text in {words.true, words.false, words.none, "0", "1", '""', "''", "[]", "-1"}:
        for other, weight in (
            (words.none, 0.4),
            ("0", 0.3),
            (words.false, 0.25),
            (words.true, 0.2),
            ('""', 0.25),
            (words.empty_list, 0.3),
            ("-1", 0.2),
        ):
            if other == "0" and _without(spot) is not None:
                continue
            if other and other != text:
                yield _edit(spot, other, "constant", weight)
    if len(text) > 3 and spot.kind in STRINGS:
        return
    names = scope.names[:_MAX_NAMES]
    fraction = share(len(names))
    tested = text in {words.true, words.false} and (
        parent.kind in RETURNS or spot.field == "condition" or parent.kind in ARGUMENTS
    )
    for name in names:
        if spot.kind not in {"list", "array", "object", "dictionary"} or empty:
            yield _edit(spot, name, "constant-name", fraction)
        if tested:
            for test in (
                f"{name} == 0",
                f"{name} > 0",
                words.not_.replace("{x}", name),
                words.is_none.replace("{x}", name),
                words.is_not_none.replace("{x}", name),
            ):
                yield _edit(spot, test, "constant-test", fraction)
            if words.length:
                length = words.length.replace("{x}", name)
                yield _edit(spot, f"{length} == 0", "constant-test", fraction * 0.6)
        if text == "[]":
            yield _edit(spot, f"[{name}]", "container", fraction)
    if text == "[]":
        yield _edit(spot, "[[]]", "container", 0.6)
        yield _edit(spot, "[0]", "container", 0.3)


def _likeness(one: str, other: str) -> float:
    """Return 0 to 1: how much two names look alike, by common head and tail."""
    shorter = min(len(one), len(other))
    head = 0
    while head < shorter and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < shorter - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    return (head + tail) / max(len(one), len(other))


def _variable(scope: Scope, spot: Spot) -> Iterator[Edit]:
    text = spot.text.decode("utf-8", "replace")
    value = is_value(spot)
    target = not value and spot.field == "left" and spot.parent is not None
    if not value and not target:
        return
    if text in {"self", "this", "cls"}:
        return
    known = text in scope.names
    others = [name for name in scope.names if name != text]
    kind = "variable" if value else "target"
    weight = share(len(others)) * (1.0 if known else 0.25)
    for name in others:
        yield _edit(spot, name, kind, weight * (0.7 + 0.8 * _likeness(text, name)), sure=True)
    prefix = scope.words.self_
    if value and prefix and known is False and text in scope.self_members:
        yield _edit(spot, prefix + text, "self", 1.0)
    elif value and prefix and prefix != "@":
        for member in scope.self_members[:8]:
            weight = share(len(scope.self_members)) * (0.2 + 0.6 * _likeness(text, member))
            yield _edit(spot, prefix + member, "self", weight)


def _attribute(scope: Scope, spot: Spot) -> Iterator[Edit]:
    if spot.kind == "instance_variable":
        place, owner = spot, True
    else:
        member = spot.child(MEMBERS[spot.kind])
        if member is None:
            return
        place, owner = member, spot.parts[0].text in {b"self", b"this"}
    text = place.text.decode("utf-8", "replace")
    called = spot.field == "function"
    pool = scope.self_members if owner else scope.members
    others = [name for name in pool if name != text]
    if not owner:
        # Attributes of other objects: what looks alike, and the first few of the function.
        alike = [name for name in others if _likeness(text, name) >= 0.4]
        others = list(dict.fromkeys([*alike, *others[:8]]))
    weight = share(len(others)) * (0.4 if called else 1.0)
    for name in others:
        yield _edit(place, name, "attribute", weight * (0.5 + _likeness(text, name)), sure=True)
    base = spot.parts[0].text.decode("utf-8", "replace") if spot.parts else ""
    if text in scope.names and base in {"self", "this"} and is_value(spot):
        yield _edit(spot, text, "self", 0.5)


def _expression(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield arithmetic around a value, bounds, wrappers, slices, and its swap for another one."""
    parent = spot.parent
    if parent is None or not spot.text or len(spot.text) > 120:
        return
    words = scope.words
    text = spot.text.decode("utf-8", "replace")
    joined = spot.kind in COMPARISONS
    tight = f"({text})" if joined else text
    in_product = parent.kind in BINARIES and any(
        child.kind in {"*", "/", "//", "%", "-"} for child in parent.children
    )
    place = _place_weight(spot, parent)
    ends_in_integer = spot.kind in BINARIES and spot.parts[-1].kind in INTEGERS
    if spot.kind in _NUMERIC and place and not ends_in_integer and not _is_logic(spot):
        kind = "offset-index" if place > 1 else "offset"
        for change in ("- 1", "+ 1"):
            shifted = f"({text} {change})" if in_product else f"{text} {change}"
            yield _edit(spot, shifted, kind, min(place, 1.0))
    if not _is_logic(spot) and place and spot.kind != "comparison_operator":
        names = [name for name in scope.names if name != text][:_MAX_NAMES]
        fraction = share(2 * len(names)) * min(place, 1.0)
        for name in names:
            for sign in ("-", "+"):
                yield _edit(spot, f"{text} {sign} {name}", "offset-name", fraction)
        numbers = [f"{sign} {number}" for number in scope.integers[:3] for sign in ("%", "*")]
        for change in dict.fromkeys(("* 2", "/ 2", "// 2", "** 2", *numbers)):
            if (change[:2] != "**" or scope.language in _POWERED) and (
                change[:2] != "//" or scope.language == "python"
            ):
                shown = f"{tight} {change}"
                yield _edit(spot, f"({shown})" if in_product else shown, "scale", 1.0)
        yield from _bounds(scope, spot, parent, text)
    for template in words.wraps:
        rank = 1.0 if parent.kind in RETURNS or spot.field in {"right", "value"} else 0.4
        wrapped = template.replace("{x}", text if "({x})" in template else tight)
        yield _edit(spot, wrapped, "wrap", 0.3 * rank)
    if parent.kind in CONTAINERS and spot.kind in {"identifier", *MEMBERS}:
        for name in scope.function_names[:8]:
            if name != scope.own_name:
                yield _edit(spot, f"{name}({text})", "wrap", share(len(scope.function_names)))
    if spot.kind in {"identifier", *MEMBERS} and parent.kind not in COMPARISONS:
        yield from _parts_of(scope, spot, parent, text)
    if parent.kind in RETURNS or (spot.field in {"right", "value"}):
        names = [name for name in scope.names if name != text][:_MAX_NAMES]
        for name in names:
            yield _edit(spot, f"{name} + {text}", "prefix", share(len(names)))
        if spot.kind != "not_operator" and parent.kind in RETURNS:
            yield _edit(spot, words.not_.replace("{x}", tight), "negate", 0.3)
    yield from _others(scope, spot, parent)


def _place_weight(spot: Spot, parent: Spot) -> float:
    """Return how likely an off-by-one is here: above 1 for indexes, 0 where it makes no sense."""
    if parent.kind in SUBSCRIPTS:
        return 0.0 if parent.parts[0] is spot and parent.kind not in _SHIFTY else 1.2
    if parent.kind in ARGUMENTS:
        call = parent.parent
        callee = call.child("function") or call.child("name") if call else None
        name = callee.text.rsplit(b".", 1)[-1] if callee else b""
        return 1.2 if name in _RANGES else 0.7
    if parent.kind in COMPARISONS:
        return 0.8 if spot.kind != "comparison_operator" else 0.0
    if parent.kind in RETURNS or spot.field in {"right", "value"}:
        return 0.6
    return 0.3 if parent.kind in {"expression_list", "tuple", "list", "array"} else 0.0


def _is_logic(spot: Spot) -> bool:
    return spot.kind in {"comparison_operator", "boolean_operator", "not_operator"} or any(
        child.kind in {"&&", "||", "<", ">", "==", "<=", ">=", "!=", "!"} for child in spot.children
    )


def _bounds(scope: Scope, spot: Spot, parent: Spot, text: str) -> Iterator[Edit]:
    if not scope.words.minimum:
        return
    handed = parent.kind in RETURNS or spot.field in {"right", "value"}
    partners = ["0", "1"] if handed else []
    if spot.field in {"right", "value"} and parent.kind in ASSIGNMENTS:
        target = parent.child("left") or parent.child("name") or parent.child("pattern")
        if target is not None and target is not spot:
            partners.append(target.text.decode("utf-8", "replace"))
    for partner in partners:
        for template in (scope.words.maximum, scope.words.minimum):
            bounded = template.replace("{x}", partner).replace("{y}", text)
            if template.startswith("{x}."):
                bounded = template.replace("{x}", f"({text})").replace("{y}", partner)
            weight = 1.0 if template is scope.words.maximum else 0.7
            yield _edit(spot, bounded, "bound", weight * (0.6 if partner == "1" else 1.0))


def _parts_of(scope: Scope, spot: Spot, parent: Spot, text: str) -> Iterator[Edit]:
    """Yield copies and slices of a sequence where it is handed on."""
    words = scope.words
    if parent.kind in MEMBERS and parent.parts[0] is spot and words.copies:
        member = parent.child(MEMBERS[parent.kind])
        if member is not None and parent.field == "function" and member.text in _IN_PLACE:
            yield _edit(spot, words.copies[0].replace("{x}", text), "copy", 1.0)
    if parent.kind in MEMBERS or (parent.kind in SUBSCRIPTS and parent.parts[0] is not spot):
        return
    for template in words.copies:
        if (
            "deepcopy" in template
            and b"deepcopy" not in scope.source
            and (not template.startswith("copy.") or b"import copy" not in scope.source)
        ):
            continue
        yield _edit(spot, template.replace("{x}", text), "copy", 0.6)
    if parent.kind in SUBSCRIPTS:
        return
    looped = parent.kind in {"for_statement", "for_in_statement", "for_in_clause", "for_expression"}
    for template in words.slices:
        if "{y}" not in template:
            yield _edit(spot, template.replace("{x}", text), "slice", 1.0 if looped else 0.5)
            continue
        names = [name for name in scope.names if name != text][:6]
        for name in names:
            cut = template.replace("{x}", text).replace("{y}", name)
            yield _edit(spot, cut, "slice", share(len(names)) * (1.0 if looped else 0.4))


def _others(scope: Scope, spot: Spot, parent: Spot) -> Iterator[Edit]:
    """Yield other expressions of the function in the place of this one, the nearest first."""
    if spot.kind == "identifier" and spot.text.decode("utf-8", "replace") not in scope.names:
        return
    nearest = scope.nearest_expressions(spot.line)
    pool = [other for other in nearest if other.text != spot.text]
    same = [other for other in pool if other.kind == spot.kind]
    chosen = list({id(other): other for other in [*same[:6], *pool[:_MAX_OPERANDS]]}.values())
    fraction = share(len(chosen))
    for other in chosen:
        if spot.start >= other.start and spot.end <= other.end and other.kind in BINARIES:
            continue  # inside itself: the same as one more operand, rarely meant
        text = other.text
        if parent.kind in COMPARISONS and other.kind in COMPARISONS:
            text = b"(" + text + b")"
        weight = PRIORS["operand"] * fraction * (1.0 if other.kind == spot.kind else 0.6)
        yield Edit(spot.start, spot.end, text, "operand", weight)
