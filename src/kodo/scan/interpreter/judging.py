"""Rules against what was evaluated: conditions, sinks, patterns, reports.

Does not know how calls are carried out. Guards that only data of a source which the rule names, not
cleaned of the rule's kind, is reported.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import UNSET

from kodo.scan.interpreter.expressions import Expressions
from kodo.scan.interpreter.found import Findings, Found
from kodo.scan.interpreter.site import Site, short_name
from kodo.scan.interpreter.unit import Frame, SinkHit, Unit
from kodo.scan.interpreter.values import BUILT, VARIES, Label, Taint, Taints, Value, join_taints
from kodo.scan.ir import Call, Field, Function, Index, Literal, Name, Node, Parameter
from kodo.scan.rules.book import (
    CallEntry,
    Check,
    CompiledPattern,
    CompiledSignature,
    CompiledSink,
    Gate,
)
from kodo.scan.rules.names import NamePattern, matches_any
from kodo.scan.rules.schema import Sink, SourcePack

MAX_HITS = 60


class Judging(Expressions):
    """The part of the interpreter that applies rules. `root` is the scanned file."""

    def __init__(self, root: Unit) -> None:
        super().__init__()
        self.root = root
        self.findings = Findings()

    # --- conditions -------------------------------------------------------------------------

    def passes(self, gate: Gate, site: Site) -> bool:
        """Whether all that must hold around a match does."""
        if gate.imports_any and not any(word in self.frame.unit.words for word in gate.imports_any):
            return False
        if gate.receiver is not None:
            written = short_name(site.receiver_node)
            if not gate.receiver.search(written):
                return False
        if gate.when and not all(self.holds(check, site) for check in gate.when):
            return False
        return not (gate.unless and all(self.holds(check, site) for check in gate.unless))

    def holds(self, check: Check, site: Site) -> bool:
        """Whether one condition holds of a call or write."""
        spec = check.spec
        if spec.at == ("any",):
            return any(self._is(check, value) for value in site.everything())
        if spec.at == ("into",):
            return check.matches is not None and check.matches.search(site.into) is not None
        if spec.at == ("function",):
            return check.matches is not None and check.matches.search(self.where()) is not None
        value: Value | None = None
        for place in spec.at:
            value = site.argument(place)
            if value is not None:
                break
        if spec.missing is not None and spec.element is not None:
            return self._lacks(value, spec.element) == spec.missing
        if spec.missing is not None:
            return (value is None and not site.spread) == spec.missing
        return value is not None and self._is(check, value)

    def _lacks(self, value: Value | None, key: int | str) -> bool:
        """Whether there is nothing under a key for sure."""
        if value is None or value.constant is None:
            return True
        cells = self.cells(value.cell)
        return cells is not None and cells.exact and cells.rest is None and key not in cells.items

    def _is(self, check: Check, value: Value) -> bool:
        spec = check.spec
        if spec.element is not None:
            path = spec.element.split(".") if isinstance(spec.element, str) else [spec.element]
            for key in path:
                cells = self.cells(value.cell)
                found = cells.items.get(key) if cells is not None else None
                if found is None:
                    return False
                value = found
        if spec.constant is not None and self._is_constant(value) != spec.constant:
            return False
        if spec.equals is not UNSET or check.matches is not None or spec.below is not None:
            constants = value.options if value.constant is VARIES else (value.constant,)
            if not any(_agrees(check, constant) for constant in constants):
                return False
        if check.named and not (value.name and matches_any(value.name, check.named)):
            return False
        return spec.tainted is None or (self._has_source(value) == spec.tainted)

    def _is_constant(self, value: Value) -> bool:
        if value.constant is not VARIES:
            return True
        cells = self.cells(value.cell)
        return (
            cells is not None
            and cells.exact
            and cells.rest is None
            and all(item.constant is not VARIES for item in cells.items.values())
        )

    def _has_source(self, value: Value) -> bool:
        taints = self.data_of(value)
        return taints is not None and any(label.origin.parameter < 0 for label in taints)

    # --- calls and writes -------------------------------------------------------------------

    def judge_call(self, entry: CallEntry, site: Site) -> None:
        """Apply the patterns and sinks that speak of a call."""
        name = site.name
        for pattern, found in entry.patterns:
            if pattern.matches(name) and self.passes(found.gate, site):
                self.report_pattern(found, site.node)
        for pattern, sink in entry.sinks:
            if pattern.matches(name) and self.passes(sink.gate, site):
                self._judge_sink(sink, site, site.node)

    def judge_write(self, target: Node, holder: Value, key: Value | None, value: Value) -> None:
        """Apply the patterns and sinks that speak of an assignment to a field or item."""
        book = self.frame.unit.book
        written = target.name if isinstance(target, Field) else ""
        if written:
            last = written
            name = f"{holder.name}.{written}" if holder.name else f"?.{written}"
        elif holder.name:
            name = f"{holder.name}[]"
            last = name.rpartition(".")[2]
        else:
            name = last = ""
        sinks = book.write_sinks.find(name, last)
        patterns = book.write_patterns.find(name, last)
        outer = target.object if isinstance(target, Index) else None
        nested = book.write_sinks.find("?.[]", "[]") if isinstance(outer, Index) else []
        sinks = [*sinks, *nested]
        if not sinks and not patterns:
            return
        keywords = {"value": value}
        if key is not None:
            keywords["key"] = key
        if nested and isinstance(outer, Index):
            keywords["outer_key"] = self.evaluate(outer.key)
        node = target.object if isinstance(target, (Field, Index)) else None
        pseudo = Call(target.start, target.end, target, [])
        site = Site(pseudo, name, last, holder, node, [], keywords, spread=False)
        for found in patterns:
            if self.passes(found.gate, site):
                self.report_pattern(found, target)
        for sink in sinks:
            if self.passes(sink.gate, site):
                self._judge_sink(sink, site, target)

    def judge_return(self, value: Value, node: Node) -> None:
        """Apply the sinks that speak of what this function returns."""
        for sink in self.frame.return_sinks:
            site = Site(
                Call(node.start, node.end, node, []), "", "", None, None, [value], {}, spread=False
            )
            if self.passes(sink.gate, site):
                self._judge_sink(sink, site, node)

    def _judge_sink(self, sink: CompiledSink, site: Site, node: Node) -> None:
        spec = sink.spec
        for value in self._places(spec, site):
            taints = self._harmful(spec, value)
            if taints is not None:
                certain = spec.certain and value.name != BUILT
                self.judge_data(sink, taints, node, certain=certain)

    def _places(self, spec: Sink, site: Site) -> list[Value]:
        if spec.arguments == ("any",):
            return [*site.arguments, *site.keywords.values()]
        values: list[Value] = []
        for place in spec.arguments:
            value = site.argument(place)
            if value is not None:
                values.append(value)
                if isinstance(place, int) and site.spread and place == len(site.arguments) - 1:
                    continue
        return values

    def _harmful(self, spec: Sink, value: Value) -> Taints | None:
        cells = self.cells(value.cell)
        if spec.element is not None:
            if cells is None:
                return value.taints
            item = cells.items.get(spec.element)
            taints = value.taints
            if item is not None:
                taints = join_taints(taints, self.data_of(item))
            elif cells.rest is not None and not cells.exact and not cells.items:
                taints = join_taints(taints, self.data_of(cells.rest))
            return taints
        if spec.shape == "text" and (cells is None or cells.kind != "builder"):
            return value.taints
        return self.data_of(value)

    def judge_data(self, sink: CompiledSink, taints: Taints, node: Node, *, certain: bool) -> None:
        """Report data at a sink, or note for the callers that a parameter's gets there."""
        frame = self.frame
        for label, taint in taints.items():
            if taint.cleaned & sink.bit or (certain and not taint.certain):
                continue
            if label.origin.parameter < 0:
                self.report_data(sink, label, taint, node.start, node.end, frame.unit, self.where())
            elif len(frame.hits) < MAX_HITS:
                frame.hits.append(
                    SinkHit(sink, label, taint, frame.unit, self.where(), node.start, node.end)
                )

    def where(self) -> str:
        """Return the qualified name of the innermost function."""
        frame = self.frame
        while frame.function is not None and not frame.function.name and frame.outer is not None:
            frame = frame.outer
        return frame.function.qualified if frame.function is not None else ""

    def tainted_by(self, pack: SourcePack, node: Node, name: str = "") -> Taints | None:
        """Return the data of a source at an expression, None in functions that are excepted."""
        exceptions = self.frame.unit.book.exceptions.get(pack.pack)
        if exceptions is not None:
            frame: Frame | None = self.frame
            while frame is not None:
                function, unit = frame.function, frame.unit
                if function is not None:
                    for signature in exceptions:
                        if self.fits(signature, function, unit, None, 0):
                            return None
                frame = frame.outer
        return super().tainted_by(pack, node, name)

    # --- reports ------------------------------------------------------------------------------

    def report_data(
        self,
        sink: CompiledSink,
        label: Label,
        taint: Taint,
        start: int,
        end: int,
        unit: Unit,
        function: str,
    ) -> None:
        """Keep a finding of data flow if it lies in the scanned file and its source counts."""
        if unit is self.root and means(sink.sources, label.origin.pack):
            self.findings.add(Found(sink.rule, start, end, function, label.origin, taint))

    def report_pattern(self, pattern: CompiledPattern, node: Node) -> None:
        """Keep a finding of a pattern if it lies in the scanned file."""
        if self.frame.unit is self.root:
            self.findings.add(Found(pattern.rule, node.start, node.end, self.where()))

    # --- signatures ---------------------------------------------------------------------------

    def fits(
        self,
        signature: CompiledSignature,
        function: Function,
        unit: Unit,
        parameter: Parameter | None,
        place: int,
        passed_to: str = "",
    ) -> bool:
        """Whether a signature means this function and parameter."""
        spec = signature.spec
        if signature.imports_any and not any(word in unit.words for word in signature.imports_any):
            return False
        if spec.passed_to and not (passed_to and matches_any(passed_to, signature.passed_to)):
            return False
        if spec.functions and not matches_any(function.qualified, signature.functions):
            return False
        parts = function.parts
        if spec.marked and not any(
            matches_any(self.dotted(written(mark), unit), signature.marked)
            and (signature.mark_argument is None or _argument_fits(mark, signature.mark_argument))
            for mark in parts.marks
        ):
            return False
        if spec.result and not matches_any(self.type_name(parts.returns, unit), signature.result):
            return False
        if spec.bases and not self._derives(function, signature.bases, unit):
            return False
        if parameter is None:
            return True
        if spec.position is not None and place != spec.position:
            return False
        if spec.named and parameter.name not in spec.named:
            return False
        if parameter.name in spec.except_named:
            return False
        typed = self.type_name(parameter.type, unit)
        if spec.typed and not (typed and matches_any(typed, signature.typed)):
            return False
        if typed and signature.except_types and matches_any(typed, signature.except_types):
            return False
        if spec.parameter_marked and not self._marked(
            parameter.marks, signature.parameter_marked, unit
        ):
            return False
        if signature.except_defaults:
            marks = [
                *parameter.marks,
                *([parameter.default] if parameter.default is not None else []),
            ]
            if self._marked(marks, signature.except_defaults, unit):
                return False
        return True

    def _marked(self, marks: list[Node], patterns: tuple[NamePattern, ...], unit: Unit) -> bool:
        return any(matches_any(self.dotted(written(mark), unit), patterns) for mark in marks)

    def _derives(self, function: Function, bases: tuple[NamePattern, ...], unit: Unit) -> bool:
        owner = function.owner
        return owner is not None and any(
            matches_any(self.dotted(base, unit), bases) for base in owner.bases
        )

    def type_name(self, type_text: str, unit: Unit) -> str:
        """Return the dotted name of a declared type, without wrappers and arguments."""
        bare = type_text.strip("\"'")
        for wrapper in ("Optional[", "Annotated[", "typing.Optional[", "t.Optional["):
            if bare.startswith(wrapper):
                bare = bare[len(wrapper) :].rstrip("]")
        for mark in ("[", "|", "<", ",", "="):
            bare = bare.partition(mark)[0]
        bare = bare.strip("&*? ")
        return self.dotted(bare, unit) if bare else ""


