"""Edits that put something in: guards, skips, conditions, missing and repeated statements.

Knows scopes and words. Guards indentation: what is put in takes that of its neighbours.
"""

from collections.abc import Iterator

from kodo.syntax.edit import PRIORS, Edit, share
from kodo.syntax.kinds import BLOCKS, JUMPS, LITERALS, LOOPS, RETURNS
from kodo.syntax.scope import Scope, Spot, is_block, is_docstring, starts_line
from kodo.syntax.sibling_statements import sibling_statements

_SCRIPT_TESTS = (("{x} !== -1", 1.0), ("{x}", 0.8), ("{x} != null", 0.6), ("{x} > 0", 0.4))
_BRACED = {
    "javascript": _SCRIPT_TESTS,
    "typescript": _SCRIPT_TESTS,
    "tsx": _SCRIPT_TESTS,
    "java": (("{x} != null", 1.0), ("{x} >= 0", 0.7), ("{x} > 0", 0.4)),
    "go": (("{x} >= 0", 0.7), ("{x} != nil", 0.7), ("{x} > 0", 0.5)),
    "rust": (("{x} > 0", 0.7), ("!{x}.is_empty()", 0.7)),
    "c": (("{x}", 1.0), ("{x} >= 0", 0.7), ("{x} > 0", 0.5)),
    "cpp": (("{x} >= 0", 0.7), ("!{x}.empty()", 0.7), ("{x} > 0", 0.5), ("{x}", 0.5)),
}
_INSERTABLE = {"expression_statement", "assignment_statement", "call", "assignment"}


def insertion_edits(scope: Scope) -> Iterator[Edit]:
    """Yield the edits that put something into `scope`."""
    blocks = [spot for spot in scope.spots if spot.kind in BLOCKS and is_block(spot)]
    if blocks and scope.root is not blocks[0]:
        yield from _guards(scope, blocks[0])
    candidates = _candidates(scope)
    siblings = {
        text: weight for text, weight in sibling_statements(scope).items() if text not in candidates
    }
    for block in blocks:
        for statement in block.parts:
            if not is_docstring(statement):
                yield from _conditioned(scope, statement)
        yield from _skipping(scope, block)
        yield from _inserted(scope, block, candidates)
        # By their own share, so that what is likelier keeps its weight.
        yield from _put_in(scope, block, siblings)


def _edit(start: int, end: int, text: bytes, kind: str, weight: float) -> Edit:
    return Edit(start, end, text, kind, PRIORS[kind] * weight)


