"""Buffer overflows, uses after free, double frees and wrapped integers of C and C++.

Covered: sizes of arrays, allocations and structs, offsets, text lengths, counted loops, functions
of the same file, branches that nothing is known of (a few are tried both ways). Not covered: other
files, leaks, threads, memory behind unknown pointers. Guards certainty: what is told happens on one
real path whatever the unknown values are, or where outsiders choose them.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import NamedTuple

from kodo.scan.checker import Report
from kodo.scan.checkers.layout import RANGES, Layout
from kodo.scan.checkers.library import Library
from kodo.scan.checkers.linear import Linear
from kodo.scan.checkers.machine import MAX_STEPS, Spent, Tell
from kodo.scan.checkers.nodes import walk
from kodo.scan.checkers.values import Block, Known, Number, Pointer, State
from kodo.scan.interpreter.unit import Unit
from kodo.scan.ir import (
    Assign,
    Bind,
    Break,
    Call,
    Cast,
    Collection,
    Continue,
    Declare,
    Defer,
    Field,
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

WORTH = re.compile(
    r"\b(?:malloc|calloc|realloc|alloca|ALLOCA|new|free|delete|mem\w+|wmem\w+|str\w+|wcs\w+|s\w*printf"
    r"|fgets|fgetws|fread|recv|read|readlink|nto\w+|ato\w+|f?scanf|sizeof|f\w*open|opendir|tmpfile"
    r"|getenv)\b|\bfor\s*\([^;]*;[^;]*<[^;]*;[^)]*\)[^;]*\[|\breturn\s+&"
    r"|\w\s*\[[^\]]+\]\s*[;=,]"
)
"""What a function must have for a look at its memory to find anything, by itself."""

RETURNS = re.compile(r"\breturn\s+\w+\s*;")
NULLS = re.compile(r"(?:[^=!<>]=|[(,?:])\s*(?:\([^()]*\)\s*)?(?:NULL|nullptr|0)\s*[;,):?]|\w\s*\[")
"""A function that only gives a variable matters if it has an array, a null, or calls of those."""

CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")

MAX_DECISIONS = 3
MAX_RUNS = 8
MAX_FAILURES = 3
MAX_INLINED = 3
ENDS = frozenset({"exit", "_exit", "abort", "_Exit", "longjmp", "__builtin_unreachable"})
RULES = {
    "overwrite": "c.buffer-overflow",
    "overread": "c.buffer-overread",
    "chosen": "c.unchecked-index",
    "freed": "c.use-after-free",
    "twice": "c.double-free",
    "wraps": "c.integer-overflow",
    "null": "c.unchecked-null",
    "isnull": "c.null-dereference",
    "leak": "c.memory-leak",
    "unclosed": "c.unclosed-file",
    "mismatched": "c.mismatched-free",
    "local": "c.returned-local",
}


class Facts(NamedTuple):
    """What statements write to, whether one of them leaves, and whether fields may change."""

    assigned: frozenset[str]
    leaves: bool
    may_set_members: bool


class LastRound(NamedTuple):
    """A loop's variable, and what it is in the last round."""

    name: str
    value: Linear


