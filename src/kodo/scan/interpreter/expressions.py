"""Expressions: what each gives, given the state.

Does not know what calls do (a level above) or statements. Guards the stack: past MAX_DEPTH levels,
counted through all calls, a value is unknown and the run says that it is partial.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.operations.containers import extended
from kodo.scan.interpreter.operators import Operators
from kodo.scan.interpreter.values import (
    UNKNOWN,
    Cells,
    Target,
    Value,
    changed,
    join_taints,
    join_values,
)
from kodo.scan.ir import (
    Array,
    Bind,
    Block,
    Call,
    Cast,
    Choice,
    Closure,
    Collection,
    Comprehension,
    Default,
    Do,
    Field,
    Index,
    Keyword,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Pair,
    Slice,
    Spread,
    Text,
    Unknown,
    Yield,
)

MAX_DEPTH = 130


class Expressions(Operators):
    """Evaluation of expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.partial = ""
        self._evaluators: dict[type[Node], Callable[..., Value]] = {
            Field: self._field,
            Index: self._index,
            Slice: self._slice,
            Spread: self._spread,
            Call: self.call,
            Operation: self._operation,
            Text: self._text,
            Choice: self._choice,
            Collection: self._collection,
            Mapping: self._mapping,
            Pair: self._unknown_pair,
            Keyword: self._keyword,
            Comprehension: self._comprehension,
            Closure: self._closure,
            Bind: self._bind,
            Do: self._do,
            Cast: self._cast,
            Array: self._array,
            Default: self._default,
            Yield: self._yield,
            Unknown: self._unknown,
        }

    # --- what upper parts do ----------------------------------------------------------------

    def call(self, node: Call) -> Value:
        """Return what a call gives."""
        raise NotImplementedError

    def assign(self, target: Node, value: Value, node: Node) -> None:
        """Write a value to a target."""
        raise NotImplementedError

    def execute(self, block: Block) -> None:
        """Run statements."""
        raise NotImplementedError

    def cast(self, type_name: str, value: Value) -> Value:
        """Return a value as one of a declared type."""
        raise NotImplementedError

    # --- dispatch ---------------------------------------------------------------------------

    def evaluate(self, node: Node) -> Value:
        """Return the value of an expression (or run a statement in its place)."""
        kind = type(node)
        if kind is Literal:
            return Value(node.value)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        if kind is Name:
            return self.read_name(node.name, node)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        if self.depth >= MAX_DEPTH:
            self.partial = self.partial or "nested too deeply"
            return UNKNOWN
        self.depth += 1
        evaluator = self._evaluators.get(kind)
        if evaluator is None:  # a statement among the children of unknown syntax
            self.execute([node])
            value = UNKNOWN
        else:
            value = evaluator(node)
        self.depth -= 1
        return value

    # --- names, fields, items -----------------------------------------------------------------

    def _field(self, node: Field) -> Value:
        return self.read_field(self.evaluate(node.object), node.name, node)

    def _index(self, node: Index) -> Value:
        return self.read_item(self.evaluate(node.object), self.evaluate(node.key), node)

    def _slice(self, node: Slice) -> Value:
        value = self.evaluate(node.object)
        bounds = [
            self.evaluate(bound).constant if bound is not None else None
            for bound in (node.low, node.high, node.step)
        ]
        known = all(
            bound is None or (isinstance(bound, int) and bound != 0) or bound == 0
            for bound in bounds
        )
        if known and bounds[2] != 0:
            low, high, step = (bound if isinstance(bound, int) else None for bound in bounds)
            if isinstance(value.constant, (str, bytes)):
                return Value(value.constant[low:high:step])
            cells = self.cells(value.cell)
            if cells is not None and cells.exact and cells.kind in ("list", "tuple"):
                kept = list(cells.items.values())[low:high:step]
                return self.container(cells.kind, dict(enumerate(kept)))
        taints = changed(self.data_of(value), node.start)
        return Value(taints=taints, name=value.name) if taints is not None else UNKNOWN

    def _spread(self, node: Spread) -> Value:
        return self.elements_of(self.evaluate(node.value), node)

    # --- operators ------------------------------------------------------------------------------

    # --- composite values -----------------------------------------------------------------------

    def _collection(self, node: Collection) -> Value:
        cells = Cells(node.kind, {})
        for item in node.items:
            if isinstance(item, Spread):
                cells = extended(self, cells, self.evaluate(item.value))
            elif cells.exact:
                cells.items[len(cells.items)] = self.evaluate(item)
            else:
                value = self.evaluate(item)
                rest = value if cells.rest is None else join_values(cells.rest, value)
                cells = Cells(cells.kind, cells.items, rest, exact=False)
        return Value(cell=self.new_cell(cells))

    def _mapping(self, node: Mapping) -> Value:
        cells = Cells("map", {})
        for pair in node.pairs:
            value = self.evaluate(pair.value)
            if pair.key is None:
                cells = extended(self, cells, value)
                continue
            key = self.key_of(self.evaluate(pair.key))
            if key is not None:
                cells.items[key] = value
            else:
                rest = value if cells.rest is None else join_values(cells.rest, value)
                cells = Cells("map", cells.items, rest, exact=False)
        return Value(cell=self.new_cell(cells))

    def _unknown_pair(self, node: Pair) -> Value:
        if node.key is not None:
            self.evaluate(node.key)
        return self.evaluate(node.value)

    def _keyword(self, node: Keyword) -> Value:
        return self.evaluate(node.value)

    def _comprehension(self, node: Comprehension) -> Value:
        frame = self.frame
        before = frame.state
        if before is None:
            return UNKNOWN
        frame.state = before.copy()
        for clause in node.clauses:
            elements = self.elements_of(self.evaluate(clause.iterable), clause.iterable)
            self.assign(clause.target, elements, clause)
            for test in clause.tests:
                shown = self.evaluate(test)
                if shown.proof is not None:
                    self.assume(shown.proof.when_true)
        values = [self.evaluate(element) for element in node.elements]
        before.heap.take(frame.live.heap)
        frame.state = before
        rest = values[-1] if values else UNKNOWN
        kind = "map" if node.kind == "map" else "list"
        return Value(cell=self.new_cell(Cells(kind, {}, rest, exact=False)))

    def _closure(self, node: Closure) -> Value:
        frame = self.frame
        frame.pending.append((node.function, frame))
        return Value(target=Target(node.function, frame.unit, None, frame))

    def _bind(self, node: Bind) -> Value:
        old = self.evaluate(node.target) if node.gives_old else UNKNOWN
        value = self.evaluate(node.value)
        self.assign(node.target, value, node)
        return old if node.gives_old else value

    def _do(self, node: Do) -> Value:
        self.execute(node.body)
        return self.evaluate(node.result) if node.result is not None else UNKNOWN

    def _cast(self, node: Cast) -> Value:
        return self.cast(node.type, self.evaluate(node.value))

    def _array(self, node: Array) -> Value:
        if node.length is not None:
            self.evaluate(node.length)
        return Value(cell=self.new_cell(Cells("list", {}, None, exact=False)))

    def _default(self, node: Default) -> Value:
        return join_values(self.evaluate(node.target), self.evaluate(node.value))

    def _yield(self, node: Yield) -> Value:
        if node.value is not None:
            value = self.evaluate(node.value)
            frame = self.frame
            frame.returned = value if frame.returned is None else join_values(frame.returned, value)
        return UNKNOWN

    def _unknown(self, node: Unknown) -> Value:
        taints = None
        for child in node.children:
            value = self.evaluate(child)
            taints = join_taints(taints, self.data_of(value))
        taints = changed(taints, node.start, certain=False)
        return Value(taints=taints) if taints is not None else UNKNOWN
