"""A summary applied to the arguments of one call.

Does not know how summaries are made. Guards terms: labels of parameters are replaced by the
caller's data, containers of the function by containers of the caller.
"""

from __future__ import annotations

from kodo.scan.interpreter.found import appended
from kodo.scan.interpreter.judging import Judging
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.unit import SinkHit, Summary
from kodo.scan.interpreter.values import (
    MAX_TAINTS,
    NORMAL,
    UNKNOWN,
    Cells,
    Fact,
    Label,
    Proof,
    Taint,
    Taints,
    Target,
    Value,
    add_taint,
)

MAX_HITS = 60


class Application:
    """One summary applied to the arguments of one call."""

    def __init__(
        self,
        run: Judging,
        summary: Summary,
        actuals: list[Value | None],
        site: Site,
        target: Target,
    ) -> None:
        self._run = run
        self._summary = summary
        self._actuals = actuals
        self._site = site
        self._name = target.code.name
        self._cells: dict[int, int] = {}
        self._loaded: dict[Label, Value] = {}

    def apply(self) -> Value:
        """Report what reaches sinks, change the caller's containers, and return the result."""
        run, summary = self._run, self._summary
        for hit in summary.hits:
            self._hit(hit)
        for place, cells in summary.effects.items():
            self._effect(place, cells)
        returned = self._value(summary.returned, 0) if summary.returned is not None else UNKNOWN
        facts = [
            Fact(actual.taints, kinds)
            for place, kinds in summary.cleaned.items()
            if (actual := self._actual(place)) is not None and actual.taints is not None
        ]
        run.assume(tuple(facts))
        if summary.ends:
            run.frame.leave(returns=False)
        return returned

    def _actual(self, place: int) -> Value | None:
        """Return what the caller gives for a parameter; None for one of a function around it."""
        return self._actuals[place] if place < len(self._actuals) else None

    def _load(self, label: Label) -> Value:
        """Return what the caller's argument holds where a label points."""
        known = self._loaded.get(label)
        if known is not None:
            return known
        actual = self._actual(label.origin.parameter)
        value = actual if actual is not None else UNKNOWN
        node = self._site.node
        for key in label.path:
            if isinstance(key, str) and key != "*":
                value = self._run.read_field(value, key, node)
            elif key == "*":
                value = self._run.elements_of(value, node)
            else:
                value = self._run.read_item(value, Value(key), node)
        self._loaded[label] = value
        return value

    def _hit(self, hit: SinkHit) -> None:
        run, frame, node = self._run, self._run.frame, self._site.node
        taints = run.data_of(self._load(hit.label))
        if taints is None:
            return
        inside = hit.unit is frame.unit
        start, end = (hit.start, hit.end) if inside else (node.start, node.end)
        function = hit.function if inside else run.where()
        for label, taint in taints.items():
            kinds = taint.cleaned | hit.taint.cleaned
            if kinds & hit.sink.bit or (hit.sink.spec.certain and not taint.certain):
                continue
            trace = appended(
                taint.trace, hit.taint.trace, frame.unit, node.start, f"passed to {self._name}()"
            )
            moved = Taint(kinds, node.start, taint.certain and hit.taint.certain, trace)
            if label.origin.parameter < 0:
                run.report_data(hit.sink, label, moved, start, end, frame.unit, function)
            elif len(frame.hits) < MAX_HITS:
                frame.hits.append(SinkHit(hit.sink, label, moved, frame.unit, function, start, end))

    def _effect(self, place: int, cells: Cells) -> None:
        run, site = self._run, self._site
        actual = self._actual(place)
        if actual is None:
            return
        cell = actual.cell
        if not cell:
            function = site.receiver_node if place == 0 and actual is site.receiver else None
            node = function
            if node is None:
                for argument, value in zip(site.node.arguments, site.arguments, strict=False):
                    if value is actual:
                        node = argument
            if node is None:
                return
            cell = run.ensure_cell(node, actual, cells.kind)
        written = {key: self._value(value, 0) for key, value in cells.items.items()}
        held = run.cells(cell)
        if held is not None and written:
            run.store(cell, Cells(held.kind, held.items | written, held.rest, exact=held.exact))
        if cells.rest is not None:
            rest = self._value(cells.rest, 0)
            if rest.taints is not None or rest.cell:
                run.put(cell, None, rest)

    def _value(self, value: Value, nesting: int) -> Value:
        """Return a value of the function's in terms of the caller."""
        taints = self._taints(value.taints)
        cell = self._cell(value.cell, nesting) if value.cell else 0
        proof = value.proof
        if proof is not None:
            proof = Proof(self._facts(proof.when_true), self._facts(proof.when_false))
        name, target = value.name, value.target
        if value.taints is not None and len(value.taints) == 1 and not cell:
            label, taint = next(iter(value.taints.items()))
            if label.origin.parameter >= 0 and not taint.version:  # an argument as it was given
                same = self._load(label)
                cell = same.cell
                name, target = name or same.name, target or same.target
        if taints is value.taints and cell == value.cell and proof is value.proof:
            return value
        return Value(value.constant, taints, name, cell, target, proof)

    def _taints(self, taints: Taints | None) -> Taints | None:
        if taints is None:
            return None
        run, site = self._run, self._site
        result: Taints = {}
        for label, taint in taints.items():
            if label.origin.parameter < 0:
                add_taint(result, label, taint)
                continue
            given = run.data_of(self._load(label))
            if given is None:
                continue
            for outer, before in given.items():
                trace = before.trace
                if taint.version:
                    if len(result) >= MAX_TAINTS and outer not in result:
                        continue
                    trace = appended(
                        trace, None, run.frame.unit, site.node.start, f"through {self._name}()"
                    )
                kinds = before.cleaned | taint.cleaned
                if taint.version and not taint.cleaned & NORMAL:
                    kinds &= ~NORMAL
                version = site.node.start if taint.version else before.version
                moved = Taint(kinds, version, before.certain and taint.certain, trace)
                add_taint(result, outer, moved)
        return result or None

    def _facts(self, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        moved: list[Fact] = []
        for fact in facts:
            if fact.taints is None:
                continue
            given: Taints = {}
            for label, taint in fact.taints.items():
                if label.origin.parameter >= 0 and not taint.version:
                    given |= self._load(label).taints or {}
            if given:
                moved.append(Fact(given, fact.kinds))
        return tuple(moved)

    def _cell(self, cell: int, nesting: int) -> int:
        run, summary = self._run, self._summary
        place = summary.parameter_cells.get(cell)
        if place is not None:
            actual = self._actual(place)
            return actual.cell if actual is not None else 0
        known = self._cells.get(cell)
        if known is not None:
            return known
        cells = summary.heap.get(cell)
        if cells is None or nesting > 2:
            return 0
        self._cells[cell] = made = run.new_cell(Cells(cells.kind, {}))
        items = {key: self._value(value, nesting + 1) for key, value in cells.items.items()}
        rest = self._value(cells.rest, nesting + 1) if cells.rest is not None else None
        run.store(made, Cells(cells.kind, items, rest, exact=cells.exact))
        return made
