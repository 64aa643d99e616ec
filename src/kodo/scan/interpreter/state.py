"""The state at a point of a function: what names hold and what containers contain.

Does not know syntax. Guards branches: each works on its own copy, and joining keeps what either
knows.
"""

from __future__ import annotations

from kodo.scan.interpreter.values import UNKNOWN, Cells, Label, Value, join_values

Variables = dict[str, Value]
Shown = dict[Label, int]
"""Kinds that a piece of data cannot harm, as tests have shown: it may be read once more. Shared by
states, and so never changed in place.
"""


class Write:
    """One step back in the history of a heap: the cells written since the heap of `before`."""

    __slots__ = ("before", "cells", "depth")

    def __init__(self, cells: int | set[int], before: Write | None) -> None:
        self.cells = cells
        self.before = before
        self.depth: int = before.depth + 1 if before is not None else 1


class Heap(dict[int, Cells]):
    """Containers by cell. It knows what was written since it was copied from another, so that two
    of one ancestor meet at the price of what they changed and not of all that they hold.
    """

    __slots__ = ("last",)

    def __init__(self, other: Heap | None = None) -> None:
        if other is None:
            super().__init__()
            self.last: Write | None = None
        else:
            super().__init__(other)
            self.last = other.last

    def write(self, cell: int, cells: Cells) -> None:
        """Set what a container holds. Nothing else may set items."""
        self[cell] = cells
        self.last = Write(cell, self.last)

    def take(self, other: Heap) -> None:
        """Set all that another heap holds differently."""
        if self.last is other.last:
            return
        changed = _apart(self.last, other.last)[1]
        if changed:
            self.update({cell: other[cell] for cell in changed if cell in other})
            self.last = Write(changed, self.last)


def _apart(one: Write | None, other: Write | None) -> tuple[Write | None, set[int]]:
    """Return the last write that two histories share, and the cells that either wrote since."""
    changed: set[int] = set()
    while one is not other:
        if one is None or (other is not None and other.depth > one.depth):
            assert other is not None
            write, other = other, other.before
        else:
            write, one = one, one.before
        if isinstance(write.cells, int):
            changed.add(write.cells)
        else:
            changed |= write.cells
    return one, changed


class State:
    """Variables, containers, and what tests have shown of data."""

    __slots__ = ("heap", "shown", "variables")

    def __init__(self, variables: Variables, heap: Heap, shown: Shown | None = None) -> None:
        self.variables = variables
        self.heap = heap
        self.shown: Shown = shown if shown is not None else {}

    def copy(self) -> State:
        """Return a state that can change without this one."""
        return State(dict(self.variables), Heap(self.heap), self.shown)


def join_states(one: State | None, other: State | None) -> State | None:
    """Return the state where two paths meet; None is a path that does not get there."""
    if one is None or one is other:
        return other
    if other is None:
        return one
    heap = _join_heaps(one.heap, other.heap)
    mine, theirs = one.variables, other.variables
    joined = dict(mine)  # what is not set on the other path: what is known stays known
    for name, against in theirs.items():
        value = mine.get(name)
        if value is None:
            joined[name] = against
        elif value is not against:
            joined[name] = _join_variable(value, against, heap)
    return State(joined, heap, _join_shown(one.shown, other.shown))


def _join_shown(one: Shown, other: Shown) -> Shown:
    if one is other:
        return one
    return {label: kinds & other[label] for label, kinds in one.items() if label in other}


def _join_variable(one: Value, other: Value, heap: Heap) -> Value:
    joined = join_values(one, other)
    if one.cell and other.cell and one.cell != other.cell:
        left, right = heap.get(one.cell), heap.get(other.cell)
        if left is not None and right is not None:
            heap.write(one.cell, join_cells(left, right))
    return joined


def _join_heaps(one: Heap, other: Heap) -> Heap:
    joined = Heap(one)
    if one.last is other.last:
        return joined
    shared, changed = _apart(one.last, other.last)
    for cell in sorted(changed & other.keys()):
        mine, theirs = joined.get(cell), other[cell]
        if mine is None:
            joined[cell] = theirs
        elif mine is not theirs:
            joined[cell] = join_cells(mine, theirs)
    joined.last = Write(changed, shared)
    return joined


def join_cells(one: Cells, other: Cells) -> Cells:
    """Return what a container may hold where two paths meet."""
    if one.kind in ("list", "tuple") and len(one.items) != len(other.items):
        rest = _all(one) if _all(other) is None else _merge(_all(one), _all(other))
        return Cells(one.kind, {}, rest, exact=False)
    items: dict[object, Value] = {}
    for key, value in one.items.items():
        against = other.items.get(key)
        items[key] = join_values(value, against if against is not None else other.rest or UNKNOWN)
    for key, value in other.items.items():
        if key not in items:
            items[key] = join_values(value, one.rest or UNKNOWN)
    rest = _merge(one.rest, other.rest)
    return Cells(one.kind, items, rest, exact=one.exact and other.exact)


def _merge(one: Value | None, other: Value | None) -> Value | None:
    if one is None or other is None:
        return one or other
    return join_values(one, other)


def _all(cells: Cells) -> Value | None:
    whole = cells.rest
    for value in cells.items.values():
        whole = _merge(whole, value)
    return whole


def joined_items(cells: Cells) -> Value:
    """Return the join of all that a container holds."""
    return _all(cells) or UNKNOWN
