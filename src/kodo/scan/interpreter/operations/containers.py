"""Operations on lists, maps and builders: what lies where, as far as keys are constant.

Does not know names of any library. Guards order: a list whose positions are no longer known becomes
one joined item, never a wrong one.
"""

from __future__ import annotations

from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.state import joined_items
from kodo.scan.interpreter.values import (
    NOTHING,
    UNKNOWN,
    VARIES,
    Cells,
    Value,
    join_taints,
    join_values,
)

MAX_ITEMS = 200


def cell_of(memory: Memory, site: Site, kind: str) -> int:
    """The receiver's container, made where it has none yet."""
    receiver, node = site.receiver, site.receiver_node
    if receiver is None or node is None:
        return 0
    return memory.ensure_cell(node, receiver, kind)


def with_item(cells: Cells, value: Value) -> Cells:
    """A container with a value at a place that is not known."""
    rest = value if cells.rest is None else join_values(cells.rest, value)
    return Cells(cells.kind, cells.items, rest, exact=False)


def blurred(cells: Cells) -> Cells:
    """A list whose positions are no longer known."""
    return Cells(cells.kind, {}, joined_items(cells), exact=False)


def renumbered(cells: Cells, values: list[Value]) -> Cells:
    return Cells(cells.kind, dict(enumerate(values)), cells.rest, exact=cells.exact)


def append(memory: Memory, site: Site) -> Value:
    """At the end of a list, or of a builder's text; gives the receiver."""
    cell = cell_of(memory, site, "list")
    cells = memory.cells(cell)
    if cells is None or not site.arguments:
        return UNKNOWN
    if cells.kind == "builder":
        return write(memory, site)
    for value in site.arguments:
        positions = cells.exact and cells.kind in ("list", "tuple") and len(cells.items) < MAX_ITEMS
        if positions:
            cells = Cells(cells.kind, cells.items | {len(cells.items): value}, None)
        else:
            cells = with_item(cells, value)
    memory.store(cell, cells)
    return site.receiver or UNKNOWN


def write(memory: Memory, site: Site) -> Value:
    """More text in a builder; gives the receiver, so that calls chain."""
    cell = cell_of(memory, site, "builder")
    cells = memory.cells(cell)
    if cells is None:
        return UNKNOWN
    added = site.first()
    before = cells.rest
    constant: object = VARIES
    if added.constant is not VARIES and (before is None or isinstance(before.constant, str)):
        constant = f"{before.constant if before is not None else ''}{added.constant}"
    taints = memory.union([added] if before is None else [before, added], site.node)
    memory.store(cell, Cells("builder", cells.items, Value(constant, taints), exact=False))
    receiver = site.receiver or UNKNOWN
    return Value(name=receiver.name, cell=cell)


def insert(memory: Memory, site: Site) -> Value:
    """Into a list at a position."""
    cell = cell_of(memory, site, "list")
    cells = memory.cells(cell)
    if cells is None or len(site.arguments) < 2:
        return UNKNOWN
    place, value = site.arguments[0].constant, site.arguments[1]
    if cells.exact and cells.kind == "list" and isinstance(place, int):
        values = list(cells.items.values())
        values.insert(place, value)
        memory.store(cell, renumbered(cells, values))
    else:
        memory.store(cell, with_item(blurred(cells), value))
    return UNKNOWN


def extend(memory: Memory, site: Site) -> Value:
    """All of another container."""
    cell = cell_of(memory, site, "list")
    cells = memory.cells(cell)
    if cells is None:
        return UNKNOWN
    for other in site.arguments:
        cells = extended(memory, cells, other)
    for name, value in site.keywords.items():
        cells = Cells(cells.kind, cells.items | {name: value}, cells.rest, exact=cells.exact)
    memory.store(cell, cells)
    return UNKNOWN


def extended(memory: Memory, cells: Cells, other: Value) -> Cells:
    """Return a container with all of another value's items."""
    added = memory.cells(other.cell)
    if added is None:
        taints = memory.data_of(other)
        return (
            with_item(cells, Value(taints=taints))
            if taints is not None
            else (Cells(cells.kind, cells.items, cells.rest, exact=False))
        )
    if cells.kind in ("map", "object"):
        rest = cells.rest if added.rest is None else with_item(cells, added.rest).rest
        return Cells(cells.kind, cells.items | added.items, rest, exact=cells.exact and added.exact)
    if cells.exact and added.exact and len(cells.items) + len(added.items) < MAX_ITEMS:
        return renumbered(cells, [*cells.items.values(), *added.items.values()])
    return with_item(blurred(cells), joined_items(added))