class Run(Library):
    """One path through a function. `decisions` say how unknown tests turn out."""

    def __init__(self, unit: Unit, layout: Layout, constants: dict[str, int], tell: Tell) -> None:
        super().__init__(unit.text, layout, constants, tell)
        self.unit = unit.module
        self.functions = unit.module.functions
        self.renamed = unit.module.imports
        self.pointed_functions = {}
        self.known_facts: dict[tuple[int, int], Facts] = {}
        self.decisions: dict[str, bool] = {}
        self.asked: list[str] = []
        self.failures = 0  # allocations of which both outcomes are tried
        self.statics: set[str] = set()
        self.inlined = 0
        self.returned: list[Known] = []  # what each `return` that was met gives
        self.leaving = ""  # "break" or "continue" on its way to the loop
        self.going = ""  # the label that a `goto` on the path leads to
        self.lost: set[int] = set()  # storage that was told to be lost
        self.left: list[State] = []  # of loops, where one of several joined ways leaves

    # --- functions ----------------------------------------------------------------------------

    def inline(self, function: Function, values: list[Known]) -> Known:
        """Return what a function of the file gives; past a depth it may do anything."""
        if self.inlined >= MAX_INLINED:
            for value in values:
                self.set_text(value, None)
                self.keep(value)
            self.forget_members()
            return None
        for value in values[len(function.parts.parameters) :]:
            self.keep(value)
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

    def take_parameters(self, function: Function) -> None:
        """Begin with parameters: storage and numbers that are unknown, but have an identity."""
        for parameter in function.parts.parameters:
            name, kind = parameter.name, parameter.type
            if name == "this" and function.owner is not None:
                kind = f"{function.owner.name}*"
            self.types[name] = kind
            held: Known = None
            if kind.endswith("*") and not kind.endswith("**") and "(" not in kind:
                held = self.new_block(Block(None, "given"))
            elif self.layout.alias(kind) in RANGES:
                held = self.fresh_number()
            self.state.variables[name] = held

    def run_body(self, body: Statements) -> bool:
        """Run a function's body; a `goto` forward to one of its own labels is followed.

        Return whether its end is reached.
        """
        start = 0
        while True:
            if self.execute(body[start:]):
                return True
            if not self.going:
                return False
            label, self.going = self.going, ""
            for place in range(start + 1, len(body)):
                node = body[place]
                if isinstance(node, Label) and node.name == label:
                    start = place
                    break
            else:
                return False

    def execute(self, block: Statements) -> bool:
        """Run statements; return whether the path goes on behind them."""
        for node in block:  # noqa: SIM110  the plain loop is faster, and this is the hot one
            if not self._statement(node) or self.ended:
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
            self._return(node)
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
            self.ended = self.inlined > 0
            return False
        else:
            self.value(node)
        return True

    def _return(self, node: Return) -> None:
        returned = self.value(node.value) if node.value is not None else None
        self.returned.append(returned)
        if isinstance(returned, Pointer) and node.value is not None:
            held = self.state.blocks.get(returned.block)
            if held is not None and held.freed:
                self.tell("freed", node)
            elif held is not None and held.made_by == "local" and not self.inlined:
                kind = self.type_of(node.value)
                if kind.endswith("]") or self.is_address(node.value):
                    self.tell("local", node)
            if not self.inlined:
                self.keep(returned)
        if not self.inlined:
            self.tell_lost(node)

    def is_address(self, node: Node) -> bool:
        """Whether an expression is the address of something."""
        return isinstance(node, Operation) and node.operator == "address"

    def tell_lost(self, node: Node) -> None:
        """Tell the storage and the files that nobody can free or close behind this point."""
        for number, block in self.state.blocks.items():
            if block.freed or block.kept:
                continue
            if block.made_by in ("malloc", "new", "new[]"):
                self.tell("leak", node)
            elif block.made_by == "file":
                self.tell("unclosed", node)
            else:
                continue
            self.lost.add(number)

    def _declare(self, node: Declare) -> None:
        if not isinstance(node.target, Name):
            return
        name, kind = node.target.name, node.type
        if "static" in self.text.latin[max(0, node.start - 60) : node.start].rpartition("\n")[2]:
            self.statics.add(name)
        if node.lengths:
            self._declare_array(node, name, kind)
            return
        self.types[name] = kind
        if node.value is None:
            if kind and not kind.endswith("*") and self.layout.field(kind, "") == "":
                made = self.layout.alias(kind)
                if made in self.unit_classes:
                    made_here = Block(self.layout.size(kind), "local")
                    self.state.variables[name] = self.new_block(made_here)
                    return
            self.state.variables[name] = None
            return
        if isinstance(node.value, Name) and node.value.name in self.functions:
            self.pointed_functions[name] = node.value.name
        value = self.value(node.value)
        self.state.variables[name] = self._copied_struct(kind, value)
        if name in self.statics:
            self.keep(value)

    def _copied_struct(self, kind: str, value: Known) -> Known:
        """Return what a variable of a struct's own type holds: a copy, not the same storage."""
        if isinstance(value, Pointer) and self.layout.alias(kind) in self.unit_classes:
            return self.new_block(Block(self.layout.size(kind), "local"))
        return value

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
        if name in self.statics or kind.endswith("*"):
            made = replace(made, made_by="")
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
        if isinstance(node.target, Name):
            value = self._copied_struct(self.type_of(node.target), value)
            if node.target.name in self.statics:
                self.keep(value)
        self.store(node.target, value)

    # --- branches -----------------------------------------------------------------------------

    def _decide(self, test: Node) -> bool | None:
        """Return how a test turns out on this path, None where both ways must be joined."""
        failed = self._failure(test)
        if failed is not None:
            return failed
        value = self.value(test)
        self.asked_about(value)
        self._handed_over(test)
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
        self.unsure += 1  # the tests of one way need not be independent
        return known != negated

    def _failure(self, test: Node) -> bool | None:
        """Return how a test for null turns out on the path where the allocation failed."""
        asked, when_null = test, False
        while isinstance(asked, Operation) and len(asked.operands) <= 2:
            if asked.operator == "not":
                asked, when_null = asked.operands[0], not when_null
            elif asked.operator in ("==", "!=") and self._is_null(asked.operands[1]):
                when_null = when_null != (asked.operator == "==")
                asked = asked.operands[0]
            else:
                return None
        if not isinstance(asked, Name):
            return None
        held = self.state.variables.get(asked.name)
        block = self.state.blocks.get(held.block) if isinstance(held, Pointer) else None
        if block is None or not block.nullable or not isinstance(held, Pointer):
            return None
        key = f"{asked.name} is there@{test.start}"
        known = self.decisions.get(key)
        if known is None:
            if self.failures >= MAX_FAILURES:
                return None
            self.failures += 1
            known = self.decisions[key] = True
            self.asked.append(key)
        if known:
            return None
        for name, value in list(self.state.variables.items()):
            if isinstance(value, Pointer) and value.block == held.block:
                self.state.variables[name] = Number(0, 0)
        del self.state.blocks[held.block]
        return when_null

    @staticmethod
    def _is_null(node: Node) -> bool:
        if isinstance(node, Cast):
            node = node.value
        if isinstance(node, Name):
            return node.name in ("NULL", "nullptr")
        return isinstance(node, Literal) and not node.value and not isinstance(node.value, str)

    def _handed_over(self, test: Node) -> None:
        """A number that a function of the program has looked at may well be in its bounds."""
        if isinstance(test, Call) and test.arguments:
            for argument in test.arguments:
                held = self.read(argument.name) if isinstance(argument, Name) else None
                if isinstance(held, Number) and held.outside and isinstance(argument, Name):
                    self.write(argument.name, held._replace(reached=False))
        elif isinstance(test, Operation) and test.operator in ("not", "and", "or"):
            for operand in test.operands:
                self._handed_over(operand)

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
        self.unsure += 1
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
            self.leaving, self.ended = outer, False
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
        if isinstance(value, Number) and value.outside and not isinstance(bound, Number):
            self.write(node.name, value._replace(reached=False))
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
        if isinstance(rounds, LastRound):
            return self._last_round(node, rounds)
        if rounds is not None:
            name, first, last = rounds
            if last.high < first:
                return True
            reached = last.reached and not self._facts(node.body).leaves
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
        self.ended = False
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

    def _last_round(self, node: While, last: LastRound) -> bool:
        """Run the last round of a loop that counts up to an unknown number."""
        self._havoc(node.body, but=last.name)
        if self._facts(node.body).leaves:
            self.write(last.name, None)
            self._aside(node.body)
            return True
        before = self.state.copy()
        self.write(last.name, last.value)
        if self._inside(node.body):
            self.state.join(before)
        else:
            self.state = before
        self.going = ""
        self.write(last.name, None)
        return True

    def _counted(self, node: While) -> tuple[str, int, Number] | LastRound | None:
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
        if step.value.operator != "+" or variable.name in self._facts(node.body).assigned:
            return None
        first, last = self.read(variable.name), self.value(test.operands[1])
        if isinstance(last, Linear) and isinstance(first, Number) and first.exact is not None:
            less = 0 if test.operator == "<=" else 1
            return LastRound(variable.name, Linear(last.terms, last.plus - less))
        if not isinstance(first, Number) or first.exact is None or not isinstance(last, Number):
            return None
        if test.operator != "<=":
            last = Number(last.low - 1, last.high - 1, last.reached, last.outside)
        if last.exact is None and not last.outside:
            last = last._replace(reached=False)
        return variable.name, first.exact, last

    def _facts(self, body: Statements) -> Facts:
        """Return what stands in a loop's body, looked for once."""
        key = body[0].start if body else -1, body[-1].end if body else -1
        known = self.known_facts.get(key)
        if known is None:
            known = self.known_facts[key] = _find_facts(body)
        return known

    def _havoc(self, body: Statements, but: str = "") -> None:
        """Forget what a loop's later rounds may have changed."""
        facts = self._facts(body)
        for name in facts.assigned:
            if name != but:
                held = self.read(name)
                self.keep(held)
                array = self.types.get(name, "").endswith("]")
                if held is not None and not array:
                    self.write(name, None)
        if facts.may_set_members:
            self.forget_members()

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


