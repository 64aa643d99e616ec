"""Activations: what parameters hold at the start, and the running of bodies and closures.

Does not know summaries. Guards the clock (`Late` ends a run whose deadline has passed) and the
number of times a closure is run.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.resolving import FindUnit, Resolving
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.state import Heap, State
from kodo.scan.interpreter.unit import Frame, Unit
from kodo.scan.interpreter.values import (
    UNKNOWN,
    Label,
    Origin,
    Taint,
    Taints,
    Target,
    Value,
    join_taints,
)
from kodo.scan.ir import Class, Function, Parameter

MAX_CALLS = 5
MAX_CLOSURES = 8
MAX_CLOSURE_RUNS = 3
MAX_HITS = 60
MAX_WORK = 6_000
"""Blocks run in one file; after that calls get the default, which loses precision only."""


class Late(Exception):
    """The deadline has passed in the middle of a run."""


class Activations(Resolving):
    """Frames. `is_late` says whether the deadline has passed."""

    def __init__(self, root: Unit, is_late: Callable[[], bool], find_unit: FindUnit) -> None:
        super().__init__(root, find_unit)
        self._is_late = is_late
        self._calls: int = 0
        self._closures = 0
        self._closure_runs: dict[int, int] = {}
        self._ticks = 0

    def check_time(self) -> None:
        """Raise Late where the deadline has passed."""
        self._ticks += 1
        if self._ticks & 3 == 0 and self._is_late():
            raise Late

    def run_globals(self, unit: Unit) -> Frame | None:
        """Return the frame of the unit's top level, run on first use; None while it runs."""
        if unit.globals is not None:
            return unit.globals
        if unit.running:
            return None
        unit.running = True
        saved = self.frame, self.depth
        frame = self.frame = Frame(unit, None, State({}, Heap()))
        self.depth = 0
        self.execute(unit.module.body)
        for definition in list(unit.module.classes.values()):
            self._run_class(definition, unit)
        frame.state = frame.live
        self._run_pending(frame)
        self.static_heap.update(frame.live.heap)
        self.frame, self.depth = saved
        unit.globals, unit.running = frame, False
        return frame

    def _run_class(self, definition: Class, unit: Unit) -> None:
        """Run a class's body; what it assigns are its fields."""
        if not definition.body:
            return
        outer = self.frame
        frame = self.frame = Frame(unit, None, State({}, outer.live.heap), outer)
        self.execute(definition.body)
        for name, value in frame.live.variables.items():
            self.class_fields[id(definition), name] = value
        self.frame = outer

    def _run_pending(self, frame: Frame) -> None:
        """Run nested functions that no call has led to, where a rule speaks of them."""
        done: set[int] = set()
        for function, outer in frame.pending:
            if id(function) in done or not frame.unit.has_hit(function.start, function.end):
                continue
            done.add(id(function))
            if self._closures < MAX_CLOSURES:
                self._run_nested(function, outer, self._entry_values(function, outer.unit, "", {}))

    def _entry_values(
        self, function: Function, unit: Unit, passed_to: str, given: dict[int, Value]
    ) -> list[Value]:
        """Return what the parameters hold: what is given, what signatures and types say."""
        values: list[Value] = []
        skip = 1 if function.receiver else 0
        for place, parameter in enumerate(function.parts.parameters):
            value = given.get(place, UNKNOWN)
            name, taints = value.name, value.taints
            if skip and place == 0 and function.owner is not None:
                owner = function.owner
                values.append(
                    Value(
                        taints=taints,
                        name=f"{unit.module.name}.{owner.qualified}()",
                        cell=value.cell,
                        target=Target(owner, unit),
                    )
                )
                continue
            for signature in unit.parameters:
                pack = signature.pack
                if pack is not None and self.fits(
                    signature, function, unit, parameter, place - skip, passed_to
                ):
                    label = Label(
                        Origin(
                            pack.pack,
                            pack.note,
                            unit.module.path,
                            parameter.start,
                            parameter.end,
                            pack.confidence,
                        )
                    )
                    taints = join_taints(taints, {label: Taint()})
            target = value.target
            if not name or (
                unit.semantics.typed_instances and name.rstrip("()") not in unit.book.prefixes
            ):
                typed = self._parameter_type(function, unit, parameter, place - skip, passed_to)
                name = typed or name
                if target is None and unit.semantics.typed_instances:
                    instance = self.instance_of(name.removesuffix("()"), unit)
                    if instance is not None:
                        name, target = instance.name, instance.target
            values.append(Value(value.constant, taints, name, value.cell, target))
        return values

    def _parameter_type(
        self, function: Function, unit: Unit, parameter: Parameter, place: int, passed_to: str
    ) -> str:
        for signature in unit.parameter_types:
            if self.fits(signature, function, unit, parameter, place, passed_to):
                return signature.gives
        typed = self.type_name(parameter.type, unit)
        return f"{typed}()" if typed else ""

    def _bind_parameters(
        self, frame: Frame, parameters: list[Parameter], values: list[Value]
    ) -> None:
        for parameter, value in zip(parameters, values, strict=True):
            frame.declared.add(parameter.name)
            if parameter.target is not None:
                self.assign(parameter.target, value, parameter)
            else:
                frame.live.variables[parameter.name] = value

    def _run(
        self, frame: Frame, function: Function, values: list[Value], passed_to: str = ""
    ) -> None:
        """Run a body in a frame, and the nested functions it leaves behind."""
        parts = function.parts
        for signature, sink in frame.unit.return_sinks:
            if self.fits(signature, function, frame.unit, None, 0, passed_to):
                frame.return_sinks.append(sink)
        saved, self.frame = self.frame, frame
        self._bind_parameters(frame, parts.parameters, values)
        self.execute(parts.body)
        frame.leave(returns=True)
        if frame.pending and frame.unit is self.root:
            self._run_pending(frame)
        self.frame = saved

    def _run_nested(
        self, function: Function, outer: Frame, values: list[Value], passed_to: str = ""
    ) -> Frame:
        """Run a closure on the state around it, which it may change."""
        self._closures += 1
        state = State({}, Heap(outer.live.heap), outer.live.shown)
        frame = Frame(outer.unit, function, state, outer)
        frame.writes_outer = function.parts.outer
        self._run(frame, function, values, passed_to)
        outer.live.heap.take(frame.live.heap)
        outer.hits.extend(frame.hits[: MAX_HITS - len(outer.hits)])
        self._closures -= 1
        return frame

    def run_closure(self, target: Target, site: Site, data: Taints | None, first: Value) -> Value:
        """Run a closure that a call was given: its parameters may hold what the call was given."""
        function, outer, unit = target.code, target.scope, target.unit
        assert isinstance(function, Function)
        assert isinstance(unit, Unit)
        if not self._may_run(function):
            return UNKNOWN
        self.check_time()
        given: dict[int, Value] = {}
        for place in range(len(function.parts.parameters)):
            taints = join_taints(first.taints, data) if place == 0 else data
            named = first if place == 0 else UNKNOWN
            given[place] = Value(named.constant, taints, named.name, named.cell, named.target)
        values = self._entry_values(function, unit, site.name, given)
        if isinstance(outer, Frame):
            outer.pending = [entry for entry in outer.pending if entry[0] is not function]
            frame = self._run_nested(function, outer, values, site.name)
        else:
            frame = Frame(unit, function, State({}, Heap()))
            self._run(frame, function, values)
        return frame.returned if frame.returned is not None else UNKNOWN

    def _may_run(self, function: Function) -> bool:
        """Whether a closure may run once more: nested closures in loops would multiply."""
        runs = self._closure_runs.get(id(function), 0)
        self._closure_runs[id(function)] = runs + 1
        return self._closures < MAX_CLOSURES and runs < MAX_CLOSURE_RUNS and self._ticks <= MAX_WORK