def _conditioned(scope: Scope, statement: Spot) -> Iterator[Edit]:
    """Yield a statement that runs only under a condition, or a loop that skips empty elements."""
    simple = statement.kind in {*_INSERTABLE, "delete_statement", *JUMPS, *RETURNS}
    if scope.language in _BRACED:
        yield from _braced_condition(scope, statement)
    if scope.language != "python" or not simple or b"\n" in statement.text or not statement.text:
        return
    if len(statement.text) > 80 or not starts_line(scope, statement):
        return
    indent = scope.indent_of(statement.start).encode()
    conditions: list[tuple[str, float]] = []
    for spot in _below(statement):
        if spot.kind == "subscript" and len(spot.parts) == 2:
            base, key = (part.text.decode("utf-8", "replace") for part in spot.parts)
            conditions += [(f"{key} in {base}", 1.0), (f"{key} not in {base}", 0.6)]
        elif spot.kind == "identifier" and spot.text.decode("utf-8", "replace") in scope.names:
            name = spot.text.decode("utf-8", "replace")
            conditions += [(name, 0.4), (f"{name} is not None", 0.4), (f"not {name}", 0.2)]
    found = dict(conditions)
    for condition, weight in list(found.items())[:12]:
        text = f"if {condition}:\n".encode() + indent + b"    " + statement.text
        weight *= share(len(found) // 2)
        yield _edit(statement.start, statement.end, text, "guard-statement", weight)


def _braced_condition(scope: Scope, statement: Spot) -> Iterator[Edit]:
    """Yield a call or an assignment that runs only where a name of it holds something."""
    text = statement.text
    if statement.kind not in _INSERTABLE or b"\n" in text or not 0 < len(text) <= 80:
        return
    if not starts_line(scope, statement):
        return
    tests = _BRACED[scope.language]
    names = [
        spot.text.decode("utf-8", "replace")
        for spot in _below(statement)
        if spot.kind == "identifier" and spot.text.decode("utf-8", "replace") in scope.names
    ]
    head, foot = (b"(", b") ") if scope.language not in {"go", "rust"} else (b"", b" ")
    for name in list(dict.fromkeys(names))[:4]:
        for test, weight in tests:
            condition = b"if " + head + test.replace("{x}", name).encode() + foot
            whole = condition + (text if head else b"{ " + text + b" }")
            weight *= PRIORS["guard-statement"] * share(len(names))
            yield Edit(statement.start, statement.end, whole, "guard-statement", weight)


def _below(spot: Spot) -> Iterator[Spot]:
    queue = [spot]
    while queue:
        current = queue.pop()
        yield current
        queue.extend(reversed(current.children))


def _skipping(scope: Scope, block: Spot) -> Iterator[Edit]:
    """Yield a loop that goes on to the next element where a value is empty."""
    if block.parent is None or block.parent.kind not in LOOPS or scope.language != "python":
        return
    first = block.parts[0]
    indent = scope.indent_of(first.start)
    inner = [
        text.decode("utf-8", "replace")
        for text, spot in scope.expressions.items()
        if block.start <= spot.start < block.end and spot.kind in {"subscript", "attribute", "call"}
    ]
    targets = [name for name in scope.names if name.encode() in block.parent.text.split(b":")[0]]
    chosen = [*targets[:4], *inner[:8]]
    for value in chosen:
        for test in (f"not {value}", f"{value} is None"):
            text = f"if {test}:\n{indent}    continue\n{indent}".encode()
            weight = share(len(chosen)) * (1.0 if test[0] == "n" else 0.6)
            yield _edit(first.start, first.start, text, "guard-statement", weight)


def _guards(scope: Scope, body: Spot) -> Iterator[Edit]:
    """Yield an early return for an empty or missing parameter before the first statement."""
    words = scope.words
    first = next((part for part in body.parts if not is_docstring(part)), None)
    if first is None or scope.language == "bash" or not starts_line(scope, first):
        return
    indent = scope.indent_of(first.start)
    returned = [
        spot.parts[-1].text.decode("utf-8", "replace")
        for spot in scope.spots
        if spot.kind in RETURNS and spot.parts and len(spot.text) < 40
    ]
    parameters = [name for name in scope.parameters if name not in {"self", "this", "cls"}][:4]
    for parameter in parameters:
        values = [value.replace("{p}", parameter) for value in words.empties]
        values = list(dict.fromkeys([*values, parameter, *returned]))
        for template, factor in ((words.guard, 1.0), (words.short_guard, 0.5)):
            for value in values if template else ():
                text = template.replace("{p}", parameter).replace("{v}", value)
                shown = text.replace("\n", "\n" + indent) + "\n" + indent
                weight = factor * share(2 * len(parameters)) * (1.0 if value in returned else 0.6)
                yield _edit(first.start, first.start, shown.encode(), "guard", weight)


def _candidates(scope: Scope) -> dict[bytes, float]:
    """Return the statements that may be missing somewhere in the function, with their weights."""
    words = scope.words
    candidates: dict[bytes, float] = {}
    for spot in scope.spots:
        small = 0 < len(spot.text) <= 60 and b"\n" not in spot.text
        if spot.kind in _INSERTABLE and small and spot.parent and spot.parent.kind in BLOCKS:
            candidates.setdefault(spot.text, 0.6)
        if spot.kind in {"variable_declarator", "assignment", "init_declarator"} and small:
            target = spot.child("name") or spot.child("left") or spot.child("declarator")
            value = spot.child("value") or spot.child("right")
            if target and value and (value.kind in LITERALS or value.text in {b"[]", b"{}"}):
                text = target.text + b" = " + value.text + words.end.encode()
                candidates.setdefault(text, 0.6)
    for name in scope.function_names:
        call = f"{words.self_}{name}()".encode()
        if words.self_ not in {"", "@"} and name != scope.own_name and call in scope.source:
            candidates.setdefault(call + words.end.encode(), 0.5)
    collections = [name for name in scope.names if _is_collection(scope, name)][:5]
    for collection in collections:
        elements = [name for name in scope.names if name != collection][:8]
        for template in words.appends:
            if not _fits(scope, collection, template):
                continue
            for element in elements:
                text = template.replace("{x}", collection).replace("{y}", element)
                candidates.setdefault((text + words.end).encode(), 1.0)
    names = scope.names[:8]
    for left in names:
        for right in names:
            if left != right and len(names) <= 6 and left not in scope.parameters:
                candidates.setdefault(f"{left} = {right}{words.end}".encode(), 0.35)
    return candidates


def _inserted(scope: Scope, block: Spot, candidates: dict[bytes, float]) -> Iterator[Edit]:
    """Yield a missing statement or return: of what stands in the function, or follows from it."""
    yield from _put_in(scope, block, candidates)
    last = block.parts[-1]
    if block.parent is scope.root and last.kind not in RETURNS and _stands_in_lines(scope, block):
        indent = scope.indent_of(last.start).encode()
        for name in scope.names[:8]:
            text = b"\n" + indent + f"return {name}{scope.words.end}".encode()
            yield _edit(last.end, last.end, text, "return", share(len(scope.names[:8])))


def _stands_in_lines(scope: Scope, block: Spot) -> bool:
    return all(starts_line(scope, part) for part in block.parts)


def _put_in(scope: Scope, block: Spot, candidates: dict[bytes, float]) -> Iterator[Edit]:
    """Yield each candidate before each statement of the block and after the last."""
    statements = block.parts
    if not statements or not _stands_in_lines(scope, block):
        return
    fraction = share(len(candidates) // 2)
    for text, weight in candidates.items():
        for statement in statements:
            if text == statement.text or is_docstring(statement):
                continue
            indent = scope.indent_of(statement.start).encode()
            before = text + b"\n" + indent
            yield _edit(statement.start, statement.start, before, "insert", weight * fraction)
        last = statements[-1]
        if last.kind not in RETURNS and last.text != text:
            indent = scope.indent_of(last.start).encode()
            after = b"\n" + indent + text
            yield _edit(last.end, last.end, after, "insert", weight * fraction)


def _is_collection(scope: Scope, name: str) -> bool:
    source = scope.root.text or scope.source
    word = name.encode()
    return any(
        word + mark in source
        for mark in (
            b" = []",
            b" = set(",
            b".append(",
            b".add(",
            b".push(",
            b" = new Set",
            b" = Vec::new",
            b" = list(",
            b" = deque(",
            b".push_back(",
            b" = append(",
            b" << ",
            b" = new ArrayList",
        )
    )


def _fits(scope: Scope, name: str, template: str) -> bool:
    """Whether the collection takes elements by this method, as far as the text tells."""
    source = scope.root.text or scope.source
    word = name.encode()
    is_set = word + b" = set(" in source or word + b".add(" in source or b" = new Set" in source
    if scope.language == "python":
        return (".add(" in template) == is_set
    return True
