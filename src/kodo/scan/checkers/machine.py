"""Expressions on abstract memory: pointers, offsets, reads and writes that lie outside or are late.

Does not know statements or library functions. Guards certainty: unknown values are never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kodo.scan.checkers.layout import RANGES, Layout
from kodo.scan.checkers.linear import Linear, add_linear, add_terms, scale_linear
from kodo.scan.checkers.values import (
    Block,
    Known,
    Number,
    Pointer,
    State,
    add,
    divide,
    multiply,
    subtract,
)
from kodo.scan.ir import (
    Array,
    Bind,
    Call,
    Cast,
    Choice,
    Collection,
    Do,
    Field,
    Index,
    Literal,
    Name,
    Node,
    Operation,
    Unknown,
)
from kodo.scan.ir import (
    Block as Statements,
)
from kodo.scan.text import SourceText

MAX_STEPS = 1500
LIMITS = {
    "INT_MAX": (1 << 31) - 1, "INT_MIN": -(1 << 31), "CHAR_MAX": 127, "CHAR_MIN": -128,
    "SHRT_MAX": (1 << 15) - 1, "SHRT_MIN": -(1 << 15), "UINT_MAX": (1 << 32) - 1,
    "LLONG_MAX": (1 << 63) - 1, "LLONG_MIN": -(1 << 63), "INT64_MAX": (1 << 63) - 1,
    "INT64_MIN": -(1 << 63), "UCHAR_MAX": 255, "true": 1, "false": 0,
}  # fmt: skip

Tell = Callable[[str, Node], None]
"""Takes a word (the keys of `RULES` in `memory.py`) and where it happens."""


TESTS = frozenset({"and", "or", "not", "==", "!=", "<", "<=", ">", ">="})


class Spent(Exception):
    """The budget of one run is used up."""


class Machine:
    """Evaluation of expressions; `types` are the declared types of the variables around."""

    def __init__(
        self, text: SourceText, layout: Layout, constants: dict[str, int], tell: Tell
    ) -> None:
        self.text = text
        self.layout = layout
        self.constants = constants
        self.tell = tell
        self.state = State()
        self.types: dict[str, str] = {}
        self.shared_types: dict[str, str] = {}
        self.steps = 0
        self.depth = 0
        self.last_block = 0
        self.shared_arrays: dict[str, int] = {}
        self.ended = False  # a function that was followed has ended the program
        self.unsure = 0  # how many unknown tests decide whether what is looked at happens
        self.arguments_measured = False
        self._evaluators: dict[type[Node], Callable[..., Known]] = {
            Literal: self._literal,
            Call: self.call,
            Cast: self._cast,
            Operation: self._operation,
            Index: self._load,
            Field: self._load,
            Bind: self._bind,
            Array: self._array,
            Choice: self._choice,
            Do: self._do,
            Collection: self._items,
            Unknown: self._children,
        }

    # --- what upper parts do ----------------------------------------------------------------

    def call(self, node: Call) -> Known:
        """Return what a call gives, with what it does to memory."""
        raise NotImplementedError

    def execute(self, block: Statements) -> bool:
        """Run statements; return whether the path goes on behind them."""
        raise NotImplementedError

    # --- blocks -----------------------------------------------------------------------------

    def new_block(self, block: Block) -> Pointer:
        """Return a pointer to new storage."""
        self.last_block += 1
        self.state.blocks[self.last_block] = block
        return Pointer(self.last_block)

    def access(self, pointer: Known, size: Known, node: Node, *, writes: bool) -> None:
        """Tell where `size` bytes at a pointer are outside of its block, or the block is gone."""
        if not isinstance(pointer, Pointer):
            return
        block = self.state.blocks.get(pointer.block)
        if block is None:
            return
        if block.freed:
            self.tell("freed", node)
            return
        if block.nullable:
            self.use_nullable(pointer, node)
        if pointer.terms or isinstance(size, Linear):
            self._access_unknown(pointer, block, size, node, writes=writes)
            return
        if block.size is None or not isinstance(size, Number) or not pointer.reached:
            return
        if not size.reached or size.high <= 0:
            return
        if pointer.low < 0 or pointer.high + size.high > block.size:
            chosen = pointer.outside or size.outside
            self.tell("chosen" if chosen else "overwrite" if writes else "overread", node)

    def _access_unknown(
        self, pointer: Pointer, block: Block, size: Known, node: Node, *, writes: bool
    ) -> None:
        """Tell what is outside however large the unknown numbers are: they cancel out."""
        room = block.room or (Linear((), block.size) if block.size is not None else None)
        if isinstance(size, Number) and size.exact is not None:
            size = Linear((), size.exact)
        if room is None or not isinstance(size, Linear) or pointer.low != pointer.high:
            return
        end = add_linear(Linear(pointer.terms, pointer.low), size)
        over = add_linear(end, room, -1) if end is not None else None
        if over is not None and not over.terms and over.plus > 0 and pointer.reached:
            self.tell("overwrite" if writes else "overread", node)

    def use_nullable(self, pointer: Pointer, node: Node) -> None:
        """Tell the first use of what may be null; asked about or used, it is no longer news."""
        block = self.state.blocks.get(pointer.block)
        if block is not None and block.nullable:
            self.tell("null", node)
            self.state.blocks[pointer.block] = replace(block, nullable=False)

    def is_null(self, value: Known, node: Node, use: Node) -> None:
        """Tell the use of a pointer that is null on this way."""
        if self.unsure or not isinstance(value, Number) or not isinstance(node, Name):
            return
        is_pointer = self.type_of(node).endswith("*") and node.name not in self.shared_types
        if value.low == value.high == 0 and is_pointer:
            self.tell("isnull", use)

    def asked_about(self, value: Known) -> None:
        """A pointer that a test looks at is not used blindly."""
        if isinstance(value, Pointer):
            block = self.state.blocks.get(value.block)
            if block is not None and block.nullable:
                self.state.blocks[value.block] = replace(block, nullable=False)

    def keep(self, value: Known) -> None:
        """What a value points at is held elsewhere from now on."""
        if isinstance(value, Pointer):
            self.state.keep(value.block)

    def fresh_number(self) -> Linear:
        """Return a number that is unknown, but equal to itself."""
        self.last_block += 1
        return Linear(((self.last_block, 1),))

    def ends_at(self, pointer: Known) -> int | None:
        """Return how many bytes of text are behind a pointer, None where unknown."""
        if not isinstance(pointer, Pointer) or pointer.low != pointer.high or pointer.terms:
            return None
        block = self.state.blocks.get(pointer.block)
        if block is None or block.end is None or block.end < pointer.low:
            return None
        return block.end - pointer.low

    def set_text(self, pointer: Known, end: int | None, filled: int = 0) -> None:
        """Say where the text in a pointer's block ends from now on, counted from the pointer."""
        if not isinstance(pointer, Pointer):
            return
        block = self.state.blocks.get(pointer.block)
        if block is None:
            return
        exact = pointer.low == pointer.high and not pointer.terms
        found = pointer.low + end if end is not None and exact else None
        known = pointer.low + filled if filled and exact and block.filled >= pointer.low else 0
        self.state.blocks[pointer.block] = replace(block, end=found, filled=known, text=None)

    def write_byte(self, pointer: Known, value: Known) -> None:
        """Follow one element's write: a zero ends text."""
        if not isinstance(pointer, Pointer):
            return
        block = self.state.blocks.get(pointer.block)
        if block is None:
            return
        if block.text is not None or pointer.terms:
            self.state.blocks[pointer.block] = block = replace(block, text=None)
        if pointer.terms:
            self.state.blocks[pointer.block] = replace(block, end=None, filled=0)
        elif isinstance(value, Number) and value.exact == 0 and pointer.low == pointer.high:
            place = pointer.low
            if block.filled >= place or (block.end is not None and place < block.end):
                self.state.blocks[pointer.block] = replace(block, end=place)
        elif block.end is not None and not (pointer.low == pointer.high < block.end):
            self.state.blocks[pointer.block] = replace(block, end=None, filled=0)

    # --- names ------------------------------------------------------------------------------

    def type_of(self, node: Node) -> str:
        """Return the declared type of an expression, "" where unknown."""
        if isinstance(node, Name):
            return self.types.get(node.name) or self.shared_types.get(node.name, "")
        if isinstance(node, Cast):
            return node.type
        if isinstance(node, Index):
            return self.layout.pointed(self.type_of(node.object))
        if isinstance(node, Field):
            return self.layout.field(self.type_of(node.object), node.name)
        if isinstance(node, Operation):
            if node.operator == "deref":
                return self.layout.pointed(self.type_of(node.operands[0]))
            if node.operator == "address":
                inner = self.type_of(node.operands[0])
                return f"{inner}*" if inner else ""
            kinds = [self.type_of(operand) for operand in node.operands]
            for kind in kinds:
                if kind.endswith(("*", "]")):
                    return kind
            return max(kinds, key=lambda kind: self.layout.size(kind) if kind else 0)
        if isinstance(node, Literal) and isinstance(node.value, str):
            return "wchar_t*" if self.is_wide(node) else "char*"
        return ""

    def is_wide(self, node: Node) -> bool:
        """Whether a literal is of wide characters."""
        return self.text.latin[node.start : node.start + 1] == "L"

    def element_size(self, node: Node) -> int:
        """Return the bytes of what an expression points at; 1 where unknown."""
        kind = self.layout.pointed(self.type_of(node))
        return self.layout.size(kind) if kind else 1

    def read(self, name: str) -> Known:
        """Return what a variable holds."""
        variables = self.state.variables
        if name in variables:
            return variables[name]
        if name in self.state.shared:
            return self.state.shared[name]
        if name in self.shared_arrays and name not in self.types:
            made = self.new_block(Block(self.shared_arrays[name]))
            self.state.shared[name] = made
            return made
        constant = self.constants.get(name, LIMITS.get(name))
        return Number(constant, constant) if constant is not None else None

    def write(self, name: str, value: Known) -> None:
        """Set a variable."""
        if name in self.shared_types and name not in self.types:
            self.state.shared[name] = value
            self.keep(value)
        else:
            self.state.variables[name] = value

    def path(self, node: Node) -> str:
        """Return a name for a field of a variable: `a.b`, "" where there is none."""
        if isinstance(node, Name):
            return node.name
        if isinstance(node, Field):
            inner = self.path(node.object)
            return f"{inner}.{node.name}" if inner else ""
        return ""

    # --- expressions --------------------------------------------------------------------------

    def value(self, node: Node) -> Known:
        """Return the value of an expression."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Spent
        kind = type(node)
        if kind is Name:
            return self.read(node.name)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        evaluator = self._evaluators.get(kind)
        if evaluator is None or self.depth > 60:
            self._keep_below(node)
            return None
        self.depth += 1
        try:
            return evaluator(node)
        finally:
            self.depth -= 1

    def _keep_below(self, node: Node) -> None:
        """What an expression that is not followed mentions may be held by it."""
        pending: list[object] = [node]
        while pending:
            one = pending.pop()
            if isinstance(one, list):
                pending.extend(one)  # pyright: ignore[reportUnknownArgumentType]
            elif isinstance(one, Name):
                self.keep(self.state.variables.get(one.name))
            elif isinstance(one, Node):
                pending.extend(getattr(one, name) for name in one.__struct_fields__[2:])

    def _cast(self, node: Cast) -> Known:
        return self.value(node.value)

    def _choice(self, node: Choice) -> Known:
        self.asked_about(self.value(node.test))
        self.unsure += 1
        then, otherwise = self.value(node.then), self.value(node.otherwise)
        self.unsure -= 1
        if then == otherwise:
            return then
        self.keep(then)
        self.keep(otherwise)
        return None

    def _do(self, node: Do) -> Known:
        self.execute(node.body)
        return self.value(node.result) if node.result is not None else None

    def _items(self, node: Collection) -> Known:
        for child in node.items:
            self.keep(self.value(child))
        return None

    def _children(self, node: Unknown) -> Known:
        for child in node.children:
            self.keep(self.value(child))
        return None

    def _literal(self, node: Literal) -> Known:
        constant = node.value
        if constant is None:
            return Number(0, 0)
        if isinstance(constant, (bool, int)):
            return Number(int(constant), int(constant))
        if isinstance(constant, str):
            unit = 4 if self.is_wide(node) else 1
            size = len(constant.encode("utf-8", "replace")) if unit == 1 else len(constant) * unit
            return self.new_block(Block(size + unit, end=size))
        return None

    def _array(self, node: Array) -> Known:
        length = self.value(node.length) if node.length is not None else None
        size = length.exact if isinstance(length, Number) and length.reached else None
        element = self.layout.size(node.element) if node.element else 1
        room = scale_linear(length, element) if isinstance(length, Linear) else None
        whole = size * element if size is not None else None
        return self.new_block(Block(whole, "new[]", room=room))

    def _bind(self, node: Bind) -> Known:
        old = self.value(node.target) if node.gives_old else None
        value = self.value(node.value)
        self.store(node.target, value)
        return old if node.gives_old else value

    def _operation(self, node: Operation) -> Known:
        operator, operands = node.operator, node.operands
        if operator == "address":
            return self._address(operands[0])
        if operator == "deref":
            pointer = self.value(operands[0])
            self.is_null(pointer, operands[0], node)
            size = self.element_size(operands[0])
            self.access(pointer, Number(size, size), node, writes=False)
            return None
        if operator in ("and", "or"):
            return self._short(operator, operands)
        values: list[Known] = []
        for operand in operands:
            one = self.value(operand)
            values.append(one)
            if operator in TESTS:
                self.asked_about(one)
        if len(values) == 1:
            only = values[0]
            if isinstance(only, Pointer) and operator == "not":
                return Number(0, 0)
            if isinstance(only, Number):
                if operator == "-":
                    return Number(-only.high, -only.low, only.reached, only.outside)
                if operator == "not" and only.exact is not None:
                    return Number(int(only.exact == 0), int(only.exact == 0))
            return None
        result = values[0]
        for operand, right in zip(operands[1:], values[1:], strict=True):
            result = self._pair(operator, result, right, operands[0], operand)
        if isinstance(result, Number) and operator in ("+", "-", "*") and result.outside:
            self._wraps(node, result)
        return result

    def _short(self, operator: str, operands: list[Node]) -> Known:
        """Return what `and` or `or` gives; what an operand before it decides is not looked at."""
        decisive = operator == "or"
        before, is_open = self.unsure, False
        for operand in operands:
            one = self.value(operand)
            self.asked_about(one)
            truth = _truth(one)
            if truth is decisive:
                self.unsure = before
                return None if is_open else Number(int(decisive), int(decisive))
            if truth is None:
                is_open = True
                self.unsure += 1
        self.unsure = before
        return None if is_open else Number(int(not decisive), int(not decisive))

    def _pair(self, operator: str, left: Known, right: Known, one: Node, other: Node) -> Known:
        if isinstance(left, Pointer) and isinstance(right, Number) and operator in ("+", "-"):
            return self.moved(left, right, self.element_size(one), negative=operator == "-")
        if isinstance(right, Pointer) and isinstance(left, Number) and operator == "+":
            return self.moved(right, left, self.element_size(other))
        if isinstance(left, Pointer) and isinstance(right, Pointer) and operator == "-":
            same = left.block == right.block and left.low == left.high and right.low == right.high
            same = same and left.terms == right.terms
            return Number(left.low - right.low, left.low - right.low) if same else None
        if operator in ("==", "!=", "<", "<=", ">", ">="):
            return compared(operator, left, right)
        if isinstance(left, Linear) or isinstance(right, Linear):
            return self._unknown_pair(operator, left, right, one, other)
        if isinstance(left, Number) and isinstance(right, Number):
            if operator == "+":
                return add(left, right)
            if operator == "-":
                return subtract(left, right)
            if operator == "*":
                return multiply(left, right)
            if operator == "/":
                return divide(left, right)
        return None

    def _unknown_pair(
        self, operator: str, left: Known, right: Known, one: Node, other: Node
    ) -> Known:
        """Return sums and multiples of numbers that are unknown but comparable."""
        if isinstance(left, Pointer) and isinstance(right, Linear) and operator in ("+", "-"):
            return self.moved(left, right, self.element_size(one), negative=operator == "-")
        if isinstance(right, Pointer) and isinstance(left, Linear) and operator == "+":
            return self.moved(right, left, self.element_size(other))
        first, second = _as_linear(left), _as_linear(right)
        if first is None or second is None:
            return None
        if operator in ("+", "-"):
            return add_linear(first, second, 1 if operator == "+" else -1)
        if operator == "*" and not second.terms:
            return scale_linear(first, second.plus)
        if operator == "*" and not first.terms:
            return scale_linear(second, first.plus)
        return None

    def _wraps(self, node: Operation, result: Number) -> None:
        kind = self.type_of(node)
        bounds = RANGES.get(self.layout.alias(kind) if kind else "int")
        if (
            bounds is not None
            and result.reached
            and not (bounds[0] <= result.low and result.high <= bounds[1])
        ):
            self.tell("wraps", node)

    def moved(
        self, pointer: Pointer, by: Number | Linear, unit: int, *, negative: bool = False
    ) -> Pointer:
        """Return a pointer some elements further."""
        if isinstance(by, Linear):
            step = scale_linear(by, -unit if negative else unit)
            return pointer._replace(
                low=pointer.low + step.plus,
                high=pointer.high + step.plus,
                terms=add_terms(pointer.terms, step.terms),
            )
        low, high = (-by.high, -by.low) if negative else (by.low, by.high)
        return Pointer(
            pointer.block,
            pointer.low + low * unit,
            pointer.high + high * unit,
            pointer.reached and by.reached,
            pointer.outside or by.outside,
            pointer.terms,
        )

    def _address(self, node: Node) -> Known:
        if isinstance(node, Index):
            return self._place(node)[0]
        if isinstance(node, Operation) and node.operator == "deref":
            return self.value(node.operands[0])
        held = self.value(node)
        kind = self.type_of(node)
        if isinstance(held, Pointer) and (kind.endswith("]") or self._is_struct(kind)):
            return held
        return None

    def _is_struct(self, kind: str) -> bool:
        return bool(kind) and not kind.endswith(("*", "]")) and self.layout.field(kind, "") == ""

    # --- places -------------------------------------------------------------------------------

    def _place(self, node: Index) -> tuple[Known, int]:
        """Return the address of an item and how many bytes it has."""
        base = self.value(node.object)
        key = self.value(node.key)
        size = self.element_size(node.object)
        self.is_null(base, node.object, node)
        if isinstance(base, Pointer) and isinstance(key, (Number, Linear)):
            return self.moved(base, key, size), size
        if isinstance(base, Pointer):
            block = self.state.blocks.get(base.block)
            if block is not None and (block.freed or block.nullable):
                return base, size
        return None, size

    def _load(self, node: Index | Field) -> Known:
        if isinstance(node, Index):
            if self._is_argument(node):
                return self.new_block(Block(None, endless=True))
            place, size = self._place(node)
            if self.layout.pointed(self.type_of(node.object)).endswith("]"):
                return place  # a row of a matrix
            self.access(place, Number(size, size), node, writes=False)
            return None
        holder = self.value(node.object)
        self.is_null(holder, node.object, node)
        kind = self.type_of(node)
        if isinstance(holder, Pointer):
            if self.gone(holder, node):
                return None
            self._reach(holder, node, writes=False)
            if holder.low or holder.high or holder.terms:
                return None
            return self._member(f"{holder.block}.{node.name}", holder, kind)
        name = self.path(node)
        if kind.endswith("]"):
            return self._member(name, None, kind) if name else None
        return self.read(name) if name else None

    def _member(self, key: str, holder: Pointer | None, kind: str) -> Known:
        """Return what a field holds; arrays and numbers are made when they are first asked for."""
        fields = self.state.variables if holder is None else self.state.shared
        known = fields.get(key)
        if known is None and kind.endswith("]") and self.layout.is_sized(kind):
            known = fields[key] = self.new_block(Block(self.layout.size(kind)))
        elif known is None and key not in fields and kind in RANGES and holder is not None:
            block = self.state.blocks.get(holder.block)
            if block is not None and block.made_by == "given":
                known = fields[key] = self.fresh_number()
        return known

    def gone(self, holder: Pointer, node: Node) -> bool:
        """Tell the use of what has been freed or may be null; return whether it has been freed."""
        block = self.state.blocks.get(holder.block)
        if block is None:
            return False
        if block.freed:
            self.tell("freed", node)
            return True
        if block.nullable:
            self.use_nullable(holder, node)
        return False

    def _reach(self, holder: Pointer, node: Field, *, writes: bool) -> None:
        """Tell a field that lies behind the storage that a pointer to a struct got."""
        block = self.state.blocks.get(holder.block)
        if block is None or block.made_by != "malloc" or block.size is None or holder.terms:
            return
        kind = self.type_of(node.object)
        whole = self.layout.field(kind, node.name) and self.layout.size(kind.removesuffix("*"))
        if whole and holder.low == 0 and block.size in (8, 4) and whole > block.size * 2:
            self.tell("overwrite" if writes else "overread", node)

    def forget_members(self) -> None:
        """Fields may be anything: code that is not followed has run. Arrays stay where they are."""
        for key, held in list(self.state.shared.items()):
            if isinstance(held, Number) and held.low == held.high == 0:
                del self.state.shared[key]
            elif key[0].isdigit() and not self._is_array(held):
                self.keep(held)
                del self.state.shared[key]

    def _is_array(self, held: Known) -> bool:
        block = self.state.blocks.get(held.block) if isinstance(held, Pointer) else None
        return block is not None and block.size is not None and block.made_by in ("", "local")

    def _is_argument(self, node: Index) -> bool:
        """Whether an item is one of the program's arguments, of any length."""
        array = node.object
        return (
            isinstance(array, Name)
            and array.name == "argv"
            and not self.arguments_measured
            and self.read("argv") is None
            and self.types.get("argv", "")[-2:] in ("**", "*]", "[]")
        )

    def store(self, target: Node, value: Known) -> None:
        """Write a value to a target."""
        if isinstance(target, Name):
            self.write(target.name, value)
        elif isinstance(target, Index):
            place, size = self._place(target)
            self.keep(value)
            self.access(place, Number(size, size), target, writes=True)
            if isinstance(target.object, Name) and place is None:
                self.write_byte(self.value(target.object), None)
            else:
                self.write_byte(place, value)
        elif isinstance(target, Operation) and target.operator == "deref":
            pointer = self.value(target.operands[0])
            self.is_null(pointer, target.operands[0], target)
            size = self.element_size(target.operands[0])
            self.keep(value)
            self.access(pointer, Number(size, size), target, writes=True)
            self.write_byte(pointer, value)
        elif isinstance(target, Field):
            holder = self.value(target.object)
            self.is_null(holder, target.object, target)
            self.keep(value)
            if isinstance(holder, Pointer):
                self.gone(holder, target)
                self._reach(holder, target, writes=True)
                if not (holder.low or holder.high or holder.terms):
                    self.state.shared[f"{holder.block}.{target.name}"] = value
                return
            name = self.path(target)
            if name:
                self.state.variables[name] = value
        elif isinstance(target, Cast):
            self.store(target.value, value)


