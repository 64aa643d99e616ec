"""Edits of operators and conditions: comparison, arithmetic, logic, negation, one more clause.

Knows scopes and words. Does not judge which edit is right.
"""

import re
from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit, share
from kodo.syntax.kinds import ASSIGNMENTS, BINARIES, COMPARISONS, INTEGERS, MEMBERS, NEGATIONS
from kodo.syntax.scope import Scope, Spot
from kodo.syntax.words import ONLY_IN, OPERATORS

_COMPARE = {"<", "<=", ">", ">=", "==", "!=", "===", "!==", "is", "is not", "in", "not in"}
_LOGIC = {"and", "or", "&&", "||", "??"}
_COMMUTATIVE = {"==", "!=", "===", "!==", "*", "and", "or", "&&", "||", "&", "|", "^"}
_HOLDERS = {
    *COMPARISONS,
    *ASSIGNMENTS,
    "update_expression",
    "inc_statement",
    "dec_statement",
    "range_expression",
    "range",
}
_WRAPPED = {"parenthesized_expression", "condition_clause", "parenthesized_statements"}
_TOKEN = re.compile(rb"[\w.\[\]()]+")
_QUESTION = re.compile(
    r"_?(?:is|has|can|all|any|should|needs|contains)(?:_|[A-Z])|\w+(?:ed|Changed|Empty)$"
)
_MAX_NAMES = 8


