"""Summaries: what a function does for its callers, computed on demand and once.

A function is run with its parameters as symbols; the summary says which of them reach the result,
containers and sinks. Calls with known constants or names get one of their own. Guards the price:
what a summary could not tell better than the default is not computed.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.activations import MAX_CALLS, MAX_WORK, Activations
from kodo.scan.interpreter.application import Application
from kodo.scan.interpreter.resolving import FindUnit
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.state import Heap, State
from kodo.scan.interpreter.unit import Frame, Summary, Unit
from kodo.scan.interpreter.values import (
    UNKNOWN,
    VARIES,
    Cells,
    Label,
    Origin,
    Taint,
    Taints,
    Target,
    Value,
)
from kodo.scan.ir import Class, Function, Literal

MAX_VARIANTS = 4
MAX_AWAY = 2
"""How many files deep a call is followed into others."""

SMALL_BYTES = 1_000
MIDDLE_BYTES = 3_000
SHALLOW_CALLS = 2

Variant = tuple[object, ...]


class Summaries(Activations):
    """Calls of functions of the repository."""

    def __init__(self, root: Unit, is_late: Callable[[], bool], find_unit: FindUnit) -> None:
        super().__init__(root, is_late, find_unit)
        self._summaries: dict[tuple[int, Variant], Summary | None] = {}
        self._variants: dict[int, int] = {}
        self._away = 0

    def summarise(self, target: Target, known: tuple[Value | None, ...]) -> Summary | None:
        """Return what a function does; `known` are arguments whose constant or name is known."""
        function, unit = target.code, target.unit
        assert isinstance(function, Function)
        assert isinstance(unit, Unit)
        small = function.end - function.start <= MIDDLE_BYTES
        variant = tuple(_variant(value, function) for value in known) if small else ()
        if not any(variant):
            variant = ()
        key = (id(function), variant)
        if key in self._summaries:
            return self._summaries[key]
        if variant:
            count = self._variants.get(id(function), 0)
            if count >= MAX_VARIANTS:
                return self.summarise(target, ())
            self._variants[id(function)] = count + 1
        if self._calls >= MAX_CALLS or self._ticks > MAX_WORK:
            return None
        self.check_time()
        self._summaries[key] = None  # while it runs: a recursive call gets the default
        away = unit is not self.frame.unit and unit is not self.root
        self._calls += 1
        self._away += away
        summary = self._summary(function, unit, known if variant else ())
        self._away -= away
        self._calls -= 1
        self._summaries[key] = summary
        return summary

    def _summary(self, function: Function, unit: Unit, known: tuple[Value | None, ...]) -> Summary:
        self.run_globals(unit)
        parameters = function.parts.parameters
        given: dict[int, Value] = {}
        for place, parameter in enumerate(parameters):
            origin = Origin(
                "parameter", f"parameter {parameter.name}", unit.module.path, parameter.start,
                parameter.end, "low", place,
            )  # fmt: skip
            label = {Label(origin): Taint()}
            argument = known[place] if place < len(known) else None
            if argument is None:
                given[place] = Value(taints=label)
            elif argument.constant is not VARIES:
                given[place] = Value(argument.constant, name=argument.name)
            else:
                given[place] = Value(taints=label, name=argument.name, target=argument.target)
        values = self._entry_values(function, unit, "", given)
        frame = Frame(unit, function, State({}, Heap()))
        depth = self.depth
        self._run(frame, function, values)
        self.depth = depth
        return self._summed(frame, function, values)

    def _summed(self, frame: Frame, function: Function, values: list[Value]) -> Summary:
        summary = Summary()
        summary.returned = frame.returned
        summary.hits = frame.hits
        summary.parameter_cells = frame.parameter_cells
        state = frame.exit_state
        if state is None:
            summary.ends = frame.returned is None
            summary.heap = frame.live.heap
            return summary
        summary.heap = state.heap
        for cell, place in frame.parameter_cells.items():
            cells = state.heap.get(cell)
            if cells is not None:
                summary.effects[place] = cells
        for place, parameter in enumerate(function.parts.parameters):
            value = state.variables.get(parameter.name)
            if value is None or value.constant is not VARIES or not values[place].taints:
                continue
            kinds = _cleaned_since(values[place].taints, value.taints)
            if kinds:
                summary.cleaned[place] = kinds
        if function.owner is not None and function.name == function.owner.constructor:
            self._remember_fields(function.owner, summary)
        return summary

    def _remember_fields(self, owner: Class, summary: Summary) -> None:
        """Keep what the constructor puts into fields, for the other methods."""
        cells = summary.effects.get(0)
        if cells is None:
            return
        for key, value in cells.items.items():
            if not isinstance(key, str):
                continue
            taints = {
                label: taint
                for label, taint in (value.taints or {}).items()
                if label.origin.parameter < 0
            } or None
            held = summary.heap.get(value.cell)
            if held is not None:
                self.static_heap[value.cell] = held
            self.class_fields[id(owner), key] = Value(
                value.constant,
                taints,
                value.name,
                value.cell if held is not None else 0,
                value.target,
            )

    def invoke(self, target: Target, site: Site) -> Value | None:
        """Return what a function of the repository gives, with its effects applied."""
        function = target.code
        assert isinstance(function, Function)
        if function.earlier is not None and self.frame.unit.semantics.overloads:
            function = _overload(function, len(site.arguments))
            target = Target(function, target.unit, target.bound, target.scope)
        actuals = self._actuals(target, function, site, target.bound or site.receiver)
        if isinstance(target.scope, Frame):
            return self._invoke_closure(target, function, actuals)
        if not self._is_worth(target, function, actuals):
            return None
        return self._applied(target, actuals, site)

    def _is_worth(self, target: Target, function: Function, actuals: list[Value | None]) -> bool:
        """Whether a summary can tell more than the default does, at a price that fits.

        Data from outside is followed into any function of the file; a parameter's, on behalf of
        callers, and all data in other files only into small functions and where a rule speaks.
        """
        unit = target.unit
        assert isinstance(unit, Unit)
        size = function.end - function.start
        at_home = unit is self.root
        if not at_home and self._away >= MAX_AWAY:
            return False
        given = [self.data_of(actual) for actual in actuals if actual is not None]
        if not any(given):
            if size <= SMALL_BYTES and self._calls < SHALLOW_CALLS:
                return True
            return size <= MIDDLE_BYTES and unit.has_source(function.start, function.end)
        if size <= (MIDDLE_BYTES if at_home else SMALL_BYTES):
            return True
        if at_home and any(
            label.origin.parameter < 0 for taints in given if taints for label in taints
        ):
            return True
        return unit.has_hit(function.start, function.end)

    def _invoke_closure(
        self, target: Target, function: Function, actuals: list[Value | None]
    ) -> Value | None:
        outer = target.scope
        assert isinstance(outer, Frame)
        if self._calls >= MAX_CALLS or not self._may_run(function):
            return None
        self.check_time()
        outer.pending = [entry for entry in outer.pending if entry[0] is not function]
        self._calls += 1
        given = {place: value for place, value in enumerate(actuals) if value is not None}
        values = self._entry_values(function, outer.unit, "", given)
        frame = self._run_nested(function, outer, values)
        self._calls -= 1
        return frame.returned if frame.returned is not None else UNKNOWN

    def _applied(self, target: Target, actuals: list[Value | None], site: Site) -> Value | None:
        summary = self.summarise(target, tuple(actuals))
        if summary is None:
            return None
        application = Application(self, summary, actuals, site, target)
        return application.apply()

    def _actuals(
        self, target: Target, function: Function, site: Site, receiver: Value | None
    ) -> list[Value | None]:
        """Return the arguments by parameter; None where the call gives none."""
        parameters = function.parts.parameters
        positional = list(site.arguments)
        if function.receiver:
            positional.insert(0, receiver if receiver is not None else UNKNOWN)
        actuals: list[Value | None] = []
        used: set[str] = set()
        place = 0
        for parameter in parameters:
            if parameter.kind == "rest":
                actuals.append(self.container("list", dict(enumerate(positional[place:]))))
                place = len(positional)
            elif parameter.kind == "named_rest":
                left: dict[object, Value] = {
                    name: value for name, value in site.keywords.items() if name not in used
                }
                actuals.append(Value(cell=self.new_cell(Cells("map", left))))
            elif parameter.name in site.keywords:
                used.add(parameter.name)
                actuals.append(site.keywords[parameter.name])
            elif parameter.kind == "plain" and place < len(positional):
                actuals.append(positional[place])
                place += 1
            elif isinstance(parameter.default, Literal) and not site.spread:
                actuals.append(Value(parameter.default.value))
            else:
                actuals.append(None)
        return actuals

    def instantiate(self, target: Target, site: Site) -> Value:
        """Return a new instance: its constructor run, or the arguments as its fields."""
        definition, unit = target.code, target.unit
        assert isinstance(definition, Class)
        assert isinstance(unit, Unit)
        name = f"{unit.module.name}.{definition.qualified}()"
        made = Value(name=name, cell=self.new_cell(Cells("object", {})), target=target)
        constructor = (
            definition.methods.get(definition.constructor) if definition.constructor else None
        )
        if constructor is not None:
            if constructor.earlier is not None and unit.semantics.overloads:
                constructor = _overload(constructor, len(site.arguments))
            actuals = self._actuals(target, constructor, site, made)
            if (
                self._is_worth(Target(constructor, unit), constructor, actuals)
                and self._applied(Target(constructor, unit, made), actuals, site) is not None
            ):
                return made
        fields = list(definition.fields)
        for place, value in enumerate(site.arguments):
            self.put(made.cell, fields[place] if place < len(fields) else None, value)
        for key, value in site.keywords.items():
            self.put(made.cell, key, value)
        return made


def _overload(function: Function, count: int) -> Function:
    """Return the definition of this name that takes so many arguments, else the last."""
    found: Function | None = function
    while found is not None:
        if len(found.parts.parameters) - found.receiver == count:
            return found
        found = found.earlier
    return function


def _variant(value: Value | None, function: Function) -> object:
    """What of an argument is worth a summary of its own: a small constant, a name, code."""
    if value is None:
        return None
    constant = value.constant
    if constant is not VARIES and (
        constant is None
        or isinstance(constant, (bool, int, float))
        or (isinstance(constant, (str, bytes)) and len(constant) <= 200)
    ):
        return (type(constant).__name__, constant)
    if value.target is not None and value.target.code is function.owner:
        return None  # the receiver, as every summary has it
    if value.name or value.target is not None:
        return (value.name, id(value.target.code) if value.target is not None else 0)
    return None


def _cleaned_since(before: Taints | None, after: Taints | None) -> int:
    """Return the kinds that a parameter's own data lost on the way."""
    for label, taint in (before or {}).items():
        if label.origin.parameter >= 0:
            now = (after or {}).get(label)
            if now is None:
                return -1 if after is None else 0
            if now.version == taint.version:
                return now.cleaned & ~taint.cleaned
    return 0
