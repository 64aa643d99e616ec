"""Edits of calls: arguments swapped, dropped or added, another callee, a call taken off or awaited.

Knows scopes and words. Does not judge which edit is right.
"""

from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit, share
from kodo.syntax.kinds import ARGUMENTS, CALLS, CONTAINERS, MEMBERS, RETURNS
from kodo.syntax.scope import Scope, Spot, is_value
from kodo.syntax.words import CALLEES

_MAX_NAMES = 8


def call_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits of calls and of their arguments in `scope`."""
    for spot in scope.spots:
        if not spot.named or spot.parent is None:
            continue
        # C++ reads `Matrix m(a, b);` as a function's declaration.
        holder = spot.parent.parent
        declared = spot.kind == "parameter_list" and holder and holder.kind == "declaration"
        if spot.kind in CONTAINERS or declared:
            yield from _swapped(scope, spot)
        if spot.kind in ARGUMENTS:
            yield from _arguments(scope, spot)
        if spot.kind in CALLS:
            yield from _callee(scope, spot)
            yield from _around(scope, spot)
        elif spot.kind in {"yield", "yield_expression"}:
            yield from _yield(scope, spot)
        elif spot.kind in {"await", "await_expression"} and spot.parts:
            weight = PRIORS["await"] * 0.5
            yield Edit(spot.start, spot.end, spot.parts[-1].text, "await", weight)


def _swapped(scope: Scope, spot: Spot) -> Iterator[Edit]:
    parts = [part for part in spot.parts if part.kind != "keyword_argument"]
    if not 2 <= len(parts) <= 8 or (spot.kind == "expression_list" and spot.field == "left"):
        return
    literal = spot.kind in {"list", "array", "array_expression"}
    for index, left in enumerate(parts):
        for right in parts[index + 1 :]:
            if left.text == right.text or (literal and right is not parts[index + 1]):
                continue
            text = right.text + scope.source[left.end : right.start] + left.text
            near = 1.0 if right is parts[index + 1] else 0.5
            weight = PRIORS["swap-arguments"] * near * (0.3 if literal else 1.0)
            yield Edit(left.start, right.end, text, "swap-arguments", weight)


def _arguments(scope: Scope, spot: Spot) -> Iterator[Edit]:
    if spot.parent is not None and spot.parent.kind in {*RETURNS, "decorator"}:
        return
    parts = spot.parts
    weight = PRIORS["drop-argument"]
    for index, part in enumerate(parts):
        if len(parts) == 1:
            yield Edit(part.start, part.end, b"", "drop-argument", weight * 0.5)
        elif index + 1 < len(parts):
            yield Edit(part.start, parts[index + 1].start, b"", "drop-argument", weight * 0.7)
        else:
            yield Edit(parts[index - 1].end, part.end, b"", "drop-argument", weight)
    if len(parts) > 4 or (spot.end - spot.start) > 160 or not spot.text.endswith(b")"):
        return
    used = {part.text.decode("utf-8", "replace") for part in parts}
    names = [name for name in [*scope.names, *scope.self_values] if name not in used]
    names = names[: _MAX_NAMES + 2]
    # A constant is a common last argument (an initial value, a default); names are likelier.
    names += [text for text in ("0", scope.words.none, scope.words.true, '""') if text not in used]
    weight = PRIORS["add-argument"] * share(2 * len(names))
    for name in names:
        added = name.encode()
        if parts:
            yield Edit(parts[-1].end, parts[-1].end, b", " + added, "add-argument", weight)
            if len(parts) == 1:
                first = parts[0].start
                yield Edit(first, first, added + b", ", "add-argument", weight * 0.5)
        else:
            yield Edit(spot.start + 1, spot.end - 1, added, "add-argument", weight)


def _callee(scope: Scope, spot: Spot) -> Iterator[Edit]:
    callee = spot.child("function") or spot.child("method") or spot.child("name")
    if callee is None:
        return
    place = callee
    if callee.kind in MEMBERS:
        place = callee.child(MEMBERS[callee.kind]) or callee
    elif callee.kind == "scoped_identifier":
        place = callee.child("name") or callee
    name = place.text.decode("utf-8", "replace")
    for other, weight in CALLEES.get(name, {}).items():
        yield Edit(
            place.start, place.end, other.encode(), "callee", PRIORS["callee"] * weight, sure=True
        )
    pool = [other for other in scope.function_names if other != name]
    if callee.kind in MEMBERS and callee.parts[0].text not in {b"self", b"this"}:
        return
    if name in scope.function_names or name in scope.names:
        weight = PRIORS["callee-name"] * share(len(pool))
        for other in pool[:_MAX_NAMES]:
            yield Edit(place.start, place.end, other.encode(), "callee-name", weight, sure=True)


def _around(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield a call replaced by one of its arguments or its receiver, or awaited."""
    arguments = next((child for child in spot.children if child.kind in ARGUMENTS), None)
    parts = arguments.parts if arguments is not None else []
    callee = spot.child("function") or spot.child("method") or spot.child("name")
    name = callee.text.decode("utf-8", "replace") if callee else ""
    recursive = bool(scope.own_name) and name.rsplit(".", 1)[-1] == scope.own_name
    weight = PRIORS["unwrap"] * (1.4 if recursive else 1.0)
    for part in parts[:3]:
        if part.kind != "keyword_argument":
            yield Edit(
                spot.start,
                spot.end,
                part.text,
                "unwrap",
                weight * (1.0 if part is parts[0] else 0.4),
            )
    receiver: Spot | None = spot.child("object") or spot.child("receiver")
    if callee is not None and callee.kind in MEMBERS and callee.parts:
        receiver = callee.parts[0]
    if receiver is not None and is_value(spot):
        yield Edit(spot.start, spot.end, receiver.text, "unwrap", PRIORS["unwrap"] * 0.6)
    parent = spot.parent
    awaited = parent is not None and parent.kind in {"await", "await_expression"}
    if scope.words.await_ and scope.is_async and not awaited and spot.text:
        text = scope.words.await_.encode() + spot.text
        yield Edit(spot.start, spot.end, text, "await", PRIORS["await"])
        if parent is not None and parent.kind in MEMBERS:
            yield Edit(spot.start, spot.end, b"(" + text + b")", "await", PRIORS["await"])
    prefix = scope.words.self_
    if callee is not None and callee.kind == "identifier" and prefix not in {"", "@"}:
        weight = PRIORS["self"] * (1.0 if name in scope.self_members else 0.25)
        yield Edit(callee.start, callee.start, prefix.encode(), "self", weight)


def _yield(scope: Scope, spot: Spot) -> Iterator[Edit]:
    if not spot.parts or scope.language != "python":
        return
    value = spot.parts[-1].text
    delegates = any(child.kind == "from" for child in spot.children)
    text = b"yield " + value if delegates else b"yield from " + value
    yield Edit(spot.start, spot.end, text, "yield", PRIORS["yield"])
