"""Edits of repetition: once or as long as, what a loop leaves over, an index that starts again.

Knows scopes and words. Guards the number: each applies only where the function shows its pattern.
"""

import re
from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit, share
from kodo.syntax.kinds import BLOCKS, JUMPS, LOOPS, RETURNS, SUBSCRIPTS
from kodo.syntax.scope import Scope, Spot, is_block, starts_line

_IFS = {"if_statement", "if_expression", "if"}
_WHILES = {"while_statement", "while_expression", "while"}
_STEPS = re.compile(rb"(?P<name>[\w.>-]+?)(?:\+\+| \+= 1);?")
_CHANGED = re.compile(rb"([A-Za-z_][\w.]*) ?(?:[-+*/%]?=(?!=)|\+\+|--)")
_MOST_FLUSHED = 4
_MAX_BYTES = 80


def repeat_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits of how often something runs."""
    for spot in scope.spots:
        if not spot.named:
            continue
        if spot.kind in _IFS | _WHILES:
            yield from _once_or_often(scope, spot)
        if spot.kind in LOOPS:
            yield from _left_over(scope, spot)
        yield from _starting_again(scope, spot)
        if spot.kind == "slice_expression" and scope.language == "go":
            yield from _no_more_than_there_is(scope, spot)


def _once_or_often(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield `while c` for an `if c` without else that changes what it tests, and back."""
    word = spot.children[0] if spot.children else None
    condition = spot.child("condition")
    if word is None or condition is None or spot.child("alternative") is not None:
        return
    if b"else" in spot.text and any("else" in child.kind for child in spot.children):
        return
    if word.text == b"if":
        tested = set(re.findall(rb"[A-Za-z_][\w.]*", condition.text))
        body = spot.child("consequence") or spot.child("body")
        changed = re.findall(
            rb"([A-Za-z_][\w.]*) ?(?:[-+*/%]?=(?!=)|\+\+|--)", body.text if body else b""
        )
        if not tested & set(changed) or "let" in condition.kind:
            return
        text = b"for" if scope.language == "go" else b"while"
        yield Edit(word.start, word.end, text, "loop", PRIORS["loop"])
    elif word.text == b"while" and spot.kind in _WHILES:
        jumps = any(name in spot.text for name in (b"break", b"continue", b"next"))
        if not jumps and not spot.text.rstrip().endswith(b";"):
            yield Edit(word.start, word.end, b"if", "loop", PRIORS["loop"] * 0.5)


def _left_over(scope: Scope, loop: Spot) -> Iterator[Edit]:
    """Yield a statement of a branch in the loop once more, behind the loop."""
    if loop.parent is None or loop.parent.kind not in BLOCKS or not starts_line(scope, loop):
        return
    indent = scope.indent_of(loop.start).encode()
    found: dict[bytes, None] = {}
    queue = [loop]
    while queue:
        current = queue.pop(0)
        if current.kind in BLOCKS and is_block(current):
            for part in current.parts:
                plain = part.kind not in {*JUMPS, *RETURNS, *LOOPS, *_IFS}
                called = b"(" in part.text and b" = " not in part.text.split(b"(")[0]
                short = part.text and len(part.text) <= _MAX_BYTES and b"\n" not in part.text
                if plain and called and short:
                    found.setdefault(part.text)
        queue.extend(current.children)
    chosen = list(found)[:_MOST_FLUSHED]
    for text in chosen:
        weight = PRIORS["flush"] * share(len(chosen))
        yield Edit(loop.end, loop.end, b"\n" + indent + text, "flush", weight)


def _starting_again(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield a step of an index that goes round, for a step that leaves the list."""
    match = _STEPS.fullmatch(spot.text) if len(spot.text) < 40 else None
    template = scope.words.length
    if match is None or not template or spot.parent is None or spot.parent.kind not in BLOCKS:
        return
    name = match["name"]
    end = scope.words.end if spot.text.endswith(b";") else ""
    bases: dict[str, None] = {}
    for other in scope.spots:
        if other.kind in SUBSCRIPTS and len(other.parts) == 2 and other.parts[1].text == name:
            bases.setdefault(other.parts[0].text.decode("utf-8", "replace"))
    for base in list(bases)[:3]:
        length = template.replace("{x}", base)
        shown = name.decode("utf-8", "replace")
        text = f"{shown} = ({shown} + 1) % {length}{end}".encode()
        yield Edit(spot.start, spot.end, text, "wrap-around", PRIORS["wrap-around"])


def _no_more_than_there_is(scope: Scope, spot: Spot) -> Iterator[Edit]:
    """Yield a bound of a slice that is brought down to the length first."""
    base, last = spot.parts[0], spot.child("end")
    statement = spot
    while statement.parent is not None and statement.parent.kind not in BLOCKS:
        statement = statement.parent
    if last is None or last.kind != "identifier" or statement.parent is None:
        return
    if not starts_line(scope, statement):
        return
    indent = scope.indent_of(statement.start).encode()
    length = b"len(" + base.text + b")"
    test = b"if " + last.text + b" > " + length + b" {\n" + indent + b"\t"
    text = test + last.text + b" = " + length + b"\n" + indent + b"}\n" + indent
    yield Edit(statement.start, statement.start, text, "clamp", PRIORS["clamp"])