def _agrees(check: Check, constant: object) -> bool:
    """Whether a constant is what a condition asks for."""
    spec = check.spec
    if spec.equals is not UNSET and not (
        type(constant) is type(spec.equals) and constant == spec.equals
    ):
        return False
    if check.matches is not None:
        if constant is None:
            return False
        written = constant.decode("latin-1") if isinstance(constant, bytes) else str(constant)
        if not check.matches.search(written):
            return False
    return spec.below is None or (
        isinstance(constant, (int, float))
        and not isinstance(constant, bool)
        and constant < spec.below
    )


def _argument_fits(mark: Node, pattern: re.Pattern[str]) -> bool:
    if not isinstance(mark, Call) or not mark.arguments:
        return False
    first = mark.arguments[0]
    return isinstance(first, Literal) and pattern.search(str(first.value)) is not None


def written(node: Node) -> str:
    """Return the dotted name that an expression spells, "" where it spells none."""
    names: list[str] = []
    for _ in range(12):
        if isinstance(node, Call):
            node = node.function
        elif isinstance(node, Field):
            names.append(node.name)
            node = node.object
        elif isinstance(node, Name):
            names.append(node.name)
            return ".".join(reversed(names))
        else:
            break
    return ".".join(reversed(names))


@lru_cache(maxsize=1024)
def means(packs: tuple[str, ...], pack: str) -> bool:
    """Whether one of a rule's packs (`http.*`, `argv`, `*`) is this pack."""
    return any(
        wanted in (pack, "*") or (wanted.endswith(".*") and pack.startswith(wanted[:-1]))
        for wanted in packs
    )