def put(memory: Memory, site: Site) -> Value:
    """`map.put(key, value)`; with three arguments the first two are the key (section, option)."""
    cell = cell_of(memory, site, "map")
    if not cell or len(site.arguments) < 2:
        return UNKNOWN
    memory.put(cell, _compound(memory, site.arguments[:-1]), site.arguments[-1])
    return UNKNOWN


def _compound(memory: Memory, values: list[Value]) -> object:
    keys = [memory.key_of(value) for value in values]
    if any(key is None for key in keys):
        return None
    return keys[0] if len(keys) == 1 else tuple(keys)


def get(memory: Memory, site: Site) -> Value:
    """`map.get(key, default)`: the item and the default."""
    receiver = site.receiver
    if receiver is None or not site.arguments:
        return UNKNOWN
    item = memory.read_item(receiver, site.arguments[0], site.node)
    default = site.arguments[1] if len(site.arguments) > 1 else site.keywords.get("default")
    if default is None or (default.constant is not VARIES and default.taints is None):
        if item is UNKNOWN or item.taints is not None or item.cell or item.name:
            return item
        return item if default is None else join_values(item, default)
    return join_values(item, default)


def get_option(memory: Memory, site: Site) -> Value:
    """`config.get(section, option)`."""
    receiver = site.receiver
    if receiver is None or len(site.arguments) < 2:
        return UNKNOWN
    cells = memory.cells(receiver.cell)
    key = _compound(memory, site.arguments[:2])
    if cells is not None and key is not None and key in cells.items:
        return cells.items[key]
    taints = memory.data_of(receiver)
    return Value(taints=taints) if taints is not None and key is None else UNKNOWN


def pop(memory: Memory, site: Site) -> Value:
    """Take an item out and give it."""
    receiver = site.receiver
    cells = memory.cells(receiver.cell) if receiver is not None else None
    if receiver is None or cells is None:
        return memory.read_item(receiver or UNKNOWN, site.first(), site.node)
    place = site.arguments[0].constant if site.arguments else -1
    if cells.exact and cells.kind == "list" and isinstance(place, int) and cells.items:
        values = list(cells.items.values())
        if -len(values) <= place < len(values):
            taken = values.pop(place)
            memory.store(receiver.cell, renumbered(cells, values))
            return taken
    if cells.kind == "list":
        memory.store(receiver.cell, blurred(cells))
        return joined_items(cells)
    found = memory.read_item(receiver, site.first(), site.node)
    key = memory.key_of(site.first())
    if key in cells.items:
        left = {name: value for name, value in cells.items.items() if name != key}
        memory.store(receiver.cell, Cells(cells.kind, left, cells.rest, exact=cells.exact))
    return found


def remove_at(memory: Memory, site: Site) -> Value:
    """Take out by position (Java, `del`): like pop."""
    return pop(memory, site)


def remove_value(memory: Memory, site: Site) -> Value:
    """Take out by value: the first equal constant, else positions are lost."""
    receiver = site.receiver
    cells = memory.cells(receiver.cell) if receiver is not None else None
    if receiver is None or cells is None:
        return UNKNOWN
    constant = site.first().constant
    values = list(cells.items.values())
    if (
        cells.exact
        and constant is not VARIES
        and all(value.constant is not VARIES or value.taints for value in values)
    ):
        for place, value in enumerate(values):
            if value.constant == constant and value.taints is None:
                del values[place]
                memory.store(receiver.cell, renumbered(cells, values))
                return UNKNOWN
    memory.store(receiver.cell, blurred(cells) if cells.kind == "list" else cells)
    return UNKNOWN


def clear(memory: Memory, site: Site) -> Value:
    """Empty a container."""
    receiver = site.receiver
    cells = memory.cells(receiver.cell) if receiver is not None else None
    if receiver is not None and cells is not None:
        memory.store(receiver.cell, Cells(cells.kind, {}))
    return UNKNOWN


def keys(memory: Memory, site: Site) -> Value:
    """The keys of a map: outside data only where the whole map is."""
    receiver = site.subject()
    cells = memory.cells(receiver.cell)
    if cells is not None and cells.exact and cells.rest is None and receiver.taints is None:
        return memory.container(
            "list", {place: Value(key) for place, key in enumerate(cells.items)}
        )
    return Value(taints=receiver.taints) if receiver.taints is not None else UNKNOWN


