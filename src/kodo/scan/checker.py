"""The port for analyses of their own: sizes and intervals, typestate, whatever data flow is not.

Does not know any of them. Guards that they report rules like everybody else: text, CWE, severity
and examples stand in YAML under `checker`.
"""

from __future__ import annotations

from typing import Protocol

from kodo.scan.interpreter.unit import Unit
from kodo.scan.ir import Function, Node


class Report(Protocol):
    """Tells a finding; a rule id that no rule file has is dropped."""

    def __call__(self, rule: str, node: Node, function: Function | None) -> None:
        """Report that a rule holds at a node."""
        ...


class Checker(Protocol):
    """Looks at one function at a time, in file order; must not raise or recurse deeply."""

    def __call__(self, unit: Unit, function: Function, report: Report) -> None:
        """Look at a function. Callees are in `unit.module.functions`."""
        ...
