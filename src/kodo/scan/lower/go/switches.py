"""Go's `switch` in its three forms and `select`.

Does not know declarations of functions and types. Guards that `default` is tried last, wherever it
stands, and that a `switch` without a subject is a chain of tests.
"""

from __future__ import annotations

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Block,
    Call,
    Case,
    Cast,
    Declare,
    Field,
    If,
    Literal,
    Name,
    Node,
    Operation,
    Switch,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.go.statements import StatementLowerer


class SwitchLowerer(StatementLowerer):
    """Switches, on top of the other statements."""

    statements: ClassVar[dict[str, str]] = StatementLowerer.statements | {
        "expression_switch_statement": "switch",
        "type_switch_statement": "type_switch",
        "select_statement": "select",
        "send_statement": "send",
        "receive_statement": "receive",
    }

    def switch(self, node: SyntaxNode) -> Node:
        """`switch x {...}`, `switch {...}`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        first, value = parts.get("initializer"), parts.get("value")
        if first is not None:
            self.block.extend(self.statement_list((first,)))
        cases: list[Case] = []
        last: list[Case] = []
        for child in node.named_children:
            if child.type not in ("expression_case", "default_case"):
                continue
            case = Case(child.start_byte, child.end_byte, [], self._case_body(child))
            case.falls_through = _falls(child)
            if child.type == "default_case":
                case.otherwise = True
                last.append(case)
            else:
                tests = child.child_by_field_name("value")
                case.values = self.expression_list(tests.named_children) if tests else []
                cases.append(case)
        falls = any(case.falls_through for case in (*cases, *last))
        if value is None and not falls and not self._breaks(node):
            return self._chain(cases, last, start, end)
        if value is None:
            for case in cases:
                case.guard = _any(case.values)
                case.values = []
        subject = self.expression(value) if value is not None else Literal(start, start, value=True)
        return Switch(start, end, subject, cases + last)

    def _breaks(self, node: SyntaxNode) -> bool:
        return "break" in self.text.latin[node.start_byte : node.end_byte]

    def _chain(self, cases: list[Case], last: list[Case], start: int, end: int) -> Node:
        arms: list[Arm] = []
        for case in cases:
            test = _any(case.values)
            if test is not None:
                arms.append(Arm(case.start, case.end, test, case.body))
        return If(start, end, arms, last[0].body if last else [])

    def _case_body(self, node: SyntaxNode) -> Block:
        return self.statement_list(
            child for child in node.children if child.type == "statement_list"
        )

    def type_switch(self, node: SyntaxNode) -> Node:
        """`switch v := x.(type) {...}`: v is x as a T in each case."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        first, value, alias = (parts.get(name) for name in ("initializer", "value", "alias"))
        if value is None:
            return self.unknown(node)
        if first is not None:
            self.block.extend(self.statement_list((first,)))
        subject = self.expression(value)
        name = self.words(alias) if alias is not None else ""
        cases: list[Case] = []
        last: list[Case] = []
        for child in node.named_children:
            if child.type not in ("type_case", "default_case"):
                continue
            types = child.children_by_field_name("type")
            kinds = [self.type_text(one) for one in types if one.is_named]
            body = self._case_body(child)
            if name:
                place = child.start_byte, child.end_byte
                held: Node = Name(*place, name)
                given = Cast(*place, kinds[0], subject) if len(kinds) == 1 else subject
                body.insert(0, Declare(*place, held, "", given))
            case = Case(child.start_byte, child.end_byte, [], body)
            case.otherwise = child.type == "default_case"
            (last if case.otherwise else cases).append(case)
        return Switch(start, end, Literal(start, start, value=True), cases + last)

    def select(self, node: SyntaxNode) -> Node:
        """`select {...}`: any of its cases."""
        cases: list[Case] = []
        last: list[Case] = []
        for child in node.named_children:
            if child.type not in ("communication_case", "default_case"):
                continue
            case = Case(child.start_byte, child.end_byte, [], [])
            case.otherwise = child.type == "default_case"
            way = child.child_by_field_name("communication")
            if way is not None:
                case.body = self.statement_list((way,))
            case.body += self._case_body(child)
            (last if case.otherwise else cases).append(case)
        start = node.start_byte
        return Switch(start, node.end_byte, Literal(start, start, value=True), cases + last)

    def receive(self, node: SyntaxNode) -> None:
        """`case v, ok := <-c`."""
        left, right = self._sides(node)
        value = node.child_by_field_name("right")
        if value is None:
            return
        if not left:
            self.block.append(self.expression(value))
            return
        start, end = node.start_byte, node.end_byte
        received = self.expression(right[0] if value.type == "expression_list" else value)
        self.block.append(Declare(start, end, self.expression(left[0]), "", received))

    def send(self, node: SyntaxNode) -> Node:
        """`c <- x`."""
        parts = fields(node)
        channel, value = parts.get("channel"), parts.get("value")
        if channel is None or value is None:
            return self.unknown(node)
        start, end = node.start_byte, node.end_byte
        function = Field(start, channel.end_byte, self.expression(channel), "send")
        return Call(start, end, function, [self.expression(value)])


def _falls(node: SyntaxNode) -> bool:
    """Whether the last statement of a case is `fallthrough`."""
    for child in reversed(node.named_children):
        if child.type == "statement_list":
            kinds = [one.type for one in child.named_children if one.type != "empty_statement"]
            return bool(kinds) and kinds[-1] == "fallthrough_statement"
    return False


def _any(tests: list[Node]) -> Node | None:
    """Several tests of one case: any of them."""
    if len(tests) <= 1:
        return tests[0] if tests else None
    return Operation(tests[0].start, tests[-1].end, "or", tests)