def compared(operator: str, left: Known, right: Known) -> Known:
    """Return 1 or 0 where the comparison is decided, None otherwise. No storage is null."""
    if isinstance(left, Pointer) and isinstance(right, Number) and right.exact == 0:
        if operator in ("==", "!="):
            return Number(int(operator == "!="), int(operator == "!="))
        return None
    if isinstance(left, Linear) and isinstance(right, Linear):
        apart = add_linear(left, right, -1)
        if apart is None or apart.terms:
            return None
        left, right = Number(apart.plus, apart.plus), Number(0, 0)
    if not isinstance(left, Number) or not isinstance(right, Number):
        return None
    if operator in (">", ">="):
        left, right = right, left
        operator = "<" if operator == ">" else "<="
    if operator in ("==", "!="):
        if left.exact is not None and left.exact == right.exact:
            return Number(int(operator == "=="), int(operator == "=="))
        if left.high < right.low or right.high < left.low:
            return Number(int(operator == "!="), int(operator == "!="))
        return None
    holds = left.high < right.low if operator == "<" else left.high <= right.low
    fails = left.low >= right.high if operator == "<" else left.low > right.high
    return Number(1, 1) if holds else Number(0, 0) if fails else None


def _truth(value: Known) -> bool | None:
    if isinstance(value, Pointer):
        return True
    exact = value.exact if isinstance(value, Number) else None
    return None if exact is None else exact != 0


def _as_linear(value: Known) -> Linear | None:
    if isinstance(value, Linear):
        return value
    exact = value.exact if isinstance(value, Number) else None
    return Linear((), exact) if exact is not None else None
