"""Order and care of C and C++: null asked after use, results nobody looks at, erasing in a loop.

Looks at statements of one block, not at values. Guards that only what stands side by side, without
anything between that could change it, counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kodo.scan.checker import Report
from kodo.scan.checkers.nodes import walk
from kodo.scan.interpreter.unit import Unit
from kodo.scan.ir import (
    Assign,
    Bind,
    Block,
    Break,
    Call,
    Choice,
    Closure,
    Declare,
    Field,
    Function,
    Goto,
    If,
    Index,
    Literal,
    Name,
    Node,
    Operation,
    Return,
    While,
)

PRIVILEGES = frozenset(
    {
        "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid",
        "chroot", "setgroups", "initgroups", "RAND_bytes", "getrandom", "getentropy",
    }
)  # fmt: skip
"""What goes on after them is only safe if they did what they were asked."""

INPUTS = frozenset({"fgets", "fread", "scanf", "fscanf", "recv", "read", "fgetws", "wscanf"})
CALLS = PRIVILEGES | INPUTS

_WORD = re.compile(r"[A-Za-z_]\w*")


def check_habits(unit: Unit, function: Function, report: Report) -> None:
    """Report the habits of one function."""
    pointers = {
        one.name for one in function.parts.parameters if one.type.endswith("*") and one.name
    }
    renamed = unit.module.imports
    words = set(_WORD.findall(unit.text.latin, function.start, function.end))
    calls = not words.isdisjoint(CALLS) or any(renamed.get(word) in CALLS for word in words)
    erases = "erase" in words
    asks = bool(pointers) and "if" in words
    if not (calls or erases or asks):
        return
    for block in _blocks(function.parts.body):
        if calls:
            _check_results(unit, block, function, report)
        if asks:
            _check_order(block, pointers, function, report)
        if erases:
            for node in block:
                if isinstance(node, While):
                    _check_erasing(node, function, report)


def _blocks(body: Block) -> Iterator[Block]:
    """Yield every list of statements of a function, closures' bodies left out."""
    pending: list[object] = [body]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            if one and isinstance(one[0], Node):
                yield one  # pyright: ignore[reportUnknownVariableType]
            pending.extend(one)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(one, Node) and not isinstance(one, (Closure, Call, Operation, Literal)):
            pending.extend(getattr(one, name) for name in one.__struct_fields__[2:])


def _check_results(unit: Unit, block: Block, function: Function, report: Report) -> None:
    renamed = unit.module.imports
    for place, node in enumerate(block):
        if not isinstance(node, Call) or not isinstance(node.function, Name):
            continue
        name = renamed.get(node.function.name, node.function.name)
        if name in unit.module.functions:
            continue
        if name in PRIVILEGES:
            report("c.unchecked-privilege", node, function)
        elif name in INPUTS and _is_used(node, block[place + 1 :]):
            report("c.unchecked-input", node, function)


def _is_used(node: Call, rest: Block) -> bool:
    """Whether what a call reads in is used by the next statement."""
    places = [argument.name for argument in node.arguments if isinstance(argument, Name)]
    return bool(rest) and any(
        isinstance(one, Name) and one.name in places and not isinstance(rest[0], If)
        for one in walk([rest[0]])
    )


def _check_order(block: Block, pointers: set[str], function: Function, report: Report) -> None:
    """Report a pointer that is used first and compared with null behind that."""
    used: set[str] = set()
    for node in block[: _last_question(block, pointers)]:
        if isinstance(node, If) and node.arms:
            asked = _asked_for_null(node.arms[0].test)
            if asked in used:
                report("c.null-dereference", node.arms[0].test, function)
        if isinstance(node, (Assign, Declare, Call, Return, Field)):
            used |= {name for name in _surely_used(node) if name in pointers}
        for one in walk([node]):
            target = one.target if isinstance(one, (Assign, Bind, Declare)) else None
            if isinstance(one, Operation) and one.operator == "address":
                target = one.operands[0]
            if isinstance(target, Name):
                used.discard(target.name)


def _last_question(block: Block, pointers: set[str]) -> int:
    """Return how many statements of a block lead to its last question for null."""
    for place in range(len(block) - 1, 0, -1):
        node = block[place]
        if isinstance(node, If) and node.arms and _asked_for_null(node.arms[0].test) in pointers:
            return place + 1
    return 0


def _asked_for_null(test: Node) -> str:
    """Return the name that a test compares with null and with nothing else, "" if there is none."""
    if isinstance(test, Operation) and test.operator == "not":
        test = test.operands[0]
        return test.name if isinstance(test, Name) else ""
    if isinstance(test, Operation) and test.operator in ("==", "!=") and len(test.operands) == 2:
        left, right = test.operands
        null = (isinstance(right, Name) and right.name in ("NULL", "nullptr")) or (
            isinstance(right, Literal) and right.value is None
        )
        return left.name if null and isinstance(left, Name) else ""
    return ""


def _surely_used(node: Node) -> Iterator[str]:
    """Yield the variables that a statement follows on every way through it."""
    pending: list[object] = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending.extend(one)  # pyright: ignore[reportUnknownArgumentType]
            continue
        if not isinstance(one, Node) or isinstance(one, (Choice, Closure)):
            continue
        if isinstance(one, Operation) and one.operator in ("and", "or", "address"):
            pending.append(one.operands[0] if one.operator != "address" else None)
            continue
        if (
            isinstance(one, Call)
            and isinstance(one.function, Name)
            and one.function.name == "sizeof"
        ):
            continue
        held = one.object if isinstance(one, (Field, Index)) else None
        if isinstance(one, Operation) and one.operator == "deref":
            held = one.operands[0]
        if isinstance(held, Name):
            yield held.name
        pending.extend(getattr(one, name) for name in one.__struct_fields__[2:])


def _check_erasing(loop: While, function: Function, report: Report) -> None:
    """Report `all.erase(it)` in a loop that goes on with `++it`."""
    steps = {
        step.target.name
        for step in loop.step
        if isinstance(step, Bind) and isinstance(step.target, Name)
    }
    if not steps:
        return
    for block in _blocks(loop.body):
        for place, node in enumerate(block):
            if (
                isinstance(node, Call)
                and isinstance(node.function, Field)
                and node.function.name == "erase"
                and len(node.arguments) == 1
                and isinstance(node.arguments[0], Name)
                and node.arguments[0].name in steps
                and not any(isinstance(one, (Return, Break, Goto)) for one in block[place + 1 :])
            ):
                report("c.use-after-free", node, function)
