"""Edits where one thing is shared and each should have its own: rows, defaults, loop variables.

Knows Python's repetition, default values and late binding, JavaScript's fill, sort and `var`.
Guards elements that cannot be changed in place: repeating a number or a string shares nothing.
"""

import re
from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit
from kodo.syntax.kinds import BLOCKS
from kodo.syntax.scope import Scope, Spot, is_block, is_docstring, starts_line

_PLAIN = {"integer", "float", "string", "true", "false", "none", "unary_operator"}
_DEFAULTS = {"default_parameter", "typed_default_parameter"}
_MUTABLE = {"list", "dictionary", "set"}
_LOOPS = {"for_statement", "for_in_clause"}
_FILLED = re.compile(rb"(?:new )?Array\((?P<size>.+)\)\.fill\((?P<value>[\[{].*[\]}])\)", re.DOTALL)


def alias_edits(scope: Scope) -> Iterator[Edit]:
    """Yield, for each repeated mutable element, the expression that makes a new one each time."""
    for spot in scope.spots:
        if scope.language == "python" and spot.kind == "binary_operator":
            yield from _rows(spot)
        elif spot.kind in _DEFAULTS:
            yield from _default(scope, spot)
        elif spot.kind == "lambda":
            yield from _bound(spot)
        elif spot.kind == "for_statement" and spot.text.startswith(b"for (var "):
            start = spot.start + len(b"for (")
            yield Edit(start, start + 3, b"let", "alias", PRIORS["alias"])
        elif spot.kind == "call_expression" and spot.text.endswith(b".sort()"):
            by_value = b".sort((a, b) => a - b)"
            yield Edit(spot.end - len(b".sort()"), spot.end, by_value, "alias", PRIORS["alias"])
        elif spot.kind == "call_expression" and (match := _FILLED.fullmatch(spot.text)):
            text = b"Array.from({ length: %s }, () => (%s))" % (match["size"], match["value"])
            yield Edit(spot.start, spot.end, text, "alias", PRIORS["alias"])


def _rows(spot: Spot) -> Iterator[Edit]:
    left, right = spot.child("left"), spot.child("right")
    if left is None or right is None or left.kind != "list" or len(left.parts) != 1:
        return
    if not any(child.text == b"*" for child in spot.children) or left.parts[0].kind in _PLAIN:
        return
    text = b"[%s for _ in range(%s)]" % (left.parts[0].text, right.text)
    yield Edit(spot.start, spot.end, text, "alias", PRIORS["alias"])


def _default(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield a default value made anew for each call: `xs=[]` to `xs=None` and a first line."""
    name, value = spot.child("name"), spot.child("value")
    if name is None or value is None or value.kind not in _MUTABLE:
        return
    body = next((child for child in scope.root.children if child.kind in BLOCKS), None)
    if body is None or not is_block(body):
        return
    first = next((part for part in body.parts if not is_docstring(part)), None)
    if first is None or not starts_line(scope, first):
        return
    indent = scope.indent_of(first.start).encode()
    between = scope.source[value.end : first.start]
    line = b"if %s is None:\n%s    %s = %s\n%s" % (name.text, indent, name.text, value.text, indent)
    yield Edit(value.start, first.start, b"None" + between + line, "alias", PRIORS["alias"])


def _bound(spot: Spot) -> Iterator[Edit]:
    """Yield a lambda in a loop that takes the loop's variable as it is now."""
    body = spot.child("body")
    if body is None or not spot.text.startswith(b"lambda"):
        return
    used = set(re.findall(rb"[A-Za-z_]\w*", body.text))
    around: Spot | None = spot.parent
    bound: list[bytes] = []
    while around is not None:
        loops = [around, *(child for child in around.children if child.kind == "for_in_clause")]
        for loop in loops:
            target = loop.child("left") if loop.kind in _LOOPS else None
            if target is None:
                continue
            bound += [name for name in re.findall(rb"[A-Za-z_]\w*", target.text) if name in used]
        around = around.parent
    if not bound:
        return
    own = spot.child("parameters")
    values = b", ".join(b"%s=%s" % (name, name) for name in dict.fromkeys(bound))
    head = b"lambda " + (own.text + b", " if own is not None else b"") + values + b": "
    yield Edit(spot.start, body.start, head, "alias", PRIORS["alias"])
