"""Buffer overflows, uses after free, double frees and wrapped integers of C and C++.

Covered: sizes of arrays, allocations and structs, offsets, text lengths, counted loops, functions
of the same file, branches that nothing is known of (a few are tried both ways). Not covered: other
files, leaks, threads, memory behind unknown pointers. Guards certainty: what is told happens on one
real path whatever the unknown values are, or where outsiders choose them.
"""

from __future__ import annotations

import contextlib
import re

from kodo.scan.checker import Report
from kodo.scan.checkers.layout import Layout
from kodo.scan.checkers.library import Library
from kodo.scan.checkers.machine import MAX_STEPS, Spent, Tell
from kodo.scan.checkers.values import Block, Known, Number, Pointer, State
from kodo.scan.interpreter.unit import Unit
from kodo.scan.ir import (
    Assign,
    Bind,
    Break,
    Call,
    Continue,
    Declare,
    Defer,
    ForEach,
    Function,
    Goto,
    If,
    Label,
    Literal,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    Throw,
    Try,
    Using,
    While,
)
from kodo.scan.ir import (
    Block as Statements,
)

MAX_DECISIONS = 3
MAX_RUNS = 8
MAX_INLINED = 3
ENDS = frozenset({"exit", "_exit", "abort", "_Exit", "longjmp", "__builtin_unreachable"})
RULES = {
    "overwrite": "c.buffer-overflow",
    "overread": "c.buffer-overread",
    "chosen": "c.unchecked-index",
    "freed": "c.use-after-free",
    "twice": "c.double-free",
    "wraps": "c.integer-overflow",
}


