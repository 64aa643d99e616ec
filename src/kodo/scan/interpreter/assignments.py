"""Assignments: what is written where, through names, fields, items and patterns.

Does not know control flow. Guards that sinks which are written to (`x.innerHTML = ...`) are judged.
"""

from __future__ import annotations

from kodo.scan.interpreter.calls import Calls
from kodo.scan.interpreter.fold import fold_binary
from kodo.scan.interpreter.operations.containers import extended
from kodo.scan.interpreter.operators import NUMBERS_ONLY
from kodo.scan.interpreter.proofs import negated
from kodo.scan.interpreter.site import short_name
from kodo.scan.interpreter.values import (
    BUILT,
    UNKNOWN,
    VARIES,
    Cells,
    Target,
    Value,
    join_values,
    narrowed,
)
from kodo.scan.ir import (
    Assign,
    Collection,
    Declare,
    Default,
    Define,
    DefineClass,
    Field,
    Index,
    Literal,
    Mapping,
    Name,
    Node,
    Operation,
    Scope,
    Slice,
    Spread,
)


class Assignments(Calls):
    """Writing to targets."""

    def _assign(self, node: Assign) -> None:
        frame = self.frame
        before, frame.into = frame.into, short_name(node.target) or frame.into
        value = self.evaluate(node.value)
        frame.into = before
        if node.operator:
            value = self._augmented(node, value)
        self.assign(node.target, value, node)

    def _augmented(self, node: Assign, value: Value) -> Value:
        old = self.evaluate(node.target)
        if node.operator in ("??", "||", "&&", "or", "and"):
            return join_values(old, value)
        if node.operator == "+" and old.cell:
            cells = self.cells(old.cell)
            if cells is not None and cells.kind == "list":
                self.store(old.cell, extended(self, cells, value))
                return old
            if cells is not None and cells.kind == "builder":
                held = Value(taints=self.union([cells.rest or UNKNOWN, value], node))
                self.store(old.cell, Cells("builder", {}, held, exact=False))
                return old
        constant = fold_binary(
            node.operator, old.constant, value.constant, self.frame.unit.semantics
        )
        if constant is not VARIES:
            return Value(constant)
        if node.operator in NUMBERS_ONLY:
            return UNKNOWN
        name = old.name
        if node.operator == "+" and (
            isinstance(old.constant, str) or isinstance(value.constant, str) or value.name == BUILT
        ):
            name = BUILT
        return Value(taints=self.union([old, value], node), name=name)

    def _declare(self, node: Declare) -> None:
        frame = self.frame
        names = [node.target.name] if isinstance(node.target, Name) else _names(node.target)
        frame.declared.update(names)
        for length in node.lengths:
            if length is not None:
                self.evaluate(length)
        if node.value is None:
            if isinstance(node.target, Name) and node.lengths:  # storage that others may point at
                cell = self.new_cell(Cells("list", {}, exact=False))
                self.write_name(node.target.name, Value(cell=cell))
            elif isinstance(node.target, Name) and node.type:
                self.write_name(node.target.name, self.cast(node.type, UNKNOWN))
            return
        before, frame.into = frame.into, short_name(node.target) or frame.into
        value = self.evaluate(node.value)
        frame.into = before
        self.assign(node.target, self.cast(node.type, value) if node.type else value, node)

    def assign(self, target: Node, value: Value, node: Node) -> None:
        """Write a value to a name, field, item or pattern."""
        if isinstance(target, Name):
            if value.taints is not None:
                taints = self.step(value.taints, target, f"assigned to {target.name}")
                value = Value(
                    value.constant, taints, value.name, value.cell, value.target, value.proof
                )
            self.write_name(target.name, value)
        elif isinstance(target, Field):
            holder = self.evaluate(target.object)
            self.judge_write(target, holder, None, value)
            self.put(self.ensure_cell(target.object, holder), target.name, value)
        elif isinstance(target, Index):
            holder, key = self.evaluate(target.object), self.evaluate(target.key)
            self.judge_write(target, holder, key, value)
            self.put(self.ensure_cell(target.object, holder, "map"), self.key_of(key), value)
        elif isinstance(target, Slice):
            holder = self.evaluate(target.object)
            cell = self.ensure_cell(target.object, holder, "list")
            self.put(cell, None, Value(taints=self.data_of(value)))
        elif isinstance(target, Collection):
            self._destructure(target, value, node)
        elif isinstance(target, Mapping):
            for pair in target.pairs:
                key = pair.key.value if isinstance(pair.key, Literal) else None
                if isinstance(key, str):
                    self.assign(pair.value, self.read_field(value, key, pair), node)
                else:
                    self.assign(pair.value, Value(taints=self.data_of(value)), node)
        elif isinstance(target, Default):
            self.assign(target.target, join_values(value, self.evaluate(target.value)), node)
        elif isinstance(target, Spread):
            self.assign(target.value, value, node)
        elif isinstance(target, Operation) and target.operator == "deref":
            holder = self.evaluate(target.operands[0])
            self.put(self.ensure_cell(target.operands[0], holder), None, value)
        else:
            self.evaluate(target)

    def _destructure(self, target: Collection, value: Value, node: Node) -> None:
        cells = self.cells(value.cell)
        exact = cells is not None and cells.exact and cells.kind in ("list", "tuple")
        if self.frame.unit.semantics.several_results and (cells is None or cells.kind != "tuple"):
            self._several_results(target, value, node)
            return
        after_spread = False
        for place, item in enumerate(target.items):
            if isinstance(item, Spread):
                after_spread = True
                self.assign(item.value, Value(taints=self.data_of(value)), node)
            elif exact and cells is not None and not after_spread:
                self.assign(item, cells.items.get(place, UNKNOWN), node)
            elif cells is not None and value.taints is None:
                self.assign(item, self.elements_of(value, item), node)
            else:
                taints = narrowed(value.taints, place)
                self.assign(item, Value(taints=taints) if taints is not None else UNKNOWN, node)

    def _several_results(self, target: Collection, value: Value, node: Node) -> None:
        """`a, err := f()`: the call's value is the first; the last tells whether it went well."""
        for place, item in enumerate(target.items):
            if place == 0:
                self.assign(item, value, node)
            elif place == len(target.items) - 1 and _tells(item):
                proof = value.proof
                if proof is not None and _is_error(item):
                    proof = negated(proof)
                self.assign(item, Value(proof=proof) if proof is not None else UNKNOWN, node)
            else:
                taints = narrowed(self.data_of(value), place)
                self.assign(item, Value(taints=taints) if taints is not None else UNKNOWN, node)

    def _scope(self, node: Scope) -> None:
        frame = self.frame
        if node.where == "nonlocal" and frame.writes_outer is not None:
            frame.writes_outer = (*frame.writes_outer, *node.names)

    def _define_function(self, node: Define) -> None:
        frame = self.frame
        function = node.function
        for pending, _ in frame.pending:
            if pending is function:
                break
        else:
            frame.pending.append((function, frame))
        target = Target(function, frame.unit, None, frame)
        self.write_name(
            function.name,
            Value(name=f"{frame.unit.module.name}.{function.qualified}", target=target),
        )

    def _define_class(self, node: DefineClass) -> None:
        frame = self.frame
        definition = node.definition
        target = Target(definition, frame.unit)
        name = f"{frame.unit.module.name}.{definition.qualified}"
        self.write_name(definition.name, Value(name=name, target=target))


def _is_error(target: Node) -> bool:
    """Whether a result is an error: nothing where all went well."""
    return isinstance(target, Name) and target.name.lower().endswith(("err", "error"))


def _tells(target: Node) -> bool:
    """Whether a last result tells how it went and holds no data."""
    if not isinstance(target, Name):
        return False
    return _is_error(target) or target.name in _OUTCOMES


_OUTCOMES = frozenset({"_", "ok", "okay", "found", "exists", "has", "matched", "valid", "present"})


def _names(target: Node) -> list[str]:
    """The names that a pattern binds."""
    found: list[str] = []
    pending = [target]
    while pending:
        node = pending.pop()
        if isinstance(node, Name):
            found.append(node.name)
        elif isinstance(node, Collection):
            pending.extend(node.items)
        elif isinstance(node, Mapping):
            pending.extend(pair.value for pair in node.pairs)
        elif isinstance(node, Spread):
            pending.append(node.value)
        elif isinstance(node, Default):
            pending.append(node.target)
    return found
