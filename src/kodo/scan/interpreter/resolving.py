"""Names of the repository: which file and definition a dotted name means; declared types.

Does not read files (it is given a port). Guards that a name is looked up once a run.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.memory import MAX_NAME
from kodo.scan.interpreter.statements import Statements
from kodo.scan.interpreter.unit import Unit
from kodo.scan.interpreter.values import BUILT, Target, Value
from kodo.scan.ir import Class

MAX_HOPS = 4
MAX_WILDCARDS = 8
WHOLE = "default"
"""The name of the function or class that a module is, where it is one (JavaScript)."""

FindUnit = Callable[[str], Unit | None]
"""Gives the unit of a file by its path from the root; None where there is none."""


class Resolving(Statements):
    """Look-ups beyond the file."""

    def __init__(self, root: Unit, find_unit: FindUnit) -> None:
        super().__init__(root)
        self._find_unit = find_unit
        self._external: dict[tuple[str, str], Target | None] = {}
        self._units: dict[str, Unit | None] = {}
        self._modules: dict[tuple[str, str], Unit | None] = {}

    def find_external(self, name: str, unit: Unit, hops: int = 0) -> Target | None:
        """Return the function or class of the repository that a dotted name means."""
        if "(" in name or "[" in name or "?" in name:
            return None
        if "." not in name and not unit.semantics.class_files:
            return None
        key = (name, unit.module.path)
        if key in self._external:
            return self._external[key]
        self._external[key] = None
        found = self._search(name, unit, hops)
        self._external[key] = found
        return found

    def _search(self, name: str, unit: Unit, hops: int) -> Target | None:
        parts = name.split(".")
        inside = 1 if unit.semantics.class_files else 0  # the file's name is the class's too
        for length in range(len(parts) - 1 + inside, 0, -1):
            module = ".".join(parts[:length])
            if module == unit.module.name:
                continue
            other = self._unit_of(module, unit)
            if other is None:
                continue
            rest = ".".join(parts[length - inside :])
            code = other.module.functions.get(rest) or other.module.classes.get(rest)
            if inside:
                return Target(code, other) if code is not None else None
            if code is not None:
                return Target(code, other)
            passed_on = other.module.imports.get(parts[length])
            if passed_on is not None and hops < MAX_HOPS:
                dotted = ".".join([passed_on, *parts[length + 1 :]])
                return self.find_external(dotted, other, hops + 1)
            for source in other.module.wildcards[:MAX_WILDCARDS] if hops < 2 else ():
                home = self._unit_of(source, other)
                if (
                    home is not None
                    and not home.module.wildcards
                    and parts[length].encode() not in home.words
                ):
                    continue
                found = self.find_external(f"{source}.{rest}", other, hops + 1)
                if found is not None:
                    return found
        whole = self._unit_of(name, unit) if name != unit.module.name else None
        if whole is None:
            return None
        code = whole.module.functions.get(WHOLE) or whole.module.classes.get(WHOLE)
        return Target(code, whole) if code is not None else None

    def _unit_of(self, module: str, unit: Unit) -> Unit | None:
        key = (module, unit.module.path)
        if key not in self._modules:
            self._modules[key] = self._find_module(module, unit)
        return self._modules[key]

    def _find_module(self, module: str, unit: Unit) -> Unit | None:
        for path in unit.paths(module, unit.module.path):
            if path == unit.module.path:
                continue
            if path not in self._units:
                self._units[path] = (
                    self.root if path == self.root.module.path else self._find_unit(path)
                )
            found = self._units[path]
            if found is not None:
                return found
        return None

    def cast(self, type_name: str, value: Value) -> Value:
        """Return a value as one of a declared type: an enforced number cannot harm."""
        unit = self.frame.unit
        dotted = self.type_name(type_name, unit)
        if dotted in unit.semantics.number_types:
            return Value(value.constant)
        if not dotted or len(dotted) > MAX_NAME:
            return value
        if value.name and (
            value.target is not None
            or value.name == BUILT
            or value.name.rstrip("()") in unit.book.prefixes
        ):  # a declared type says more only than a name that no rule speaks of
            return value
        name = f"{dotted}()"
        target = value.target
        if unit.semantics.typed_instances:
            instance = self.instance_of(dotted, unit)
            if instance is not None:
                name, target = instance.name, instance.target
        return Value(value.constant, value.taints, name, value.cell, target, value.proof)

    def instance_of(self, name: str, unit: Unit) -> Value | None:
        """Return an instance of a class of the repository by its name as a type, or None."""
        code = unit.module.classes.get(name)
        if code is not None:
            return Value(name=f"{unit.module.name}.{code.qualified}()", target=Target(code, unit))
        found = self.find_external(name, unit) if name else None
        if found is None or not isinstance(found.code, Class) or not isinstance(found.unit, Unit):
            return None
        home = found.unit.module.name
        return Value(name=f"{home}.{found.code.qualified}()", target=found)

    def texts(self) -> dict[str, Unit]:
        """Return the units that were looked into beside the scanned file, by path."""
        return {path: unit for path, unit in self._units.items() if unit is not None}
