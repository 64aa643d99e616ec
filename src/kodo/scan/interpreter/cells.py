"""Containers by cell: what they hold, what data is inside, how items change.

Does not know names or rules. Guards aliasing: containers are found through cells, so that two names
of one list stay two names of one list.
"""

from __future__ import annotations

from kodo.scan.interpreter.state import joined_items
from kodo.scan.interpreter.unit import Frame
from kodo.scan.interpreter.values import (
    UNKNOWN,
    VARIES,
    Cells,
    Taints,
    Value,
    changed,
    join_taints,
    join_values,
    stepped,
)
from kodo.scan.ir import Node

MAX_NESTING = 3


class CellMemory:
    """The current frame and its containers."""

    def __init__(self) -> None:
        self.frame: Frame = None  # pyright: ignore[reportAttributeAccessIssue]  set before any use
        self.static_heap: dict[int, Cells] = {}
        self._last_cell = 0

    def cells(self, cell: int) -> Cells | None:
        """Return what a container holds."""
        if not cell:
            return None
        found = self.frame.live.heap.get(cell)
        return found if found is not None else self.static_heap.get(cell)

    def store(self, cell: int, cells: Cells) -> None:
        """Set what a container holds."""
        self.frame.live.heap.write(cell, cells)

    def new_cell(self, cells: Cells) -> int:
        """Make a container."""
        self._last_cell += 1
        self.frame.live.heap.write(self._last_cell, cells)
        return self._last_cell

    def container(self, kind: str, items: dict[object, Value], name: str = "") -> Value:
        """Return a value with a container of its own."""
        return Value(name=name, cell=self.new_cell(Cells(kind, items)))

    def put(self, cell: int, key: object, value: Value) -> None:
        """Set one item under a constant key; None for a key that is not known."""
        cells = self.cells(cell)
        if cells is None:
            return
        if key is None:
            rest = value if cells.rest is None else join_values(cells.rest, value)
            self.store(cell, Cells(cells.kind, cells.items, rest, exact=False))
        else:
            self.store(
                cell, Cells(cells.kind, cells.items | {key: value}, cells.rest, exact=cells.exact)
            )

    @staticmethod
    def key_of(value: Value) -> object:
        """Return a value as a container's key, None where it is not known."""
        constant = value.constant
        return (
            constant if constant is not VARIES and isinstance(constant, (str, int, bytes)) else None
        )

    def data_of(self, value: Value, nesting: int = 0) -> Taints | None:
        """Return the data in a value and in all that it contains."""
        taints = value.taints
        if not value.cell or nesting >= MAX_NESTING:
            return taints
        cells = self.cells(value.cell)
        if cells is None:
            return taints
        rest = cells.rest
        if rest is not None and (rest.taints is not None or rest.cell):
            taints = join_taints(taints, self.data_of(rest, nesting + 1))
        for item in cells.items.values():
            if item.cell:
                taints = join_taints(taints, self.data_of(item, nesting + 1))
            elif item.taints is not None:
                taints = join_taints(taints, item.taints)
        return taints

    def union(self, values: list[Value], node: Node, *, certain: bool = True) -> Taints | None:
        """Return the data of several values after an operation on them."""
        taints: Taints | None = None
        for value in values:
            if value.taints is not None or value.cell:
                taints = join_taints(taints, self.data_of(value))
        return changed(taints, node.start, certain=certain)

    def step(self, taints: Taints | None, node: Node, note: str) -> Taints | None:
        """Return the data with one more step on its way."""
        if taints is None:
            return None
        return stepped(taints, self.frame.unit.module.path, node.start, note)

    def _item(self, cells: Cells, constant: object) -> Value | None:
        if constant is None:
            return joined_items(cells)
        if isinstance(constant, int) and constant < 0 and cells.kind in ("list", "tuple"):
            constant = len(cells.items) + constant if cells.exact else None
            if constant is None:
                return joined_items(cells)
        item = cells.items.get(constant)
        if item is not None:
            return item
        if cells.rest is not None:
            return cells.rest
        return UNKNOWN if cells.exact else None
