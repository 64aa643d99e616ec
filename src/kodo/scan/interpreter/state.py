"""The state at a point of a function: what names hold and what containers contain.

Does not know syntax. Guards branches: each works on its own copy, and joining keeps what either
knows.
"""

from __future__ import annotations

from kodo.scan.interpreter.values import UNKNOWN, Cells, Label, Value, join_values

Variables = dict[str, Value]
Heap = dict[int, Cells]
Shown = dict[Label, int]
"""Kinds that a piece of data cannot harm, as tests have shown: it may be read once more. Shared by
states, and so never changed in place.
"""


class State:
    """Variables, containers, and what tests have shown of data."""

    __slots__ = ("heap", "shown", "variables")

    def __init__(self, variables: Variables, heap: Heap, shown: Shown | None = None) -> None:
        self.variables = variables
        self.heap = heap
        self.shown: Shown = shown if shown is not None else {}

    def copy(self) -> State:
        """Return a state that can change without this one."""
        return State(dict(self.variables), dict(self.heap), self.shown)


def join_states(one: State | None, other: State | None) -> State | None:
    """Return the state where two paths meet; None is a path that does not get there."""
    if one is None or one is other:
        return other
    if other is None:
        return one
    heap = _join_heaps(one.heap, other.heap)
    mine, theirs = one.variables, other.variables
    joined: Variables = {}
    for name, value in mine.items():
        against = theirs.get(name)
        if against is None:
            joined[name] = value  # not set on the other path: what is known stays known
        elif against is value:
            joined[name] = value
        else:
            joined[name] = _join_variable(value, against, heap)
    for name, value in theirs.items():
        if name not in mine:
            joined[name] = value
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
            heap[one.cell] = join_cells(left, right)
    return joined


def _join_heaps(one: Heap, other: Heap) -> Heap:
    joined = dict(one)
    for cell, cells in other.items():
        mine = joined.get(cell)
        if mine is None:
            joined[cell] = cells
        elif mine is not cells:
            joined[cell] = join_cells(mine, cells)
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
