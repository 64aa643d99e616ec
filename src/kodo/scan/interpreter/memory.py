"""Variables, names, fields and items: everything that is read from and written to a state.

Does not know calls or statements. Guards aliasing: containers are found through cells, so that two
names of one list stay two names of one list.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.cells import CellMemory
from kodo.scan.interpreter.state import joined_items
from kodo.scan.interpreter.unit import Frame, Unit
from kodo.scan.interpreter.values import (
    ALL_KINDS,
    UNKNOWN,
    VARIES,
    Cells,
    Fact,
    Label,
    Origin,
    Proof,
    Taint,
    Taints,
    Target,
    Value,
    join_taints,
    join_values,
    narrowed,
)
from kodo.scan.ir import Cast, Class, Field, Index, Name, Node, Operation
from kodo.scan.rules.book import CompiledPattern
from kodo.scan.rules.schema import SourcePack

MAX_NAME = 160
MAX_BASES = 8

ReportPattern = Callable[[CompiledPattern, Node], None]


class Memory(CellMemory):
    """The part of the interpreter that holds the current frame and its state."""

    def __init__(self) -> None:
        super().__init__()
        self.class_fields: dict[tuple[int, str], Value] = {}
        self.origins: dict[tuple[object, ...], Label] = {}

    # --- what upper parts do ----------------------------------------------------------------

    def evaluate(self, node: Node) -> Value:
        """Return the value of an expression."""
        raise NotImplementedError

    def report_pattern(self, pattern: CompiledPattern, node: Node) -> None:
        """Report a weakness that a pattern tells."""
        raise NotImplementedError

    def run_globals(self, unit: Unit) -> Frame | None:
        """Return the frame of the unit's top level, run on first use; None while it runs."""
        raise NotImplementedError

    def find_external(self, name: str, unit: Unit) -> Target | None:
        """Return the function or class of the repository that a dotted name means."""
        raise NotImplementedError

    def ensure_cell(self, node: Node, value: Value, kind: str = "object") -> int:
        """Return the container behind an expression, making one where there is none yet."""
        if value.cell and self.cells(value.cell) is not None:
            return value.cell
        rest = Value(taints=value.taints) if value.taints is not None else None
        cell = self.new_cell(Cells(kind, {}, rest, exact=False))
        for _ in range(8):  # `to + 3`, `&to`, `(char *) to` are the storage of `to`
            if isinstance(node, Operation):
                node = node.operands[0]
            elif isinstance(node, Cast):
                node = node.value
            else:
                break
        frame = self.frame
        for label, taint in (value.taints or {}).items():
            if label.origin.parameter >= 0 and not label.path and not taint.version:
                frame.parameter_cells[cell] = label.origin.parameter
        held = Value(value.constant, value.taints, value.name, cell, value.target)
        if isinstance(node, Name):
            self.write_name(node.name, held, quiet=True)
        elif isinstance(node, (Field, Index)):
            inner = self.evaluate(node.object)
            key = node.name if isinstance(node, Field) else self.key_of(self.evaluate(node.key))
            if key is not None:
                self.put(self.ensure_cell(node.object, inner), key, held)
        return cell

    # --- names ------------------------------------------------------------------------------

    def read_name(self, name: str, node: Node) -> Value:
        """Return what a name means here: variable, outer variable, definition, import, builtin."""
        frame = self.frame
        value = frame.live.variables.get(name)
        if value is not None:
            return value
        outer = frame.outer
        while outer is not None:
            value = outer.live.variables.get(name)
            if value is not None:
                return value
            outer = outer.outer
        return self.global_name(name, node)

    def global_name(self, name: str, node: Node) -> Value:
        """Return what a name means at the top of the file."""
        unit = self.frame.unit
        top = self.run_globals(unit)
        if top is not None:
            value = top.live.variables.get(name)
            if value is not None:
                return value
        known = unit.names.get(name)
        if known is None:
            known = unit.names[name] = self._define(name, unit)
        return self.named(known, node) if known.target is None else known

    def _define(self, name: str, unit: Unit) -> Value:
        module = unit.module
        code = module.functions.get(name) or module.classes.get(name)
        if code is not None:
            return Value(name=f"{module.name}.{name}", target=Target(code, unit))
        dotted = module.imports.get(name)
        if dotted is not None:
            return Value(name=dotted)
        for source in module.wildcards:
            if f"{source}.{name}" in unit.book.prefixes:
                return Value(name=f"{source}.{name}")
        return Value(name=name)

    def named(self, value: Value, node: Node) -> Value:
        """Return a named value with what the rules say of reading it: source, type, pattern."""
        name = value.name
        last = name.rpartition(".")[2]
        entry = self.frame.unit.book.reads.get(last)
        if entry is None:
            return value
        for pattern, found in entry.patterns:
            if pattern.matches(name):
                self.report_pattern(found, node)
        taints = value.taints
        for pattern, pack in entry.sources:
            if pattern.matches(name):
                taints = join_taints(taints, self.recall(self.tainted_by(pack, node, name)))
        for pattern, gives in entry.types:
            if pattern.matches(name):
                name = gives
        return Value(value.constant, taints, name, value.cell, value.target)

    def tainted_by(self, pack: SourcePack, node: Node, name: str = "") -> Taints | None:
        """Return the data of a source at an expression.

        With a `name` every reading of it in one function gives the same data.
        """
        harmless = self.frame.unit.book.harmless.get(pack.pack, 0)
        return {self.source(pack, node.start, node.end, name): Taint(harmless)}

    def recall(self, taints: Taints | None) -> Taints | None:
        """Return data that was read, without what tests have shown that it cannot harm."""
        shown = self.frame.live.shown
        if taints is None or not shown:
            return taints
        left = taints
        for label, taint in taints.items():
            kinds = shown.get(label)
            if kinds is None or taint.version:
                continue
            if left is taints:
                left = dict(taints)
            if kinds == ALL_KINDS:
                del left[label]
            else:
                left[label] = Taint(
                    taint.cleaned | kinds, taint.version, taint.certain, taint.trace
                )
        return left or None

    def source(self, pack: SourcePack, start: int, end: int, name: str = "") -> Label:
        """Return the one label of a source at a place of the current file."""
        path = self.frame.unit.module.path
        key: tuple[object, ...] = (path, start, pack.pack)
        if name:
            frame = self.frame
            while frame.outer is not None:
                frame = frame.outer
            key = (path, id(frame.function), pack.pack, name)
        label = self.origins.get(key)
        if label is None:
            origin = Origin(pack.pack, pack.note, path, start, end, pack.confidence)
            label = self.origins[key] = Label(origin)
        return label

    def write_name(self, name: str, value: Value, *, quiet: bool = False) -> None:
        """Set a variable where it lives: in this frame, or around a closure that shares it."""
        frame = self.frame
        outer_names = frame.writes_outer
        if (
            frame.outer is not None
            and outer_names != ()
            and name not in frame.declared
            and (outer_names is None or name in outer_names)
        ):
            owner = frame.outer
            while owner is not None:
                held = owner.live.variables.get(name)
                if held is not None:
                    owner.live.variables[name] = value if quiet else join_values(held, value)
                    return
                owner = owner.outer
        frame.live.variables[name] = value

    # --- fields and items -------------------------------------------------------------------

    def read_field(self, value: Value, name: str, node: Node) -> Value:
        """Return `value.name`."""
        cells = self.cells(value.cell)
        if cells is not None:
            item = cells.items.get(name)
            if item is not None:
                return item
        target = value.target
        if target is not None and isinstance(target.code, Class):
            member = self.member(value, target, name, node)
            if member is not None:
                return self._filled(member, cells, target.code, name)
        elif target is None and value.name and self.frame.unit.semantics.class_files:
            held = self._static_field(value.name, name)
            if held is not None:
                return held
        taints = self.recall(narrowed(value.taints, name))
        if cells is not None and cells.rest is not None:
            taints = join_taints(taints, narrowed(self.data_of(cells.rest), name))
        if not value.name or len(value.name) > MAX_NAME:
            return Value(taints=taints) if taints is not None else UNKNOWN
        return self.named(Value(taints=taints, name=f"{value.name}.{name}"), node)

    def _filled(self, member: Value, cells: Cells | None, owner: Class, name: str) -> Value:
        """Return a field of an object that something was written into as a whole."""
        numbers = self.frame.unit.semantics.number_types
        if owner.fields.get(name) in numbers and member.taints is not None:
            return Value(member.constant, name=member.name)
        if cells is None or cells.rest is None or member.target is not None:
            return member
        if owner.fields.get(name) in numbers:
            return member
        taints = join_taints(member.taints, narrowed(self.data_of(cells.rest), name))
        return Value(member.constant, taints, member.name, member.cell)

    def _static_field(self, class_name: str, name: str) -> Value | None:
        """Return a field of a class in another file, None where there is none."""
        found = self.find_external(class_name, self.frame.unit)
        if found is None or not isinstance(found.code, Class) or not isinstance(found.unit, Unit):
            return None
        self.run_globals(found.unit)
        return self.class_fields.get((id(found.code), name))

    def member(self, value: Value, target: Target, name: str, node: Node) -> Value | None:
        """Find a method or field of a class of the repository, along its bases."""
        unit = target.unit
        assert isinstance(unit, Unit)
        pending: list[tuple[Class, Unit]] = []
        if isinstance(target.code, Class):
            pending.append((target.code, unit))
        outside: list[str] = []
        for _ in range(MAX_BASES):
            if not pending:
                break
            current, home = pending.pop(0)
            method = current.methods.get(name)
            if method is not None:
                bound = value if method.receiver and value.name.endswith("()") else None
                return Value(
                    name=f"{home.module.name}.{current.qualified}.{name}",
                    target=Target(method, home, bound),
                )
            held = self.class_fields.get((id(current), name))
            if held is not None:
                taints = join_taints(held.taints, narrowed(value.taints, name))
                return Value(held.constant, taints, held.name, held.cell, held.target)
            for base in current.bases:
                inner = home.module.classes.get(base)
                if inner is not None and inner is not current:
                    pending.append((inner, home))
                    continue
                dotted = self.dotted(base, home)
                found = self.find_external(dotted, home)
                if (
                    found is not None
                    and isinstance(found.code, Class)
                    and isinstance(found.unit, Unit)
                ):
                    pending.append((found.code, found.unit))
                else:
                    outside.append(dotted)
        for dotted in outside:
            read = self.named(Value(name=f"{dotted}().{name}"), node)
            if read.taints is not None or read.name != f"{dotted}().{name}":
                return Value(
                    taints=join_taints(read.taints, narrowed(value.taints, name)), name=read.name
                )
        if outside:
            return Value(taints=narrowed(value.taints, name), name=f"{outside[0]}().{name}")
        return None

    def dotted(self, written: str, unit: Unit) -> str:
        """Return the full dotted name of a name as written in a file."""
        first, dot, rest = written.partition(".")
        full = unit.module.imports.get(first)
        if full is None:
            for source in unit.module.wildcards:
                if f"{source}.{first}" in unit.book.prefixes:
                    full = f"{source}.{first}"
                    break
        return f"{full}{dot}{rest}" if full is not None else written

    def read_item(self, value: Value, key: Value, node: Node) -> Value:
        """Return `value[key]`. The key's data does not become the item's."""
        cells = self.cells(value.cell)
        constant = self.key_of(key)
        if cells is not None:
            found = self._item(cells, constant)
            if found is not None and constant is None and key.taints is not None:
                found = self._looked_up(found, cells, value, key)
            if found is not None:
                if value.taints is not None:
                    return Value(
                        found.constant,
                        join_taints(found.taints, narrowed(value.taints, "*")),
                        found.name,
                        found.cell,
                        found.target,
                        found.proof,
                    )
                return found
        if isinstance(value.constant, (str, bytes)) and isinstance(constant, int):
            text = value.constant
            if -len(text) <= constant < len(text):
                return Value(text[constant])
        step = constant if isinstance(constant, (str, int)) else "*"
        taints = self.recall(narrowed(value.taints, step))
        if not value.name or len(value.name) > MAX_NAME:
            return Value(taints=taints) if taints is not None else UNKNOWN
        return self.named(Value(taints=taints, name=f"{value.name}[]"), node)

    def _looked_up(self, found: Value, cells: Cells, whole: Value, key: Value) -> Value:
        """Return an item under an outside key: where it is there, the key is one of a known few."""
        if cells.kind != "map" or not cells.exact or cells.rest is not None or whole.taints:
            return found
        if any(item.constant is False for item in cells.items.values()):
            return found
        proof = Proof((Fact(key.taints, -1),), ())
        constant = found.constant if not found.constant else VARIES
        options = (found.constant,) if isinstance(found.constant, str) else found.options
        return Value(constant, found.taints, found.name, found.cell, found.target, proof, options)

    def elements_of(self, value: Value, node: Node) -> Value:
        """Return what iterating over a value gives, as one value."""
        cells = self.cells(value.cell)
        if cells is not None and cells.kind in ("map", "object") and not value.taints:
            known = [Value(key) for key in cells.items]
            if cells.exact and cells.rest is None and known and cells.kind == "map":
                joined = known[0]
                for key in known[1:]:
                    joined = join_values(joined, key)
                return joined
            return Value(taints=self.data_of(value))
        if cells is not None:
            inner = joined_items(cells)
            if value.taints is None:
                return inner
            return Value(
                inner.constant, join_taints(inner.taints, narrowed(value.taints, "*")), inner.name
            )
        if isinstance(value.constant, str) and len(value.constant) == 1:
            return value
        name = f"{value.name}[]" if value.name and len(value.name) < MAX_NAME else ""
        taints = narrowed(value.taints, "*")
        if not name:
            return Value(taints=taints) if taints is not None else UNKNOWN
        return self.named(Value(taints=taints, name=name), node)