def _find_facts(body: Statements) -> Facts:
    """Walk through statements."""
    names: set[str] = set()
    leaves = members = False
    for node in walk(body):
        leaves = leaves or isinstance(node, (Break, Return, Goto, Throw))
        members = members or isinstance(node, (Field, Call))
        target = node.target if isinstance(node, (Assign, Bind, Declare)) else None
        if isinstance(node, Operation) and node.operator == "address":
            target = node.operands[0]
        if isinstance(target, Name):
            names.add(target.name)
    return Facts(frozenset(names), leaves=leaves, may_set_members=members)


def _runs_once(node: While) -> bool:
    """Whether a loop is a block in disguise: `do {...} while (0)`, `while (1) {...; break; }`."""
    test = node.test
    if isinstance(test, Literal) and not test.value and not node.test_first:
        return True
    forever = test is None or (isinstance(test, Literal) and bool(test.value))
    return forever and bool(node.body) and isinstance(node.body[-1], (Break, Return))


def _shared_lengths(unit: Unit, constants: dict[str, int]) -> dict[str, list[int]]:
    """Return the lengths of the file's arrays, where all of them are known."""
    found: dict[str, list[int]] = {}
    for node in unit.module.body:
        if not isinstance(node, Declare) or not isinstance(node.target, Name) or not node.lengths:
            continue
        counts: list[int | None] = []
        for length in node.lengths:
            if isinstance(length, Literal) and isinstance(length.value, int):
                counts.append(length.value)
            elif isinstance(length, Name):
                counts.append(constants.get(length.name))
            elif length is None and isinstance(node.value, Collection):
                counts.append(len(node.value.items) if len(node.lengths) == 1 else None)
            else:
                counts.append(None)
        known = [count for count in counts if count]
        if len(known) == len(counts):
            found[node.target.name] = known
    return found


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