def operator_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits of operators and conditions in `scope`."""
    for spot in scope.spots:
        parent = spot.parent
        if parent is None:
            continue
        if not spot.named or spot.kind == "test_operator":
            if parent.kind in _HOLDERS or spot.kind == "test_operator":
                yield from _operator(scope, spot, parent)
            continue
        if spot.kind in COMPARISONS:
            yield from _operands(scope, spot)
        if spot.kind in NEGATIONS and spot.children[0].kind in {"not", "!"}:
            yield Edit(spot.start, spot.end, spot.parts[-1].text, "drop-not", PRIORS["drop-not"])
        if _is_condition(spot, parent):
            yield from _condition(scope, _bare(spot))


def _operator(scope: Scope, spot: Spot, parent: Spot) -> Iterator[Edit]:
    operator = spot.kind if spot.kind != "test_operator" else spot.text.decode()
    choices = OPERATORS.get(operator)
    if choices is None:
        return
    if operator in _COMPARE or (operator[:1] == "-" and operator[1:].isalpha()):
        kind = "compare"
    elif operator in _LOGIC:
        kind = "logic"
    elif operator.endswith("=") and parent.kind in ASSIGNMENTS:
        kind = "assign-operator"
    else:
        kind = "arithmetic"
    for other, weight in choices.items():
        only = ONLY_IN.get(other)
        if only is None or scope.language in only:
            yield Edit(spot.start, spot.end, other.encode(), kind, PRIORS[kind] * weight, sure=True)
    if scope.language == "java" and operator in {"==", "!="} and len(parent.parts) == 2:
        left, right = parent.parts
        sign = b"!" if operator == "!=" else b""
        for text in (
            left.text + b".equals(" + right.text + b")",
            b"Objects.equals(%b, %b)" % (left.text, right.text),
        ):
            if left.kind not in INTEGERS and right.kind not in INTEGERS:
                yield Edit(parent.start, parent.end, sign + text, "equals", PRIORS["equals"])
    if operator in {"==", "<", ">", "<=", ">="} and parent.parts and len(parent.parts) == 2:
        right = parent.parts[1]
        if right.kind in INTEGERS and right.text.isdigit():
            number = int(right.text)
            gap = scope.source[spot.end : right.start]
            for other, value in (("<=", number + 1), (">=", number + 1), ("<=", number - 1)):
                if other != operator and value >= 0:
                    text = other.encode() + gap + str(value).encode()
                    yield Edit(
                        spot.start, right.end, text, "compare-bound", PRIORS["compare-bound"]
                    )


def _operands(scope: Scope, spot: Spot) -> Iterator[Edit]:
    parts = [part for part in spot.parts if part.field not in {"operators", "operator"}]
    if len(parts) != 2:
        return
    left, right = parts
    operator = scope.source[left.end : right.start].strip().decode("utf-8", "replace")
    if left.text != right.text and left.text and right.text:
        weight = PRIORS["swap-operands"]
        if operator in _LOGIC or operator == "*":
            weight *= 0.15
        elif operator in _COMMUTATIVE:
            weight = 0.0
        elif operator == "+":
            weight *= 0.4
        if weight:
            between = scope.source[left.end : right.start]
            text = _tight(right) + between + _tight(left)
            yield Edit(spot.start, spot.end, text, "swap-operands", weight)
    if operator in _COMPARE:
        return
    for part, weight in ((left, 1.0), (right, 0.8)):
        yield Edit(spot.start, spot.end, part.text, "drop-operand", PRIORS["drop-operand"] * weight)


def _tight(spot: Spot) -> bytes:
    if spot.kind in COMPARISONS or spot.kind in {"conditional_expression", "ternary_expression"}:
        return b"(" + spot.text + b")"
    return spot.text


def _is_condition(spot: Spot, parent: Spot) -> bool:
    if spot.field == "condition":
        return True
    if parent.kind == "conditional_expression":  # Python gives its condition no field
        return len(parent.parts) == 3 and parent.parts[1] is spot
    if parent.kind == "if_clause":
        return True
    return (
        parent.kind in BINARIES
        and spot.field in {"left", "right"}
        and any(child.kind in _LOGIC for child in parent.children)
    )


def _bare(spot: Spot) -> Spot:
    while spot.kind in _WRAPPED and len(spot.parts) == 1:
        spot = spot.parts[0]
    return spot


def _condition(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield the condition turned round, or with one more clause."""
    words = scope.words
    text = spot.text.decode("utf-8", "replace")
    if not text or spot.kind == "let_condition":
        return
    negated = spot.kind in NEGATIONS
    compared = spot.kind == "comparison_operator" or (
        spot.kind in BINARIES and any(child.kind in _COMPARE for child in spot.children)
    )
    simple = _TOKEN.fullmatch(spot.text) is not None
    if not negated:
        inner = text if simple or "({x})" in words.not_ else f"({text})"
        weight = PRIORS["negate"] * (0.3 if compared else 1.0)
        yield _edit(spot, words.not_.replace("{x}", inner), "negate", weight)
    if spot.field != "condition":
        return
    joined = spot.kind in {"boolean_operator", "conditional_expression", "ternary_expression"}
    whole = f"({text})" if joined or any(c.kind in _LOGIC for c in spot.children) else text
    used = set(re.findall(r"\w+", text))
    names = [name for name in scope.names if name not in used][:_MAX_NAMES]
    weight = PRIORS["widen-condition"] * share(4 * len(names))
    for name in names:
        turned = words.not_.replace("{x}", name).replace(f"({name})", name)
        yield _edit(spot, f"{whole} {words.or_} {turned}", "widen-condition", weight)
        yield _edit(spot, f"{whole} {words.and_} {name}", "widen-condition", weight)
        yield _edit(spot, f"{whole} {words.and_} {turned}", "widen-condition", weight * 0.7)
        yield _edit(spot, f"{whole} {words.or_} {name}", "widen-condition", weight * 0.7)
    for call in _predicates(scope, text):
        yield _edit(spot, f"{whole} {words.and_} {call}", "widen-condition", PRIORS["logic"] * 0.4)
        turned = words.not_.replace("{x}", call)
        yield _edit(
            spot, f"{whole} {words.and_} {turned}", "widen-condition", PRIORS["logic"] * 0.2
        )
        yield _edit(spot, f"{whole} {words.or_} {call}", "widen-condition", PRIORS["logic"] * 0.2)
    for base in _bases(spot):
        absent = words.is_none.replace("{x}", base)
        present = words.is_not_none.replace("{x}", base)
        weight = PRIORS["guard-none"]
        yield _edit(spot, f"{absent} {words.or_} {whole}", "guard-none", weight)
        yield _edit(spot, f"{present} {words.and_} {whole}", "guard-none", weight)


def _predicates(scope: Scope, text: str) -> list[str]:
    """Return calls without arguments of the object's own methods that look like questions."""
    prefix = scope.words.self_
    if prefix in {"", "@"} or prefix not in text:
        return []
    source = scope.source
    found = [
        f"{prefix}{name}()"
        for name in scope.function_names
        if name != scope.own_name and _QUESTION.match(name) and f"{name}()".encode() in source
    ]
    return [call for call in dict.fromkeys(found) if call not in text][:6]


def _bases(spot: Spot) -> list[str]:
    """Return what a condition dereferences (`a` in `a.b == 1`), and bare names that it tests."""
    found: list[str] = []
    queue = [spot]
    while queue:
        current = queue.pop()
        queue.extend(current.parts)
        plain = current.kind == "identifier" and current.field not in {"function", "name"}
        if current.kind in MEMBERS and current.parts:
            current = current.parts[0]
        elif not plain or (current.parent and current.parent.kind in MEMBERS):
            continue
        text = current.text.decode("utf-8", "replace")
        if text not in found and len(text) < 30 and text not in {"self", "this"}:
            found.append(text)
    return found[:4]


def _edit(spot: Spot, text: str, kind: str, weight: float) -> Edit:
    return Edit(spot.start, spot.end, text.encode(), kind, weight)
