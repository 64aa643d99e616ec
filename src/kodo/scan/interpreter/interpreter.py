"""The interpreter: one run over one file.

Does not know where files and rules come from. Guards that functions which nobody calls are looked
at too, and that patterns can be matched without running anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from kodo.scan.interpreter.activations import MAX_CALLS, MAX_CLOSURES, Late
from kodo.scan.interpreter.state import Heap, State
from kodo.scan.interpreter.summaries import Summaries
from kodo.scan.interpreter.unit import Frame
from kodo.scan.interpreter.values import (
    Target,
)
from kodo.scan.ir import Block, Call, Function, Node


class Interpreter(Summaries):
    """One run over one file, from its top level into its functions."""

    def scan(self, functions: list[Function]) -> None:
        """Run the file's top level and these functions of it. Raises Late."""
        if self._is_late():
            raise Late
        top = self.run_globals(self.root)
        assert top is not None
        for function in functions:
            self.frame = top
            owner = function.owner
            if owner is not None and owner.constructor not in ("", function.name):
                constructor = owner.methods.get(owner.constructor)
                if constructor is not None:
                    self.summarise(Target(constructor, self.root), ())
            self._run_root(function)
            self.depth = 0

    def _run_root(self, function: Function) -> None:
        """Run a function for itself: its parameters hold only what entry points are given."""
        frame = Frame(self.root, function, State({}, Heap()))
        self._run(frame, function, self._entry_values(function, self.root, "", {}))

    def match_patterns(self, functions: list[Function]) -> None:
        """Match the patterns of rules in these functions, without running them."""
        self._calls = MAX_CALLS
        self._closures = MAX_CLOSURES
        top = Frame(self.root, None, State({}, Heap()))
        self.root.globals = self.root.globals or top
        for function in functions:
            self.frame = Frame(self.root, function, State({}, Heap()))
            for call in calls_in(function.parts.body):
                self.evaluate(call)


def calls_in(block: Block) -> Iterator[Call]:
    """Yield the outermost calls of statements, without recursion."""
    pending: list[object] = [block]
    while pending:
        item = pending.pop()
        if isinstance(item, Call):
            yield item
        elif isinstance(item, list):
            pending.extend(cast("list[object]", item))
        elif isinstance(item, Node):
            pending.extend(getattr(item, name) for name in item.__struct_fields__[2:])