def values(memory: Memory, site: Site) -> Value:
    """The values of a map."""
    receiver = site.subject()
    taints, cells = memory.data_of(receiver), memory.cells(receiver.cell)
    joined = joined_items(cells) if cells is not None else memory.elements_of(receiver, site.node)
    if taints is not None and cells is not None:
        joined = Value(taints=join_taints(joined.taints, taints), name=joined.name)
    return Value(cell=memory.new_cell(Cells("list", {}, joined, exact=False)))


def entries(memory: Memory, site: Site) -> Value:
    """Pairs of key and value."""
    receiver = site.subject()
    cells = memory.cells(receiver.cell)
    held = joined_items(cells) if cells is not None else Value(taints=receiver.taints)
    pair = memory.container("tuple", {0: Value(taints=receiver.taints), 1: held})
    return Value(cell=memory.new_cell(Cells("list", {}, pair, exact=False)))


def first_item(memory: Memory, site: Site) -> Value:
    """The first item: of an iterator, an optional, a list."""
    return memory.read_item(site.subject(), Value(0), site.node)


def any_item(memory: Memory, site: Site) -> Value:
    """Some item: `next(items)`, `iterator.next()`."""
    return memory.elements_of(site.subject(), site.node)


def set_default(memory: Memory, site: Site) -> Value:
    """The item, or the default, which it then holds."""
    receiver = site.receiver
    if receiver is None or len(site.arguments) < 2:
        return UNKNOWN
    item = join_values(memory.read_item(receiver, site.arguments[0], site.node), site.arguments[1])
    memory.put(cell_of(memory, site, "map"), memory.key_of(site.arguments[0]), item)
    return item


def copy(memory: Memory, site: Site) -> Value:
    """A new container with the same items: `list(x)`, `sorted(x)`, `x.clone()`."""
    subject = site.subject()
    cells = memory.cells(subject.cell)
    if cells is None:
        return Value(taints=subject.taints) if subject.taints is not None else UNKNOWN
    return Value(taints=subject.taints, name=subject.name, cell=memory.new_cell(cells))


def shuffled(memory: Memory, site: Site) -> Value:
    """A new container with the same items in another order."""
    made = copy(memory, site)
    cells = memory.cells(made.cell)
    if cells is not None and cells.kind in ("list", "tuple"):
        memory.store(made.cell, blurred(cells))
    return made


def new_list(memory: Memory, site: Site) -> Value:
    """A list of all items of the argument, empty without one."""
    if not site.arguments:
        return memory.container("list", {})
    source = memory.cells(site.first().cell)
    if source is not None and source.kind in ("list", "tuple"):
        return Value(
            cell=memory.new_cell(Cells("list", source.items, source.rest, exact=source.exact))
        )
    taints = memory.data_of(site.first())
    return Value(taints=taints) if taints is not None else UNKNOWN


def list_of(memory: Memory, site: Site) -> Value:
    """A list of the arguments."""
    return memory.container("list", dict(enumerate(site.arguments)))


def new_map(memory: Memory, site: Site) -> Value:
    """A map of keywords and of the argument's entries."""
    named: dict[object, Value] = {**site.keywords}
    cells = Cells("map", named)
    for other in site.arguments:
        cells = extended(memory, cells, other)
    return Value(cell=memory.new_cell(cells))


def new_builder(memory: Memory, site: Site) -> Value:
    """A builder of text, with the argument as its beginning."""
    start = site.arguments[0] if site.arguments else Value("")
    if isinstance(start.constant, int):
        start = Value("")  # a capacity
    return Value(cell=memory.new_cell(Cells("builder", {}, start, exact=False)))


def give_none(_memory: Memory, _site: Site) -> Value:
    """None."""
    return NOTHING


def fill_first(memory: Memory, site: Site) -> Value:
    """`strcpy(to, from)`: the data of the others is in the first argument too; gives it."""
    if not site.arguments or not site.node.arguments:
        return UNKNOWN
    first = site.arguments[0]
    taints = memory.union(site.arguments[1:], site.node)
    if taints is not None:
        cell = memory.ensure_cell(site.node.arguments[0], first, "list")
        memory.put(cell, None, Value(taints=taints))
        return Value(taints=join_taints(first.taints, taints), name=first.name, cell=cell)
    return first


def fill_rest(memory: Memory, site: Site) -> Value:
    """`Unmarshal(data, &x)`, `reader.Read(buffer)`: what is read is in the others too."""
    taints = memory.union([site.subject()], site.node)
    if taints is not None:
        skipped = len(site.arguments) - len(site.others())
        for node, value in zip(site.node.arguments[skipped:], site.others(), strict=False):
            memory.put(memory.ensure_cell(node, value), None, Value(taints=taints))
    return UNKNOWN