class Run(Library):
    """One path through a function. `decisions` say how unknown tests turn out."""

    def __init__(self, unit: Unit, layout: Layout, constants: dict[str, int], tell: Tell) -> None:
        super().__init__(unit.text, layout, constants, tell)
        self.functions = unit.module.functions
        self.renamed = unit.module.imports
        self.pointed_functions = {}
        self.known_writes: dict[tuple[int, int], set[str]] = {}
        self.decisions: dict[str, bool] = {}
        self.asked: list[str] = []
        self.inlined = 0
        self.returned: list[Known] = []  # what each `return` that was met gives
        self.leaving = ""  # "break" or "continue" on its way to the loop
        self.going = ""  # the label that a `goto` on the path leads to
        self.left: list[State] = []  # of loops, where one of several joined ways leaves

    # --- functions ----------------------------------------------------------------------------

    def inline(self, function: Function, values: list[Known]) -> Known:
        """Return what a function of the file gives; past a depth it may do anything."""
        if self.inlined >= MAX_INLINED:
            for value in values:
                self.set_text(value, None)
            return None
        saved = self.types, self.state.variables, self.returned, self.leaving
        saved_pointed = self.pointed_functions
        self.types, self.state.variables, self.returned = {}, {}, []
        self.pointed_functions = {}
        self.inlined += 1
        for parameter, value in zip(function.parts.parameters, values, strict=False):
            self.types[parameter.name] = parameter.type
            self.state.variables[parameter.name] = value
        self.run_body(function.parts.body)
        given = self.returned
        result = given[0] if given and all(one == given[0] for one in given) else None
        self.inlined -= 1
        self.types, self.state.variables, self.returned, self.leaving = saved
        self.pointed_functions = saved_pointed
        return result

    # --- statements ---------------------------------------------------------------------------

    def run_body(self, body: Statements) -> None:
        """Run a function's body; a `goto` forward to one of its own labels is followed."""
        start = 0
        while not self.execute(body[start:]) and self.going:
            label, self.going = self.going, ""
            for place in range(start + 1, len(body)):
                node = body[place]
                if isinstance(node, Label) and node.name == label:
                    start = place
                    break
            else:
                return
        self.going = ""

    def execute(self, block: Statements) -> bool:
        """Run statements; return whether the path goes on behind them."""
        for node in block:  # noqa: SIM110  the plain loop is faster, and this is the hot one
            if not self._statement(node):
                return False
        return True

    def _statement(self, node: Node) -> bool:
        if isinstance(node, Declare):
            self._declare(node)
        elif isinstance(node, Assign):
            self._assign(node)
        elif isinstance(node, If):
            return self._branch(node)
        elif isinstance(node, While):
            return self._loop(node)
        elif isinstance(node, Switch):
            return self._switch(node)
        elif isinstance(node, Return):
            returned = self.value(node.value) if node.value is not None else None
            self.returned.append(returned)
            if isinstance(returned, Pointer):
                held = self.state.blocks.get(returned.block)
                if held is not None and held.freed:
                    self.tell("freed", node)
            return False
        elif isinstance(node, (Throw, Goto)):
            self.going = node.label if isinstance(node, Goto) else ""
            return False
        elif isinstance(node, (Break, Continue)):
            self.leaving = "break" if isinstance(node, Break) else "continue"
            return False
        elif isinstance(node, ForEach):
            self._havoc(node.body)
            self._aside(node.body)
        elif isinstance(node, Try):
            return self.execute(node.body)
        elif isinstance(node, (Using, Defer)):
            self.value(node.value)
        elif isinstance(node, Call) and self.callee(node) in ENDS:
            return False
        else:
            self.value(node)
        return True

    def _declare(self, node: Declare) -> None:
        if not isinstance(node.target, Name):
            return
        name, kind = node.target.name, node.type
        if node.lengths:
            self._declare_array(node, name, kind)
            return
        self.types[name] = kind
        if node.value is None:
            if kind and not kind.endswith("*") and self.layout.field(kind, "") == "":
                made = self.layout.alias(kind)
                if made in self.unit_classes:
                    self.state.variables[name] = self.new_block(Block(self.layout.size(kind)))
                    return
            self.state.variables[name] = None
            return
        if isinstance(node.value, Name) and node.value.name in self.functions:
            self.pointed_functions[name] = node.value.name
        self.state.variables[name] = self.value(node.value)

    unit_classes: frozenset[str] = frozenset()

    def _declare_array(self, node: Declare, name: str, kind: str) -> None:
        size: int | None = self.layout.size(kind)
        lengths = ""
        for length in node.lengths:
            given = self.value(length) if length is not None else None
            count = given.exact if isinstance(given, Number) else None
            lengths += f"[{count if count is not None else ''}]"
            size = size * count if size is not None and count is not None else None
        self.types[name] = kind + lengths
        made = self.initial(kind + lengths, size or 0, node.value)
        self.state.variables[name] = self.new_block(made)

    def _assign(self, node: Assign) -> None:
        value: Known
        if node.operator:
            made = Operation(node.start, node.end, node.operator, [node.target, node.value])
            value = self.value(made)
        else:
            value = self.value(node.value)
            if (
                isinstance(node.target, Name)
                and isinstance(node.value, Name)
                and node.value.name in self.functions
            ):
                self.pointed_functions[node.target.name] = node.value.name
        self.store(node.target, value)

    # --- branches -----------------------------------------------------------------------------

    def _decide(self, test: Node) -> bool | None:
        """Return how a test turns out on this path, None where both ways must be joined."""
        value = self.value(test)
        if isinstance(value, Number) and value.exact is not None:
            return value.exact != 0
        if isinstance(value, Pointer):
            return True
        key, negated = self._question(test)
        known = self.decisions.get(key)
        if known is None:
            if len(self.decisions) >= MAX_DECISIONS:
                return None
            known = self.decisions[key] = True
            self.asked.append(key)
        return known != negated

    def _question(self, test: Node) -> tuple[str, bool]:
        """Return what a test asks, in words that its opposite shares, and whether it is that."""
        negated = False
        while isinstance(test, Operation) and test.operator == "not":
            test, negated = test.operands[0], not negated
        if isinstance(test, Operation) and test.operator in ("==", "!="):
            parts = [self.text.slice(one.start, one.end) for one in test.operands]
            return " == ".join(parts), negated != (test.operator == "!=")
        written = self.text.slice(test.start, test.end)
        if isinstance(test, (Name, Call)):
            return written, negated
        return f"{written}@{test.start}", negated

    def _branch(self, node: If) -> bool:
        for place, arm in enumerate(node.arms):
            turned = self._decide(arm.test)
            if turned is None:
                return self._both(node, place)
            self._assume(arm.test, holds=turned)
            if turned:
                return self.execute(arm.body)
        return self.execute(node.otherwise)

    def _both(self, node: If, place: int) -> bool:
        """Run what is left of a branch in all ways and keep what they agree on."""
        before = self.state
        ends: list[State] = []
        bodies = [(arm.test, arm.body) for arm in node.arms[place:]]
        for test, body in [*bodies, (None, node.otherwise)]:
            self.state = before.copy()
            if test is not None:
                self._assume(test, holds=True)
            outer, self.leaving = self.leaving, ""
            if self.execute(body):
                ends.append(self.state)
            elif self.leaving:
                self.left.append(self.state)
            self.leaving = outer
        self.going = ""
        if not ends:
            self.state = before
            return False
        self.state = ends[0]
        for other in ends[1:]:
            self.state.join(other)
        return True

    def _assume(self, test: Node, *, holds: bool) -> None:
        """Narrow what a variable is compared with."""
        if isinstance(test, Operation):
            if test.operator == "not":
                self._assume(test.operands[0], holds=not holds)
                return
            if test.operator == "and" and holds:
                for operand in test.operands:
                    self._assume(operand, holds=True)
                return
            if test.operator == "or" and not holds:
                for operand in test.operands:
                    self._assume(operand, holds=False)
                return
            if test.operator in _OPPOSITE and len(test.operands) == 2:
                left, right = test.operands
                operator = test.operator if holds else _OPPOSITE[test.operator]
                self._narrow(left, operator, right)
                self._narrow(right, _MIRROR[operator], left)

    def _narrow(self, node: Node, operator: str, other: Node) -> None:
        while isinstance(node, Call) and len(node.arguments) == 1:  # labs(x), abs(x)
            if self.callee(node) not in ("abs", "labs") or operator not in ("<", "<="):
                return
            inner = self.value(node.arguments[0])
            if isinstance(inner, Number) and isinstance(node.arguments[0], Name):
                self.write(node.arguments[0].name, inner._replace(reached=False))
            return
        if not isinstance(node, Name):
            return
        value, bound = self.read(node.name), self.value(other)
        if not isinstance(value, Number) or not isinstance(bound, Number):
            return
        low, high = value.low, value.high
        if operator in ("<", "<="):
            high = min(high, bound.high - (operator == "<"))
        elif operator in (">", ">="):
            low = max(low, bound.low + (operator == ">"))
        elif operator == "==":
            low, high = max(low, bound.low), min(high, bound.high)
        if low <= high:
            reached = value.reached and bound.reached
            self.write(node.name, Number(low, high, reached, value.outside))

    # --- loops and switches -------------------------------------------------------------------

    def _loop(self, node: While) -> bool:
        rounds = self._counted(node)
        once = _runs_once(node)
        if rounds is not None:
            name, first, last = rounds
            if last.high < first:
                return True
            reached = last.reached and not _leaves(node.body)
            if not (reached and last.exact == first):
                self._havoc(node.body, but=name)
            self.write(name, Number(first, last.high, reached))
            self._inside(node.body)
            self.going = ""
            self.write(name, Number(last.high + 1, last.high + 1, reached))
            return True
        if node.test is not None and node.test_first:
            turned = self.value(node.test)
            if isinstance(turned, Number) and turned.exact == 0:
                return True
        if not once:
            self._havoc([*node.body, *node.step])
        if node.test is not None:
            self._assume(node.test, holds=True)
        if once:
            return self._inside(node.body)
        self._aside([*node.body, *node.step])
        return True

    def _inside(self, body: Statements) -> bool:
        """Run a loop's body once; return whether the path goes on behind the loop."""
        before, self.leaving = self.leaving, ""
        outer, self.left = self.left, []
        goes_on = self.execute(body) or self.leaving != ""
        for other in self.left:
            if goes_on:
                self.state.join(other)
            else:
                self.state, goes_on = other, True
        self.leaving, self.left = before, outer
        return goes_on

    def _aside(self, body: Statements) -> None:
        """Run a body that may not run at all: what it changes is unknown behind it."""
        before = self.state.copy()
        if self._inside(body):
            self.state.join(before)
        else:
            self.state = before
        self.going = ""

    def _counted(self, node: While) -> tuple[str, int, Number] | None:
        """Return variable, first and last value of a loop that counts up by one."""
        test = node.test
        if not isinstance(test, Operation) or test.operator not in ("<", "<=", "!="):
            return None
        variable = test.operands[0]
        if not isinstance(variable, Name) or len(node.step) != 1:
            return None
        step = node.step[0]
        if not (isinstance(step, Bind) and isinstance(step.target, Name)):
            return None
        if step.target.name != variable.name or not isinstance(step.value, Operation):
            return None
        if step.value.operator != "+" or variable.name in self._assigned(node.body):
            return None
        first, last = self.read(variable.name), self.value(test.operands[1])
        if not isinstance(first, Number) or first.exact is None or not isinstance(last, Number):
            return None
        if test.operator != "<=":
            last = Number(last.low - 1, last.high - 1, last.reached, last.outside)
        if last.exact is None and not last.outside:
            last = last._replace(reached=False)
        return variable.name, first.exact, last

    def _assigned(self, body: Statements) -> set[str]:
        """Return the variables that a loop's body writes to, looked for once."""
        key = body[0].start if body else -1, body[-1].end if body else -1
        known = self.known_writes.get(key)
        if known is None:
            known = self.known_writes[key] = _find_assigned(body)
        return known

    def _havoc(self, body: Statements, but: str = "") -> None:
        """Forget what a loop's later rounds may have changed."""
        for name in self._assigned(body):
            if name != but:
                held = self.read(name)
                array = self.types.get(name, "").endswith("]")
                if held is not None and not array:
                    self.write(name, None)

    def _switch(self, node: Switch) -> bool:
        subject = self.value(node.subject)
        exact = subject.exact if isinstance(subject, Number) else None
        if exact is None:
            before = self.state
            ends: list[State] = []
            for case in node.cases:
                self.state = before.copy()
                if self._inside(case.body):
                    ends.append(self.state)
            self.going = ""
            self.state = before.copy()
            for other in ends:
                self.state.join(other)
            return True
        running = False
        for otherwise in (False, True):
            for case in node.cases:
                if not running:
                    running = case.otherwise if otherwise else self._chosen(case.values, exact)
                if running:
                    before, self.leaving = self.leaving, ""
                    goes_on = self.execute(case.body)
                    left = str(self.leaving)
                    self.leaving = before
                    if left == "break":
                        return True
                    if left == "continue":
                        self.leaving = left
                    if not goes_on:
                        return False
            if running:
                return True
        return True

    def _chosen(self, values: list[Node], exact: int) -> bool:
        return any(
            isinstance(value := self.value(one), Number) and value.exact == exact for one in values
        )


