"""What functions of libc do to memory: allocate, free, copy, fill, measure, read in.

Does not know statements. Guards that each function is described once, by what it writes and reads.
"""

from __future__ import annotations

from dataclasses import replace

from kodo.scan.checkers.formats import read_format
from kodo.scan.checkers.functions import (
    ALLOCATORS,
    ANY_LENGTH,
    BOUNDED,
    CLOSES,
    COPIES,
    ENDLESS,
    FILE_AT,
    FILLS,
    FREED_BY,
    LENGTHS,
    LETS_GO,
    MAY_FAIL,
    OPENS,
    OWNED,
    PARSERS,
    READERS,
    READS_TEXT,
    WIRE_NUMBERS,
    Copy,
)
from kodo.scan.checkers.layout import RANGES
from kodo.scan.checkers.linear import Linear, add_linear, scale_linear
from kodo.scan.checkers.machine import Machine
from kodo.scan.checkers.values import ANY_INT, Block, Known, Number, Pointer, multiply
from kodo.scan.ir import (
    Call,
    Cast,
    Collection,
    Field,
    Function,
    Index,
    Literal,
    Mapping,
    Module,
    Name,
    Node,
    Operation,
)


class Library(Machine):
    """Calls."""

    functions: dict[str, Function]
    unit: Module

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
        self._use_nullables(name, node, values)
        copy = COPIES.get(name)
        if name in self.functions:
            return self._follow(self.functions[name], node, values)
        if copy is not None and len(values) >= 2:
            return self._copy(copy, node, values)
        if name in FREED_BY:
            self._free(node, values, name)
            return None
        if name in ALLOCATORS or name == "realloc":
            return self._allocate(node, values, name)
        if name in CLOSES:
            for value in values:
                self.keep(value)
            return None
        if name in OPENS:
            return self.new_block(Block(None, OPENS[name], nullable=True))
        if name == "sprintf" and len(values) >= 2:
            return self._print(node, values)
        if node.creates:
            for value in values:
                self.keep(value)
            size = self.layout.size(name) if name else 0
            if not self._is_new(node):
                return None
            made = self.unit.classes.get(name)
            plain = name in RANGES or (made is not None and not made.methods and not made.bases)
            return self.new_block(Block(size or None, "new", kept=not plain))
        if name in FILLS and len(values) >= 3:
            return self._fill(node, values, FILLS[name])
        if name in BOUNDED:
            place, bound, unit = BOUNDED[name]
            if len(values) > bound:
                limit = values[bound]
                size = self._times(limit, unit)
                self.access(values[place], size, node, writes=True)
                self.set_text(values[place], None)
                self._fill_number(node.arguments[place])
                if name in READERS and isinstance(limit, Number) and limit.exact is not None:
                    return Number(0, max(0, limit.exact), reached=True, outside=True)
            return None
        if name in WIRE_NUMBERS:
            return Number(0, WIRE_NUMBERS[name], reached=True, outside=True)
        if name in ENDLESS:
            return self.new_block(Block(None, endless=True, nullable=True))
        if name in LENGTHS and values:
            end = self.ends_at(values[0])
            unit = LENGTHS[name]
            self._measured(node.arguments[0], values[0])
            self._uses(values, node)
            if end is not None:
                return Number(end // unit, end // unit)
            return self._length(values[0]) if unit == 1 else None
        if name in PARSERS:
            return ANY_INT
        if name in ("scanf", "fscanf"):
            self._scan(node)
            return None
        if name == "fread" and len(values) >= 3:
            self._read_in(node, values)
            return None
        self._uses(values, node)
        for argument in node.arguments:
            self._forget(argument)
        if name in LETS_GO:
            return None
        for value in values:
            self.asked_about(value)
            self.set_text(value, None)
            self.keep(value)
        self.forget_members()
        return None

    def _follow(self, function: Function, node: Call, values: list[Known]) -> Known:
        """Follow a function of the file; what it was given by reference may be anything."""
        result = self.inline(function, values)
        for argument, parameter in zip(node.arguments, function.parts.parameters, strict=False):
            written = self.text.latin[parameter.start : parameter.end]
            if "&" in written and isinstance(argument, Name):
                self.keep(self.read(argument.name))
                self.write(argument.name, None)
        return result

    def _use_nullables(self, name: str, node: Call, values: list[Known]) -> None:
        """Tell a null that a function which cannot take it may be given."""
        places = READS_TEXT.get(name, ())
        if name in FILE_AT:
            places = (*places, FILE_AT[name])
        for place in places:
            held = values[place] if place < len(values) else None
            if isinstance(held, Pointer):
                self.use_nullable(held, node)
            elif place < len(values):
                self.is_null(held, node.arguments[place], node)

    def _times(self, count: Known, unit: int) -> Known:
        if isinstance(count, Linear):
            return scale_linear(count, unit)
        return multiply(count, Number(unit, unit)) if isinstance(count, Number) else None

    def _length(self, value: Known) -> Known:
        """Return the length of a text that is unknown, but the same until it is changed."""
        if not isinstance(value, Pointer) or value.low or value.high or value.terms:
            return None
        block = self.state.blocks.get(value.block)
        if block is None or block.freed:
            return None
        if block.text is None:
            block = replace(block, text=self.fresh_number())
            self.state.blocks[value.block] = block
        return block.text

    def _fill_number(self, node: Node) -> None:
        """A number that is read in as bytes may be any of its type."""
        if isinstance(node, Operation) and node.operator == "address":
            inner = node.operands[0]
            bounds = RANGES.get(self.layout.alias(self.type_of(inner)))
            if isinstance(inner, Name) and bounds is not None:
                self.write(inner.name, Number(*bounds, reached=True, outside=True))

    def _read_in(self, node: Call, values: list[Known]) -> None:
        """Follow `fread(to, size, count, file)`."""
        size, count = values[1], values[2]
        whole: Known = None
        if isinstance(size, Number) and isinstance(count, Number):
            whole = multiply(size, count)
        elif isinstance(size, Number) and isinstance(count, Linear) and size.exact is not None:
            whole = scale_linear(count, size.exact)
        elif isinstance(count, Number) and isinstance(size, Linear) and count.exact is not None:
            whole = scale_linear(size, count.exact)
        self.access(values[0], whole, node, writes=True)
        self.set_text(values[0], None)
        self._fill_number(node.arguments[0])

    def _print(self, node: Call, values: list[Known]) -> Known:
        """Follow `sprintf(to, format, ...)`: what it writes at least."""
        form = node.arguments[1]
        length: int | None = None
        if isinstance(form, Literal) and isinstance(form.value, str):
            length, conversions = read_format(form.value)
            place = 2
            for one in conversions:
                held = values[place] if place < len(values) else None
                place += one.arguments
                if one.kind == "s":
                    end = self.ends_at(held)
                    if one.most is None and self._is_endless(held):
                        self.access(values[0], ANY_LENGTH, node, writes=True)
                        return None
                    length += max(one.least, end if end is not None and one.most is None else 0)
                else:
                    length += max(one.least, 1 if one.kind in "diuxXoc" else 0)
            self.access(values[0], Number(length + 1, length + 1), node, writes=True)
        self._uses(values, node)
        self.set_text(values[0], None)
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
        if isinstance(node, Name) and self.type_of(node).endswith("*"):
            held = self.read(node.name)
            if isinstance(held, Number):  # a macro or a reference may set it
                self.write(node.name, None)
        if isinstance(node, Operation) and node.operator == "address":
            inner = node.operands[0]
            if isinstance(inner, Name) and not self.type_of(inner).endswith("]"):
                held = self.read(inner.name)
                self.keep(held)
                if not (isinstance(held, Pointer) and self._is_struct(self.type_of(inner))):
                    self.write(inner.name, None)

    def _scan(self, node: Call) -> None:
        for argument in node.arguments[1:]:
            if isinstance(argument, Operation) and argument.operator == "address":
                inner = argument.operands[0]
                if isinstance(inner, Name):
                    kind = self.layout.alias(self.type_of(inner))
                    low, high = RANGES.get(kind, ANY_INT[:2])
                    self.write(inner.name, Number(low, high, reached=True, outside=True))

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
                self.state.blocks[old.block] = replace(
                    block, size=None, end=None, room=None, text=None, kept=True
                )
            size = values[1] if len(values) > 1 else None
            exact = size.exact if isinstance(size, Number) else None
            room = size if isinstance(size, Linear) else None
            return self.new_block(Block(exact, "malloc", room=room, nullable=True))
        size: Known = values[0] if values else None
        if name == "calloc" and len(values) == 2:
            one, other = values
            size = None
            if isinstance(one, Number) and isinstance(other, Number):
                size = multiply(one, other)
            elif isinstance(other, Number) and other.exact is not None:
                size = self._times(one, other.exact)
            elif isinstance(one, Number) and one.exact is not None:
                size = self._times(other, one.exact)
        exact = size.exact if isinstance(size, Number) else None
        made_by = "" if "alloca" in name and name != "xmalloc" and name != "malloc" else "malloc"
        if name == "calloc":
            made_by = "malloc"
        end = 0 if name == "calloc" else None
        room = size if isinstance(size, Linear) else None
        fails = name in MAY_FAIL
        return self.new_block(Block(exact, made_by, end=end, room=room, nullable=fails))

    def _free(self, node: Call, values: list[Known], name: str) -> None:
        pointer = values[0] if values else None
        argument = node.arguments[0] if node.arguments else None
        if pointer is None and isinstance(argument, Name) and argument.name in self.types:
            self.write(argument.name, self.new_block(Block(None, "given", freed=True)))
        if pointer is None and isinstance(argument, Field):
            holder = self.value(argument.object)
            if isinstance(holder, Pointer) and not (holder.low or holder.high or holder.terms):
                gone = self.new_block(Block(None, "given", freed=True))
                self.state.shared[f"{holder.block}.{argument.name}"] = gone
        if not isinstance(pointer, Pointer):
            return
        block = self.state.blocks.get(pointer.block)
        if block is None:
            return
        if block.freed:
            self.tell("twice", node)
        elif block.made_by in OWNED and block.made_by != FREED_BY[name]:
            self.tell("mismatched", node)
            self.keep(pointer)
        elif block.made_by == "file":
            self.keep(pointer)
        elif block.made_by and block.made_by != "local":
            self.state.blocks[pointer.block] = replace(block, freed=True)

    # --- copying ------------------------------------------------------------------------------

    def _copy(self, copy: Copy, node: Call, values: list[Known]) -> Known:
        to, source = values[0], values[1]
        length = self.ends_at(source)  # bytes of text before its end
        bound: Known = None
        if copy.bound is not None:
            given = values[copy.bound] if len(values) > copy.bound else None
            bound = self._times(given, copy.unit)
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
                else self._unknown_length(source, 1)
            )
        elif isinstance(bound, Number) and length is not None and bound.exact is not None:
            least = min(bound.exact, length + (0 if copy.appends else copy.unit))
            read = Number(least, least)
            written = Number(least + copy.unit, least + copy.unit) if copy.appends else bound
        else:
            read = None
            written = None if copy.appends else bound
        place = to
        if copy.appends and copy.bound is None and self._append_unknown(to, source, node):
            return to
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
        if copy.stops and copy.bound is None and length is None and copy.unit == 1:
            self._note_text(to, self._unknown_length(source, 0))
        return to

    def _unknown_length(self, source: Known, plus: int) -> Linear | None:
        """Return the length of a text that has been measured, and so much more."""
        if not isinstance(source, Pointer) or source.low or source.high or source.terms:
            return None
        block = self.state.blocks.get(source.block)
        if block is None or block.text is None:
            return None
        return Linear(block.text.terms, block.text.plus + plus)

    def _note_text(self, to: Known, text: Linear | None) -> None:
        if text is None or not isinstance(to, Pointer) or to.low or to.high or to.terms:
            return
        block = self.state.blocks.get(to.block)
        if block is not None:
            self.state.blocks[to.block] = replace(block, text=text)

    def _append_unknown(self, to: Known, source: Known, node: Call) -> bool:
        """Follow text of unknown length put behind text of unknown length."""
        first = self._unknown_length(to, 0)
        added = self._unknown_length(source, 1)
        end = self.ends_at(source)
        if first is None or not isinstance(to, Pointer):
            return False
        if added is None and end is not None:
            added = Linear((), end + 1)
        whole = add_linear(first, added) if added is not None else None
        if whole is None:
            return False
        self.access(to, whole, node, writes=True)
        self.set_text(to, None)
        self._note_text(to, Linear(whole.terms, whole.plus - 1))
        return True

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
        size = self._times(count, unit)
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
            return Block(size or counted or None, "local")
        if value is not None:
            held = self.value(value)
            if isinstance(held, Pointer):
                block = self.state.blocks.get(held.block)
                if block is not None and block.end is not None:
                    return Block(size or block.end + unit, "local", end=block.end)
        return Block(size or None, "local")
