"""What the interpreter has found, before it becomes a report: rule, place, data, way.

Does not know how findings are shown. Guards that one weakness at one place is told once, with the
surest way that leads to it.
"""

from __future__ import annotations

import msgspec

from kodo.scan.findings import Confidence, Severity, Step, Weakness
from kodo.scan.interpreter.unit import Unit
from kodo.scan.interpreter.values import Origin, Taint, Trace
from kodo.scan.rules.schema import Rule
from kodo.scan.text import SourceText

MAX_SINK_TEXT = 160
MAX_FINDINGS = 500

_ORDER: tuple[Confidence, ...] = ("low", "medium", "high")
_WEIGHTS: tuple[Severity, ...] = ("note", "warning", "error")


class Found(msgspec.Struct, frozen=True, eq=False):
    """A rule that holds at a place of the scanned file; `origin` and `taint` only for data flow."""

    rule: Rule
    start: int
    end: int
    function: str
    origin: Origin | None = None
    taint: Taint | None = None


class Findings:
    """All that was found in one file, by rule and place."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Found] = {}

    def add(self, found: Found) -> None:
        """Keep a finding unless a surer one is known for its rule and place."""
        key = (found.rule.id, found.start)
        known = self._found.get(key)
        if known is None and len(self._found) >= MAX_FINDINGS:
            return
        if known is None or _ORDER.index(confidence(found)) > _ORDER.index(confidence(known)):
            self._found[key] = found

    def weaknesses(self, text: SourceText, origins: dict[str, SourceText]) -> tuple[Weakness, ...]:
        """Return the findings in file order. `origins` are texts of other files, by path.

        Of several findings of one kind at one place the weightiest is told, not its hints too.
        """
        best: dict[tuple[int, str], int] = {}
        for found in self._found.values():
            place = found.start, found.rule.kind
            best[place] = max(best.get(place, 0), _rank(found))
        kept = [
            found
            for found in self._found.values()
            if _rank(found) == best[found.start, found.rule.kind]
        ]
        ordered = sorted(kept, key=lambda found: (found.start, found.rule.id))
        return tuple(_weakness(found, text, origins) for found in ordered)


def _rank(found: Found) -> int:
    return _WEIGHTS.index(found.rule.severity) * len(_ORDER) + _ORDER.index(confidence(found))


def confidence(found: Found) -> Confidence:
    """Return how sure a finding is: as sure as its rule, its source and the code in between."""
    levels = [_ORDER.index(found.rule.confidence)]
    if found.origin is not None:
        levels.append(_ORDER.index("high" if found.origin.confidence == "high" else "medium"))
        if found.origin.confidence == "low":
            levels.append(0)
    if found.taint is not None and not found.taint.certain:
        levels.append(1)
    return _ORDER[min(levels)]


def _weakness(found: Found, text: SourceText, origins: dict[str, SourceText]) -> Weakness:
    line, column = text.place(found.start)
    end_line, end_column = text.place(max(found.start, found.end - 1))
    sink = " ".join(
        text.slice(found.start, min(found.end, found.start + 4 * MAX_SINK_TEXT)).split()
    )
    rule = found.rule
    steps: list[Step] = []
    origin = found.origin
    if origin is not None:
        steps.append(_step(origin.path, origin.start, origin.note, text, origins))
        trace = found.taint.trace if found.taint is not None else None
        steps += [_step(stop.path, stop.start, stop.note, text, origins) for stop in stops(trace)]
        steps.append(Step(text.path, line, column, f"reaches {_called(sink)}"))
    return Weakness(
        rule=rule.id,
        cwe=rule.cwe,
        kind=rule.kind,
        severity=rule.severity,
        confidence=confidence(found),
        path=text.path,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        message=rule.message,
        fix=rule.fix,
        function=found.function,
        sink=sink[:MAX_SINK_TEXT],
        trace=tuple(steps),
    )


def _called(sink: str) -> str:
    return sink if len(sink) <= 60 else f"{sink[:57]}..."


def _step(
    path: str, start: int, note: str, text: SourceText, origins: dict[str, SourceText]
) -> Step:
    held = text if path == text.path else origins.get(path)
    line, column = held.place(start) if held is not None else (1, 1)
    return Step(path, line, column, note)


def stops(trace: Trace | None) -> list[Trace]:
    """Return the stops of a way, first one first."""
    found: list[Trace] = []
    while trace is not None:
        found.append(trace)
        trace = trace.before
    found.reverse()
    return found


def appended(before: Trace | None, after: Trace | None, unit: Unit, start: int, note: str) -> Trace:
    """Return a way that goes on inside a function: `before`, the call, then `after`."""
    way = Trace(
        before, unit.module.path, start, note, before.depth + 1 if before is not None else 1
    )
    for stop in stops(after):
        way = Trace(way, stop.path, stop.start, stop.note, way.depth + 1)
    return way
