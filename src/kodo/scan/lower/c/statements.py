"""Statements of C and C++, with the preprocessor's branches between them.

Does not know how files are outlined. Guards that of two branches of the preprocessor one is taken,
so that nothing happens twice.
"""

import re
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Assign,
    Block,
    Break,
    Call,
    Case,
    Continue,
    Declare,
    ForEach,
    Goto,
    Handler,
    If,
    Label,
    Name,
    Node,
    Return,
    Switch,
    Throw,
    Try,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.c.declarators import Declared, read_declarator
from kodo.scan.lower.c.expressions import ExpressionLowerer

_ELSEWHERE = re.compile(
    r"^(?:_WIN32|_WIN64|WIN32|_MSC_VER|__APPLE__|__MACH__|_AIX|__VMS|__BORLANDC__|OS400|__CYGWIN__)$"
)
_LEAVING = frozenset(
    {
        "break_statement",
        "return_statement",
        "goto_statement",
        "continue_statement",
        "throw_statement",
    }
)


class StatementLowerer(ExpressionLowerer):
    """Statements by kind; functions and types are a level above."""

    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "expression_statement",
        "declaration": "declaration",
        "init_statement": "nested_block",
        "compound_statement": "nested_block",
        "if_statement": "branch",
        "for_statement": "counted_loop",
        "for_range_loop": "for_each",
        "while_statement": "loop",
        "do_statement": "loop",
        "switch_statement": "switch",
        "return_statement": "returned",
        "co_return_statement": "returned",
        "throw_statement": "thrown",
        "break_statement": "broken",
        "continue_statement": "continued",
        "goto_statement": "jump",
        "labeled_statement": "labelled",
        "try_statement": "attempt",
        "preproc_ifdef": "conditional_part",
        "preproc_if": "conditional_part",
        "preproc_include": "passed",
        "preproc_call": "passed",
        "preproc_def": "passed",
        "preproc_function_def": "passed",
        "attributed_statement": "nested_block",
        "else_clause": "nested_block",
        "using_declaration": "passed",
        "static_assert_declaration": "passed",
    }

    def passed(self, node: SyntaxNode) -> None:
        """Nothing to do."""

    def body(self, node: SyntaxNode | None) -> Block:
        """Lower a block, or one statement, to a block."""
        if node is None:
            return []
        if node.type in ("compound_statement", "else_clause"):
            return self.statement_list(node.children)
        return self.statement_list((node,))

    def nested_block(self, node: SyntaxNode) -> None:
        """A block standing alone: its statements in place."""
        self.block.extend(self.statement_list(node.children))

    def conditional_part(self, node: SyntaxNode) -> None:
        """`#if ... #else ... #endif`: the part that a POSIX system would compile."""
        self.block.extend(self.statement_list(self.chosen_part(node)))

    def chosen_part(self, node: SyntaxNode) -> list[SyntaxNode]:
        """Return the nodes of the branch that counts."""
        for _ in range(50):
            parts = fields(node)
            if not self._is_off(node, parts):
                alternative = parts.get("alternative")
                condition = parts.get("condition") or parts.get("name")
                return [
                    child
                    for child in node.children
                    if child.is_named and child not in (alternative, condition)
                ]
            following = parts.get("alternative")
            if following is None:
                return []
            node = following
        return []

    def _is_off(self, node: SyntaxNode, parts: dict[str, SyntaxNode]) -> bool:
        if node.type == "preproc_ifdef":
            name = self.words(parts["name"]) if "name" in parts else ""
            negated = bool(node.children) and node.children[0].type == "#ifndef"
            return not negated and _ELSEWHERE.match(name) is not None
        condition = parts.get("condition")
        if condition is None:
            return False
        written = self.words(condition).replace(" ", "").replace("(", "").replace(")", "")
        return written in ("0", "false") or (
            _ELSEWHERE.match(written.removeprefix("defined")) is not None
        )

    # --- simple statements ----------------------------------------------------------------------

    def expression_statement(self, node: SyntaxNode) -> Node | None:
        """An expression or assignment standing alone."""
        for child in node.named_children:
            if child.type == "comment":
                continue
            if child.type == "assignment_expression":
                return self.assignment(child)
            return self.expression(child)
        return None

    def assignment(self, node: SyntaxNode) -> Node:
        """`left = right`, `left += right`."""
        parts = fields(node)
        left, right, operator = parts.get("left"), parts.get("right"), parts.get("operator")
        if left is None or right is None:
            return self.unknown(node)
        written = operator.type[:-1] if operator is not None else ""
        target, value = self.expression(left), self.expression(right)
        return Assign(node.start_byte, node.end_byte, target, value, written)

    def declaration(self, node: SyntaxNode) -> None:
        """`T a = x, *b;`. Declarations of functions say nothing."""
        kind = self.type_text(node.child_by_field_name("type"))
        for child in node.children_by_field_name("declarator"):
            made = self.declarator(child, kind)
            if made is not None:
                self.block.append(made)

    def declarator(self, node: SyntaxNode, kind: str) -> Node | None:
        """One variable of a declaration."""
        declared = read_declarator(node)
        if declared.name is None:
            return None
        if declared.is_function:
            return self.constructed(node, declared, kind)
        value: Node | None = None
        if node.type == "init_declarator":
            given = node.child_by_field_name("value")
            if given is not None and given.type == "argument_list":
                start, end = given.start_byte, given.end_byte
                called = self.dotted(kind.replace(".", "::") or "?", start, end)
                value = Call(start, end, called, self.arguments(given), creates=True)
            elif given is not None:
                value = self.expression(given)
        lengths = [
            self.expression(length) if length is not None else None for length in declared.lengths
        ]
        name = self.words(declared.name)
        self.locals.add(name)
        target = Name(declared.name.start_byte, declared.name.end_byte, name)
        pointed = kind + "*" * declared.pointers
        return Declare(node.start_byte, node.end_byte, target, pointed, value, lengths)

    def constructed(self, node: SyntaxNode, declared: Declared, kind: str) -> Node | None:
        """`T name(value);`: no function where `value` is a variable."""
        if declared.parameters is None or declared.name is None or declared.pointers:
            return None
        values: list[Node] = []
        for child in declared.parameters.named_children:
            if child.type != "parameter_declaration" or len(child.named_children) != 1:
                return None
            name = self.words(child)
            if name not in self.locals:
                return None
            values.append(Name(child.start_byte, child.end_byte, name))
        if not values:
            return None
        start, end = declared.parameters.start_byte, declared.parameters.end_byte
        called = self.dotted(kind.replace(".", "::") or "?", start, end)
        name = self.words(declared.name)
        self.locals.add(name)
        target = Name(declared.name.start_byte, declared.name.end_byte, name)
        value = Call(start, end, called, values, creates=True)
        return Declare(node.start_byte, node.end_byte, target, kind, value, [])

    # --- branches and loops ---------------------------------------------------------------------

    def condition(self, node: SyntaxNode) -> Node:
        """The test of a branch; a declaration in it comes first."""
        if node.type == "condition_clause":
            first, value = (
                node.child_by_field_name("initializer"),
                node.child_by_field_name("value"),
            )
            if first is not None:
                self.block.extend(self.statement_list((first,)))
            if value is not None and value.type == "declaration":
                self.block.extend(self.statement_list((value,)))
                declared = read_declarator(value.child_by_field_name("declarator"))
                if declared.name is not None:
                    return self.expression(declared.name)
        return self.expression(node)

    def branch(self, node: SyntaxNode) -> Node:
        """`if` with its `else if`s and `else`."""
        arms: list[Arm] = []
        otherwise: Block = []
        current: SyntaxNode | None = node
        while current is not None:
            if current.type == "else_clause":
                named = [child for child in current.named_children if child.type != "comment"]
                if len(named) == 1 and named[0].type == "if_statement":
                    current = named[0]
                    continue
                otherwise = self.statement_list(named)
                break
            parts = fields(current)
            test, then = parts.get("condition"), parts.get("consequence")
            if test is not None:
                place = current.start_byte, current.end_byte
                arms.append(Arm(*place, self.condition(test), self.body(then)))
            current = parts.get("alternative")
        return If(node.start_byte, node.end_byte, arms, otherwise)

    def loop(self, node: SyntaxNode) -> Node:
        """`while` and `do ... while`."""
        parts = fields(node)
        test = parts.get("condition")
        return While(
            node.start_byte,
            node.end_byte,
            self.condition(test) if test is not None else None,
            self.body(parts.get("body")),
            test_first=node.type == "while_statement",
        )

    def counted_loop(self, node: SyntaxNode) -> Node:
        """`for (init; test; step)`: the first part, then a `While`."""
        parts = fields(node)
        first, test, step = parts.get("initializer"), parts.get("condition"), parts.get("update")
        if first is not None:
            if first.type == "declaration":
                self.block.extend(self.statement_list((first,)))
            elif first.type == "assignment_expression":
                self.block.append(self.assignment(first))
            else:
                self.block.append(self.expression(first))
        return While(
            node.start_byte,
            node.end_byte,
            self.expression(test) if test is not None else None,
            self.body(parts.get("body")),
            [self.expression(step)] if step is not None else [],
        )

    def for_each(self, node: SyntaxNode) -> Node:
        """`for (T x : xs)`."""
        parts = fields(node)
        value = parts.get("right")
        declared = read_declarator(parts.get("declarator"))
        if value is None or declared.name is None:
            return self.unknown(node)
        iterable = self.expression(value)
        name = self.words(declared.name)
        self.locals.add(name)
        target = Name(declared.name.start_byte, declared.name.end_byte, name)
        body = self.body(parts.get("body"))
        return ForEach(node.start_byte, node.end_byte, target, iterable, body)

    def switch(self, node: SyntaxNode) -> Node:
        """`switch`."""
        parts = fields(node)
        subject, body = parts.get("condition"), parts.get("body")
        if subject is None or body is None:
            return self.unknown(node)
        made = Switch(node.start_byte, node.end_byte, self.condition(subject), [])
        for child in body.named_children:
            if child.type == "case_statement":
                made.cases.append(self._case(child))
        return made

    def _case(self, node: SyntaxNode) -> Case:
        value = node.child_by_field_name("value")
        rest = [
            child
            for child in node.named_children
            if child.type != "comment" and (value is None or child.id != value.id)
        ]
        made = Case(node.start_byte, node.end_byte, [], [])
        if value is not None:
            made.values = [self.expression(value)]
        else:
            made.otherwise = True
        made.body = self.statement_list(rest)
        last = rest[-1] if rest else None
        while last is not None and last.type == "compound_statement" and last.named_children:
            last = last.named_children[-1]
        made.falls_through = last is None or last.type not in _LEAVING
        return made

    # --- exits and jumps ------------------------------------------------------------------------

    def _value(self, node: SyntaxNode) -> Node | None:
        values = self.expression_list(node.named_children)
        return values[0] if values else None

    def returned(self, node: SyntaxNode) -> Node:
        """`return`."""
        return Return(node.start_byte, node.end_byte, self._value(node))

    def thrown(self, node: SyntaxNode) -> Node:
        """`throw`."""
        return Throw(node.start_byte, node.end_byte, self._value(node))

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return Break(node.start_byte, node.end_byte)

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return Continue(node.start_byte, node.end_byte)

    def jump(self, node: SyntaxNode) -> Node:
        """`goto`."""
        label = node.child_by_field_name("label")
        return Goto(node.start_byte, node.end_byte, self.words(label) if label is not None else "")

    def labelled(self, node: SyntaxNode) -> None:
        """`name: statement`."""
        label = node.child_by_field_name("label")
        if label is None:
            return
        self.block.append(Label(node.start_byte, node.end_byte, self.words(label)))
        rest = [child for child in node.named_children if child.id != label.id]
        self.block.extend(self.statement_list(rest))

    def attempt(self, node: SyntaxNode) -> Node:
        """`try`."""
        made = Try(node.start_byte, node.end_byte, [], [])
        for child in node.named_children:
            if child.type == "compound_statement":
                made.body = self.body(child)
            elif child.type == "catch_clause":
                made.handlers.append(self._handler(child))
        return made

    def _handler(self, node: SyntaxNode) -> Handler:
        parts = fields(node)
        listed = self.parameters(parts.get("parameters"))
        target: Node | None = None
        if listed and listed[0].name:
            target = Name(listed[0].start, listed[0].end, listed[0].name)
        return Handler(node.start_byte, node.end_byte, [], target, self.body(parts.get("body")))