_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_MIRROR = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def _walk(body: Statements) -> list[Node]:
    """Return all nodes below statements, closures' bodies left out."""
    found: list[Node] = []
    pending: list[object] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(node, Node):
            found.append(node)
            pending.extend(getattr(node, name) for name in node.__struct_fields__[2:])
    return found


def _find_assigned(body: Statements) -> set[str]:
    """Return the variables that statements write to."""
    names: set[str] = set()
    for node in _walk(body):
        target = node.target if isinstance(node, (Assign, Bind, Declare)) else None
        if isinstance(node, Operation) and node.operator == "address":
            target = node.operands[0]
        if isinstance(target, Name):
            names.add(target.name)
    return names


def _leaves(body: Statements) -> bool:
    return any(isinstance(node, (Break, Return, Goto, Throw)) for node in _walk(body))


def _runs_once(node: While) -> bool:
    """Whether a loop is a block in disguise: `do {...} while (0)`, `while (1) {...; break; }`."""
    test = node.test
    if isinstance(test, Literal) and not test.value and not node.test_first:
        return True
    forever = test is None or (isinstance(test, Literal) and bool(test.value))
    return forever and bool(node.body) and isinstance(node.body[-1], (Break, Return))


def _constants(unit: Unit) -> tuple[dict[str, int], dict[str, str]]:
    """Return the numbers that names of the file stand for, and the types of its variables."""
    constants: dict[str, int] = {}
    types: dict[str, str] = {}
    data = unit.text.latin
    for node in unit.module.body:
        if not isinstance(node, (Declare, Assign)) or not isinstance(node.target, Name):
            continue
        name = node.target.name
        if isinstance(node, Declare):
            types[name] = node.type + "[]" * len(node.lengths)
        value = node.value
        if not isinstance(value, Literal) or not isinstance(value.value, (int, bool)):
            continue
        writes = re.findall(rf"\b{re.escape(name)}\s*(?:=(?!=)|[-+*/|&^%]=|\+\+|--)", data)
        if len(writes) <= isinstance(node, Declare) and f"&{name}" not in data:
            constants[name] = int(value.value)
            types.pop(name, None)
    return constants, types


