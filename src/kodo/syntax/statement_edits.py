"""Edits of whole statements: deleted, moved, returned, turned, their branches swapped.

Knows scopes and words. Guards indentation: a moved statement takes that of its new place.
"""

from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit
from kodo.syntax.kinds import BLOCKS, CALLS, JUMPS, LOOPS, RETURNS
from kodo.syntax.scope import Scope, Spot, is_block, is_docstring, starts_line

_MAX_STATEMENT_BYTES = 400
_CHAINED = {"elif_clause", "elsif", "if_statement", "if_expression"}
_WORDED = {"python", "ruby", "bash"}


def statement_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits of statements in `scope`."""
    blocks = [spot for spot in scope.spots if spot.kind in BLOCKS and is_block(spot)]
    for block in blocks:
        statements = block.parts
        for index, statement in enumerate(statements):
            if is_docstring(statement):
                continue
            yield from _deleted(scope, block, statements, index)
            yield from _moved(scope, statements, index)
            yield from _moved_far(scope, statements, index)
            yield from _moved_out(scope, block, statements, index)
            yield from _moved_in(scope, statements, index)
            yield from _returned(scope, statement)
    for spot in scope.spots:
        if spot.kind in JUMPS and spot.named and spot.parent and len(spot.parts) == 0:
            end = b";" if spot.text.endswith(b";") else b""
            text = JUMPS[spot.kind].encode() + end
            yield Edit(spot.start, spot.end, text, "jump", PRIORS["jump"])
        elif spot.kind in {"if_statement", "if_expression", "if", "unless"}:
            yield from _branches(scope, spot)
        elif spot.kind in {"conditional_expression", "ternary_expression", "conditional"}:
            yield from _ternary(scope, spot)
        elif spot.kind == "elif_clause":
            yield Edit(spot.start, spot.start + 4, b"if", "branches", PRIORS["branches"] * 0.6)


def _is_function(statement: Spot) -> bool:
    return "function" in statement.kind or "class" in statement.kind or "method" in statement.kind


def _edit(start: int, end: int, text: bytes, kind: str, weight: float) -> Edit:
    return Edit(start, end, text, kind, PRIORS[kind] * weight)


def _reindented(text: bytes, old: str, new: str) -> bytes:
    if old == new:
        return text
    before, after = b"\n" + old.encode(), b"\n" + new.encode()
    return text.replace(before, after)


def _deleted(scope: Scope, block: Spot, statements: list[Spot], index: int) -> Iterator[Edit]:
    statement = statements[index]
    if _is_function(statement) or not statement.text:
        return
    size = 1.0 if len(statement.text) < 80 else 0.5
    if len(statements) == 1 and scope.language == "python":
        yield _edit(statement.start, statement.end, b"pass", "delete", 0.7 * size)
        return
    start, end = statement.start, statement.end
    if starts_line(scope, statement) and scope.source[end : end + 1] in {b"\n", b"\r", b""}:
        if index:
            start, end = statements[index - 1].end, statement.end
            between = scope.source[start : statement.start]
            if b"\n" in between and not between.strip():
                start += between.rfind(b"\n", 0, len(between))
            else:
                start = statement.start
        elif len(statements) > 1:
            end = statements[1].start
            if scope.source[statement.end : end].strip():
                end = statement.end
    if scope.language == "python" and (start, end) == (statement.start, statement.end):
        yield _edit(start, end, b"pass", "delete", size)
    else:
        yield _edit(start, end, b"", "delete", size)


def _moved(scope: Scope, statements: list[Spot], index: int) -> Iterator[Edit]:
    """Yield a statement that changes places with the next one."""
    if index + 1 >= len(statements):
        return
    first, second = statements[index], statements[index + 1]
    if not (first.text and second.text) or _is_function(first) or _is_function(second):
        return
    if max(len(first.text), len(second.text)) > 3 * _MAX_STATEMENT_BYTES:
        return
    if first.kind in RETURNS or is_docstring(first):
        return
    between = scope.source[first.end : second.start]
    weight = 1.0 if len(first.text) + len(second.text) < 160 else 0.5
    text = second.text + between + first.text
    yield _edit(first.start, second.end, text, "move", weight)


def _moved_far(scope: Scope, statements: list[Spot], index: int) -> Iterator[Edit]:
    """Yield a statement that moves past its two neighbours, down or up."""
    run = statements[index : index + 3]
    if len(run) < 3 or any(_is_function(spot) or not spot.text for spot in run):
        return
    first, second, third = run
    if third.end - first.start > 240 or first.kind in RETURNS or third.kind in RETURNS:
        return
    gap = scope.source[first.end : second.start], scope.source[second.end : third.start]
    down = second.text + gap[0] + third.text + gap[1] + first.text
    up = third.text + gap[0] + first.text + gap[1] + second.text
    yield _edit(first.start, third.end, down, "move", 0.4)
    yield _edit(first.start, third.end, up, "move", 0.4)


def _compound_of(block: Spot) -> Spot | None:
    """Return the loop or branch whose block this is, where the block is its last part."""
    inner, compound = block, block.parent
    while compound is not None and compound.kind not in BLOCKS:
        if compound.end - inner.end > 4:
            return None
        if compound.parent is not None and compound.parent.kind in BLOCKS:
            return compound
        inner, compound = compound, compound.parent
    return None


def _moved_out(scope: Scope, block: Spot, statements: list[Spot], index: int) -> Iterator[Edit]:
    """Yield the last statement of a block put behind the loop or branch that holds it."""
    statement = statements[index]
    if index + 1 != len(statements) or len(statements) < 2:
        return
    compound = _compound_of(block)
    if compound is None or _is_function(compound) or not starts_line(scope, statement):
        return
    if not statement.text or len(statement.text) > _MAX_STATEMENT_BYTES:
        return
    outer, inner = scope.indent_of(compound.start), scope.indent_of(statement.start)
    previous = statements[index - 1]
    rest = scope.source[statement.end : compound.end]
    moved = b"\n" + outer.encode() + _reindented(statement.text, inner, outer)
    closing = rest if scope.language != "python" else b""
    weight = 1.0 if compound.kind in LOOPS else 0.8
    yield _edit(previous.end, compound.end, closing + moved, "move-block", weight)


def _moved_in(scope: Scope, statements: list[Spot], index: int) -> Iterator[Edit]:
    """Yield the statement behind a loop or branch put at the end of its block."""
    if index == 0:
        return
    statement, compound = statements[index], statements[index - 1]
    if not statement.text or len(statement.text) > _MAX_STATEMENT_BYTES or _is_function(compound):
        return
    last = _last_statement(compound)
    if last is None or not starts_line(scope, last) or not starts_line(scope, statement):
        return
    outer, inner = scope.indent_of(statement.start), scope.indent_of(last.start)
    moved = b"\n" + inner.encode() + _reindented(statement.text, outer, inner)
    rest = scope.source[last.end : compound.end]
    weight = 1.0 if compound.kind in LOOPS else 0.8
    if statement.kind in RETURNS and last.kind in RETURNS:
        weight *= 0.2
    yield _edit(last.end, statement.end, moved + rest, "move-block", weight)


def _last_statement(compound: Spot) -> Spot | None:
    current = compound
    while current.parts:
        current = current.parts[-1]
        if current.kind in BLOCKS and is_block(current):
            return current.parts[-1]
        if current.kind in CALLS:
            return None
    return None


def _returned(scope: Scope, statement: Spot) -> Iterator[Edit]:
    """Yield `return f(x)` for `f(x)`, and the other way round."""
    end = scope.words.end.encode()
    if statement.kind == "expression_statement" and len(statement.parts) == 1:
        value = statement.parts[0]
        if value.kind in CALLS or value.kind in {"await", "await_expression"}:
            name = scope.own_name.encode()
            recursive = bool(name) and value.text.split(b"(")[0].endswith(name)
            weight = 1.0 if recursive else 0.5
            yield _edit(statement.start, statement.start, b"return ", "return", weight)
        elif value.kind == "yield" and scope.language == "python" and value.parts:
            text = b"return " + value.parts[-1].text
            yield _edit(statement.start, statement.end, text, "return", 0.15)
    elif statement.kind in RETURNS and statement.parts:
        value = statement.parts[-1]
        if value.kind in CALLS:
            yield _edit(statement.start, statement.end, value.text + end, "return", 0.4)
        if scope.language == "python":
            yield _edit(statement.start, value.start, b"yield ", "return", 0.1)


def _branches(scope: Scope, spot: Spot) -> Iterator[Edit]:
    then, other = spot.child("consequence"), spot.child("alternative")
    if then is None or other is None or not then.text or not other.text:
        return
    if other.kind == "else_clause":
        other = other.child("body") or (other.parts[-1] if other.parts else other)
    inner = other.child("consequence") if other.kind in _CHAINED else None
    if inner is not None and inner.text and inner.text != then.text:
        between = scope.source[then.end : inner.start]
        text = inner.text + between + then.text
        yield _edit(then.start, inner.end, text, "branches", 0.8)
    if other.kind in {"elif_clause", "elsif", "if_statement", "if_expression", "else_clause"}:
        return
    if other.kind == "else":
        return
    between = scope.source[then.end : other.start]
    yield _edit(then.start, other.end, other.text + between + then.text, "branches", 1.0)


def _ternary(scope: Scope, spot: Spot) -> Iterator[Edit]:
    parts = spot.parts
    if len(parts) != 3:
        return
    first, last = (parts[0], parts[2]) if scope.language == "python" else (parts[1], parts[2])
    text = last.text + scope.source[first.end : last.start] + first.text
    yield _edit(first.start, last.end, text, "branches", 1.0)
