"""What functions of libc do to memory: allocate, free, copy, fill, measure, read in.

Does not know statements. Guards that each function is described once, by what it writes and reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from kodo.scan.checkers.machine import Machine
from kodo.scan.checkers.values import ANY_INT, Block, Known, Number, Pointer, multiply
from kodo.scan.ir import (
    Call,
    Cast,
    Collection,
    Field,
    Function,
    Index,
    Mapping,
    Name,
    Node,
    Operation,
)

ALLOCATORS = frozenset({"malloc", "calloc", "alloca", "__builtin_alloca", "xmalloc", "valloc"})
FREED_BY = {"free": "malloc", "delete": "new", "delete[]": "new[]", "cfree": "malloc"}
PARSERS = frozenset({"atoi", "atol", "strtol", "strtoul", "atoll"})
READS_MEMORY = frozenset({"memcpy", "memmove", "strcpy", "strcat"})


class Copy(NamedTuple):
    """A copying function: bytes of an element, whether it stops at the end of text, whether it adds
    to the end, and the place of its bound (None for none)."""

    unit: int
    stops: bool
    appends: bool
    bound: int | None


COPIES = {
    "memcpy": Copy(1, stops=False, appends=False, bound=2),
    "memmove": Copy(1, stops=False, appends=False, bound=2),
    "wmemcpy": Copy(4, stops=False, appends=False, bound=2),
    "wmemmove": Copy(4, stops=False, appends=False, bound=2),
    "strcpy": Copy(1, stops=True, appends=False, bound=None),
    "stpcpy": Copy(1, stops=True, appends=False, bound=None),
    "wcscpy": Copy(4, stops=True, appends=False, bound=None),
    "strcat": Copy(1, stops=True, appends=True, bound=None),
    "wcscat": Copy(4, stops=True, appends=True, bound=None),
    "strncpy": Copy(1, stops=True, appends=False, bound=2),
    "wcsncpy": Copy(4, stops=True, appends=False, bound=2),
    "strncat": Copy(1, stops=True, appends=True, bound=2),
    "wcsncat": Copy(4, stops=True, appends=True, bound=2),
}
FILLS = {"memset": 1, "wmemset": 4}
BOUNDED = {
    "fgets": (0, 1, 1), "fgetws": (0, 1, 4), "recv": (1, 2, 1), "read": (1, 2, 1),
    "readlink": (1, 2, 1),
    "snprintf": (0, 1, 1), "vsnprintf": (0, 1, 1), "_snprintf": (0, 1, 1), "swprintf": (0, 1, 4),
    "_snwprintf": (0, 1, 4), "SNPRINTF": (0, 1, 1),
}  # fmt: skip
"""Places of the buffer and of the most elements that are written, bytes of an element."""

LENGTHS = {"strlen": 1, "wcslen": 4}
ENDLESS = frozenset({"getenv", "secure_getenv"})
READERS = frozenset({"recv", "read", "readlink"})
"""They give how many bytes they wrote, which may be as many as there is room for."""

WIRE_NUMBERS = {"ntohs": (1 << 16) - 1, "ntohl": (1 << 32) - 1}
ANY_LENGTH = Number(1, 1 << 31)


class Library(Machine):
    """Calls."""

    functions: dict[str, Function]

    def inline(self, function: Function, values: list[Known]) -> Known:
        """Return what a function of the file gives."""
        raise NotImplementedError

    def callee(self, node: Call) -> str:
        """Return the name of the function called; macros that are other names are replaced."""
        function = node.function
        while isinstance(function, Operation) and function.operator in ("deref", "address"):
            function = function.operands[0]
        if isinstance(function, Field):
            return f"?.{function.name}"
        if not isinstance(function, Name):
            return ""
        name = function.name
        for _ in range(3):
            meant = self.renamed.get(name)
            if meant is None or name in self.functions:
                break
            name = meant
        return self.pointed_functions.get(name, name)

    renamed: dict[str, str]
    pointed_functions: dict[str, str]

    def call(self, node: Call) -> Known:
        """Return what a call gives, with what it does to memory."""
        name = self.callee(node)
        if name == "sizeof":
            return self._size_of(node.arguments[0]) if node.arguments else None
        values = [self.value(argument) for argument in node.arguments]
        copy = COPIES.get(name)
        if name in self.functions:
            return self.inline(self.functions[name], values)
        if copy is not None and len(values) >= 2:
            return self._copy(copy, node, values)
        if name in FREED_BY:
            self._free(node, values, name)
            return None
        if name in ALLOCATORS or name == "realloc":
            return self._allocate(node, values, name)
        if node.creates:
            size = self.layout.size(name) if name else 0
            return self.new_block(Block(size or None, "new")) if self._is_new(node) else None
        if name in FILLS and len(values) >= 3:
            return self._fill(node, values, FILLS[name])
        if name in BOUNDED:
            place, bound, unit = BOUNDED[name]
            if len(values) > bound:
                limit = values[bound]
                size = multiply(limit, Number(unit, unit)) if isinstance(limit, Number) else None
                self.access(values[place], size, node, writes=True)
                self.set_text(values[place], None)
                if name in READERS and isinstance(limit, Number) and limit.exact is not None:
                    return Number(0, max(0, limit.exact), reached=True, outside=True)
            return None
        if name in WIRE_NUMBERS:
            return Number(0, WIRE_NUMBERS[name], reached=True, outside=True)
        if name in ENDLESS:
            return self.new_block(Block(None, endless=True))
        if name in LENGTHS and values:
            end = self.ends_at(values[0])
            unit = LENGTHS[name]
            self._measured(node.arguments[0], values[0])
            self._uses(values, node)
            return Number(end // unit, end // unit) if end is not None else None
        if name in PARSERS:
            return ANY_INT
        if name in ("scanf", "fscanf"):
            self._scan(node)
            return None
        self._uses(values, node)
        for value in values:
            self.set_text(value, None)
        for argument in node.arguments:
            self._forget(argument)
        return None

    def _measured(self, node: Node, value: Known) -> None:
        """Who asks how long a text from outside is may well compare it."""
        if isinstance(node, Index):
            self.arguments_measured = True
        if isinstance(value, Pointer) and value.block in self.state.blocks:
            block = self.state.blocks[value.block]
            self.state.blocks[value.block] = replace(block, endless=False)

    def _is_new(self, node: Call) -> bool:
        return self.text.latin[node.start : node.start + 4] == "new "

    def _uses(self, values: list[Known], node: Call) -> None:
        """Tell a block that is gone and is given to a function all the same."""
        for value in values:
            if isinstance(value, Pointer):
                block = self.state.blocks.get(value.block)
                if block is not None and block.freed:
                    self.tell("freed", node)

    def _forget(self, node: Node) -> None:
        """A variable whose address a function was given may be anything."""
        if isinstance(node, Cast):
            node = node.value
        if isinstance(node, Operation) and node.operator == "address":
            inner = node.operands[0]
            if isinstance(inner, Name) and not self.type_of(inner).endswith("]"):
                held = self.read(inner.name)
                if not (isinstance(held, Pointer) and self._is_struct(self.type_of(inner))):
                    self.write(inner.name, None)

    def _scan(self, node: Call) -> None:
        for argument in node.arguments[1:]:
            if isinstance(argument, Operation) and argument.operator == "address":
                inner = argument.operands[0]
                if isinstance(inner, Name):
                    self.write(inner.name, ANY_INT)

    # --- sizes --------------------------------------------------------------------------------

    def _size_of(self, node: Node) -> Known:
        if isinstance(node, Cast):
            size = self.layout.size(node.type)
        else:
            kind = self.type_of(node)
            held = self.read(node.name) if isinstance(node, Name) else None
            if kind.endswith("]") and isinstance(held, Pointer):
                block = self.state.blocks.get(held.block)
                if block is None or block.size is None:
                    return None
                size = block.size
            elif kind:
                size = self.layout.size(kind)
            elif isinstance(node, Name) and node.name not in self.types:
                size = self.layout.size(node.name)  # a type: the grammar cannot tell
            else:
                return None
        return Number(size, size)

    # --- the heap -----------------------------------------------------------------------------

    def _allocate(self, node: Call, values: list[Known], name: str) -> Known:
        if name == "realloc":
            old = values[0] if values else None
            if isinstance(old, Pointer) and old.block in self.state.blocks:
                block = self.state.blocks[old.block]
                if block.freed:
                    self.tell("freed", node)
                self.state.blocks[old.block] = replace(block, size=None, end=None)
                return None
            return None
        size: Known = values[0] if values else None
        if name == "calloc" and len(values) == 2:
            one, other = values
            both = isinstance(one, Number) and isinstance(other, Number)
            size = multiply(one, other) if both else None  # pyright: ignore[reportArgumentType]
        exact = size.exact if isinstance(size, Number) else None
        made_by = "" if "alloca" in name and name != "xmalloc" and name != "malloc" else "malloc"
        if name == "calloc":
            made_by = "malloc"
        return self.new_block(Block(exact, made_by, end=0 if name == "calloc" else None))

    def _free(self, node: Call, values: list[Known], name: str) -> None:
        pointer = values[0] if values else None
        argument = node.arguments[0] if node.arguments else None
        if pointer is None and isinstance(argument, Name) and argument.name in self.types:
            self.write(argument.name, self.new_block(Block(None, FREED_BY[name], freed=True)))
        if not isinstance(pointer, Pointer):
            return
        block = self.state.blocks.get(pointer.block)
        if block is None:
            return
        if block.freed:
            self.tell("twice", node)
        elif block.made_by:
            self.state.blocks[pointer.block] = replace(block, freed=True)

    # --- copying ------------------------------------------------------------------------------

    def _copy(self, copy: Copy, node: Call, values: list[Known]) -> Known:
        to, source = values[0], values[1]
        length = self.ends_at(source)  # bytes of text before its end
        bound: Known = None
        if copy.bound is not None:
            given = values[copy.bound] if len(values) > copy.bound else None
            bound = (
                multiply(given, Number(copy.unit, copy.unit)) if isinstance(given, Number) else None
            )
        written: Known
        read: Known
        if not copy.stops:
            written = read = bound
        elif copy.bound is None:
            written = read = (
                Number(length + copy.unit, length + copy.unit)
                if length is not None
                else ANY_LENGTH
                if self._is_endless(source)
                else None
            )
        elif isinstance(bound, Number) and length is not None and bound.exact is not None:
            least = min(bound.exact, length + (0 if copy.appends else copy.unit))
            read = Number(least, least)
            written = Number(least + copy.unit, least + copy.unit) if copy.appends else bound
        else:
            read = None
            written = None if copy.appends else bound
        place = to
        if copy.appends:
            start = self.ends_at(to)
            if start is None:
                self._uses(values, node)
                self.set_text(to, None)
                return to
            place = self.moved(to, Number(start, start), 1) if isinstance(to, Pointer) else None
        self.access(place, written, node, writes=True)
        self.access(source, read, node, writes=False)
        self._copied(copy, place, bound, length)
        return to

    def _is_endless(self, source: Known) -> bool:
        block = self.state.blocks.get(source.block) if isinstance(source, Pointer) else None
        return block is not None and block.endless

    def _copied(self, copy: Copy, place: Known, bound: Known, length: int | None) -> None:
        """Say where the text in the target ends after a copy."""
        most = bound.exact if isinstance(bound, Number) else None
        if length is None:
            self.set_text(place, None)
        elif copy.bound is None or (most is not None and most > length):
            self.set_text(place, length)
        elif copy.appends and most is not None:
            self.set_text(place, min(most, length))
        else:
            self.set_text(place, None, filled=most or 0)

    def _fill(self, node: Call, values: list[Known], unit: int) -> Known:
        count = values[2]
        size = multiply(count, Number(unit, unit)) if isinstance(count, Number) else None
        self.access(values[0], size, node, writes=True)
        zero = isinstance(values[1], Number) and values[1].exact == 0
        exact = size.exact if isinstance(size, Number) else None
        if zero:
            self.set_text(values[0], 0)
        else:
            self.set_text(values[0], None, filled=exact or 0)
        return values[0]

    def initial(self, kind: str, size: int, value: Node | None) -> Block:
        """Return the storage of a declared array."""
        unit = self.layout.size(self.layout.pointed(kind))
        if isinstance(value, (Collection, Mapping)):
            counted = len(value.items) * unit if isinstance(value, Collection) else 0
            return Block(size or counted or None)
        if value is not None:
            held = self.value(value)
            if isinstance(held, Pointer):
                block = self.state.blocks.get(held.block)
                if block is not None and block.end is not None:
                    return Block(size or block.end + unit, end=block.end)
        return Block(size or None)