class MemoryChecker:
    """The checker. It keeps what it knows of the last file, as functions come file by file."""

    def __init__(self) -> None:
        self._unit: Unit | None = None
        self._layout: Layout | None = None
        self._constants: dict[str, int] = {}
        self._types: dict[str, str] = {}
        self._writes: dict[tuple[int, int], set[str]] = {}

    def __call__(self, unit: Unit, function: Function, report: Report) -> None:
        """Look at one function, along a few paths."""
        if unit is not self._unit or self._layout is None:
            self._unit = unit
            self._writes = {}
            self._constants, self._types = _constants(unit)
            self._layout = Layout(unit.module, self._constants)
        layout = self._layout
        classes = frozenset(unit.module.classes)

        def tell(word: str, node: Node) -> None:
            report(RULES[word], node, function)

        waiting: list[dict[str, bool]] = [{}]
        steps = 0
        for _ in range(MAX_RUNS):
            if not waiting or steps > MAX_STEPS:
                break
            run = Run(unit, layout, self._constants, tell)
            run.unit_classes = classes
            run.known_writes = self._writes
            run.shared_types = self._types
            run.decisions = waiting.pop()
            run.steps = steps
            fixed = dict(run.decisions)
            for parameter in function.parts.parameters:
                run.types[parameter.name] = parameter.type
                run.state.variables[parameter.name] = None
            with contextlib.suppress(Spent):
                run.run_body(function.parts.body)
            steps = run.steps
            for place, key in enumerate(run.asked):
                waiting.append({**fixed, **dict.fromkeys(run.asked[:place], True), key: False})


check_memory = MemoryChecker()