def _end_of(function: Function) -> Node:
    body = function.parts.body
    return body[-1] if body else Node(function.start, function.end)


class MemoryChecker:
    """The checker. It keeps what it knows of the last file, as functions come file by file."""

    def __init__(self) -> None:
        self._unit: Unit | None = None
        self._layout: Layout | None = None
        self._constants: dict[str, int] = {}
        self._types: dict[str, str] = {}
        self._arrays: dict[str, int] = {}
        self._makers: set[str] | None = None
        self._facts: dict[tuple[int, int], Facts] = {}

    def __call__(self, unit: Unit, function: Function, report: Report) -> None:
        """Look at one function, along a few paths."""
        if unit is not self._unit or self._layout is None:
            self._unit = unit
            self._facts = {}
            self._makers = None
            self._constants, self._types = _constants(unit)
            self._layout = Layout(unit.module, self._constants)
            self._arrays = {}
            for name, lengths in _shared_lengths(unit, self._constants).items():
                kind = self._types[name].partition("[")[0]
                self._types[name] = kind + "".join(f"[{count}]" for count in lengths)
                self._arrays[name] = self._layout.size(self._types[name])
        if not self._is_worth(unit, function):
            return
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
            run.known_facts = self._facts
            run.shared_types = self._types
            run.decisions = waiting.pop()
            run.steps = steps
            fixed = dict(run.decisions)
            run.shared_arrays = self._arrays
            run.take_parameters(function)
            with contextlib.suppress(Spent):
                if run.run_body(function.parts.body):
                    run.tell_lost(_end_of(function))
            steps = run.steps
            for place, key in enumerate(run.asked):
                other = {**fixed, **dict.fromkeys(run.asked[:place], True), key: False}
                waiting.insert(0 if "is there@" in key else len(waiting), other)

    def _is_worth(self, unit: Unit, function: Function) -> bool:
        """Whether a function has anything of its own, or gives on what others of the file made."""
        latin, start, end = unit.text.latin, function.start, function.end
        if WORTH.search(latin, start, end) is not None:
            return True
        if RETURNS.search(latin, start, end) is None:
            return False
        if NULLS.search(latin, start, end) is not None:
            return True
        if self._makers is None:
            self._makers = {
                one.name
                for one in unit.module.functions.values()
                if WORTH.search(latin, one.start, one.end) is not None
            }
        return not self._makers.isdisjoint(CALLED.findall(latin, start, end))


check_memory = MemoryChecker()
