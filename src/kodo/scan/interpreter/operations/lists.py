"""Operations on lists that JavaScript and Ruby have: at their beginning, parts of them, several in
one.

Does not know names of any library. Guards order, as `containers` does.
"""

from __future__ import annotations

from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.operations.containers import (
    blurred,
    cell_of,
    copy,
    extended,
    renumbered,
    with_item,
)
from kodo.scan.interpreter.operations.text import concat
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.state import joined_items
from kodo.scan.interpreter.values import UNKNOWN, Cells, Value


def shift(memory: Memory, site: Site) -> Value:
    """Take the first item out and give it."""
    receiver = site.receiver
    cells = memory.cells(receiver.cell) if receiver is not None else None
    if receiver is None or cells is None or cells.kind != "list":
        return memory.elements_of(receiver or UNKNOWN, site.node)
    if not cells.exact or not cells.items:
        return joined_items(cells)
    taken, *left = cells.items.values()
    memory.store(receiver.cell, renumbered(cells, left))
    return taken


def unshift(memory: Memory, site: Site) -> Value:
    """Put items before the others."""
    cell = cell_of(memory, site, "list")
    cells = memory.cells(cell)
    if cells is not None and cells.exact and cells.kind == "list":
        memory.store(cell, renumbered(cells, [*site.arguments, *cells.items.values()]))
    elif cells is not None:
        for value in site.arguments:
            cells = with_item(blurred(cells), value)
        memory.store(cell, cells)
    return UNKNOWN


def slice_items(memory: Memory, site: Site) -> Value:
    """A part of text or of a list, from one position to another; negative ones count from the
    end."""
    subject, bounds = site.subject(), [other.constant for other in site.others()]
    if all(type(bound) is int for bound in bounds) and len(bounds) <= 2:
        numbers = [bound for bound in bounds if isinstance(bound, int)]
        low, high = numbers[0] if numbers else 0, numbers[1] if len(numbers) > 1 else None
        if isinstance(subject.constant, str):
            return Value(subject.constant[low:high])
        cells = memory.cells(subject.cell)
        if cells is not None and cells.exact and cells.kind in ("list", "tuple"):
            kept = list(cells.items.values())[low:high]
            return memory.container("list", dict(enumerate(kept)))
    cells = memory.cells(subject.cell)
    if cells is not None:
        return copy(memory, site)
    taints = memory.union([subject], site.node)
    return Value(taints=taints) if taints is not None else UNKNOWN


def field(memory: Memory, site: Site) -> Value:
    """What the field of the call's name holds: `uri.host`."""
    return memory.read_field(site.receiver or UNKNOWN, site.last, site.node)


def joined(memory: Memory, site: Site) -> Value:
    """A new list of the receiver's items and those of the arguments; of text, the text of all."""
    subject = site.subject()
    cells = memory.cells(subject.cell)
    if cells is None:
        return concat(memory, site)
    for other in site.others():
        inner = memory.cells(other.cell)
        if inner is None and other.taints is None:
            cells = renumbered(cells, [*cells.items.values(), other]) if cells.exact else cells
        else:
            cells = extended(memory, cells, other)
    return Value(cell=memory.new_cell(cells))


def map_of_pairs(memory: Memory, site: Site) -> Value:
    """A map made of a list of pairs, empty without one."""
    made = Cells("map", {})
    listed = memory.cells(site.first().cell) if site.arguments else None
    if site.arguments and listed is None:
        taints = memory.data_of(site.first())
        rest = Value(taints=taints) if taints is not None else None
        made = Cells("map", {}, rest, exact=False)
    elif listed is not None:
        for pair in listed.items.values():
            inner = memory.cells(pair.cell)
            key = memory.key_of(inner.items.get(0, UNKNOWN)) if inner is not None else None
            if inner is not None and key is not None:
                made.items[key] = inner.items.get(1, UNKNOWN)
            else:
                made = Cells("map", made.items, Value(taints=memory.data_of(pair)), exact=False)
        if not listed.exact:
            made = Cells("map", made.items, listed.rest, exact=False)
    return Value(cell=memory.new_cell(made))
