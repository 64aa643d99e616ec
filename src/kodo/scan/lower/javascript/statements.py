"""JavaScript's statements.

Does not know how modules and classes are outlined. Guards that `else if` chains stay flat and that
functions are known before the place where they stand.
"""

from collections.abc import Iterable
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Block,
    Break,
    Call,
    Case,
    Continue,
    Declare,
    ForEach,
    Handler,
    If,
    Label,
    Name,
    Node,
    Return,
    Switch,
    Throw,
    Try,
    Unknown,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.javascript.jsx import JsxLowerer

_HOISTED = frozenset(("function_declaration", "generator_function_declaration"))
_LEAVING = frozenset(
    ("break_statement", "return_statement", "throw_statement", "continue_statement")
)


class StatementLowerer(JsxLowerer):
    """Statements by kind; definitions, imports and exports are a level above."""

    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "expression_statement",
        "lexical_declaration": "declaration",
        "variable_declaration": "declaration",
        "using_declaration": "declaration",
        "if_statement": "branch",
        "for_statement": "loop_of_three",
        "for_in_statement": "for_each",
        "while_statement": "loop",
        "do_statement": "loop_after",
        "switch_statement": "switch",
        "try_statement": "attempt",
        "return_statement": "returned",
        "throw_statement": "thrown",
        "break_statement": "broken",
        "continue_statement": "continued",
        "labeled_statement": "labelled",
        "statement_block": "nested",
        "with_statement": "nested_body",
        "empty_statement": "passed",
        "debugger_statement": "passed",
        "hash_bang_line": "passed",
    }

    def statement_list(self, nodes: Iterable[SyntaxNode]) -> Block:
        """Lower statements; function declarations come first."""
        listed = list(nodes)
        if any(node.type in _HOISTED for node in listed):
            listed.sort(key=lambda node: node.type not in _HOISTED)
        return super().statement_list(listed)

    def block_of(self, node: SyntaxNode | None) -> Block:
        """Lower the statements of a block, or the one statement that stands for it."""
        if node is None:
            return []
        if node.type == "statement_block":
            return self.statement_list(node.children)
        return self.statement_list([node])

    def nested(self, node: SyntaxNode) -> None:
        """A block standing alone."""
        self.block.extend(self.statement_list(node.children))

    def nested_body(self, node: SyntaxNode) -> None:
        """`with (object) body`."""
        self.block.extend(self.block_of(node.child_by_field_name("body")))

    def passed(self, node: SyntaxNode) -> None:
        """Nothing to do."""

    def expression_statement(self, node: SyntaxNode) -> Node | None:
        """An expression or assignment standing alone."""
        for child in node.named_children:
            kind = child.type
            if kind in ("assignment_expression", "augmented_assignment_expression"):
                return self.assignment(child)
            if kind not in self.skipped:
                return self.expression(child)
        return None

    def declaration(self, node: SyntaxNode) -> None:
        """`const a = 1, {b} = c`."""
        for child in node.named_children:
            if child.type == "variable_declarator":
                made = self.declarator(child)
                if made is not None:
                    self.block.append(made)

    def declarator(self, node: SyntaxNode) -> Node | None:
        """One `name: type = value`."""
        parts = fields(node)
        if "name" not in parts:
            return self.unknown(node)
        target = self.expression(parts["name"])
        value = self.expression(parts["value"]) if "value" in parts else None
        declared = self.type_text(parts["type"]) if "type" in parts else ""
        return Declare(node.start_byte, node.end_byte, target, declared, value)

    def _test(self, node: SyntaxNode | None) -> Node | None:
        return self.expression(node) if node is not None else None

    def branch(self, node: SyntaxNode) -> Node:
        """`if` with its `else if`s and `else`."""
        arms: list[Arm] = []
        otherwise: Block = []
        current: SyntaxNode | None = node
        while current is not None:
            parts = fields(current)
            test = self._test(parts.get("condition"))
            start, end = current.start_byte, current.end_byte
            body = self.block_of(parts.get("consequence"))
            arms.append(Arm(start, end, test or Unknown(start, end, []), body))
            rest = parts.get("alternative")
            current = None
            if rest is not None:
                inner = [child for child in rest.named_children if child.type not in self.skipped]
                if inner and inner[0].type == "if_statement":
                    current = inner[0]
                elif inner:
                    otherwise = self.block_of(inner[0])
        return If(node.start_byte, node.end_byte, arms, otherwise)

    def loop_of_three(self, node: SyntaxNode) -> Node:
        """`for (a; b; c)`."""
        first: SyntaxNode | None = None
        test: SyntaxNode | None = None
        for place, child in enumerate(node.children):
            name = node.field_name_for_child(place)
            if name == "initializer" and child.is_named:
                first = child
            elif name == "condition" and child.is_named and child.type != "empty_statement":
                test = child
        if first is not None:
            self.block.extend(self.statement_list([first]))
        parts = fields(node)
        step = [self.expression(parts["increment"])] if "increment" in parts else []
        if test is not None and test.type == "expression_statement":
            test = test.named_children[0] if test.named_children else None
        return While(
            node.start_byte,
            node.end_byte,
            self._test(test),
            self.block_of(parts.get("body")),
            step,
        )

    def for_each(self, node: SyntaxNode) -> Node:
        """`for (x of y)`, and `for (x in y)`, which gives keys."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        if left is None or right is None:
            return self.unknown(node)
        start, end = node.start_byte, node.end_byte
        iterable = self.expression(right)
        if "operator" in parts and parts["operator"].type == "in":
            name = Name(right.start_byte, right.end_byte, "%keys")
            iterable = Call(right.start_byte, right.end_byte, name, [iterable])
        target = self.expression(left)
        body = self.block_of(parts.get("body"))
        if "kind" in parts:
            body.insert(0, Declare(left.start_byte, left.end_byte, target, "", None))
        return ForEach(start, end, target, iterable, body)

    def loop(self, node: SyntaxNode) -> Node:
        """`while`."""
        parts = fields(node)
        test, body = self._test(parts.get("condition")), self.block_of(parts.get("body"))
        return While(node.start_byte, node.end_byte, test, body)

    def loop_after(self, node: SyntaxNode) -> Node:
        """`do ... while`."""
        parts = fields(node)
        test, body = self._test(parts.get("condition")), self.block_of(parts.get("body"))
        return While(node.start_byte, node.end_byte, test, body, test_first=False)

    def switch(self, node: SyntaxNode) -> Node:
        """`switch`."""
        parts = fields(node)
        if "value" not in parts or "body" not in parts:
            return self.unknown(node)
        cases: list[Case] = []
        for child in parts["body"].named_children:
            if child.type not in ("switch_case", "switch_default"):
                continue
            inner = [one for one in child.named_children if one.type not in self.skipped]
            values: list[Node] = []
            if child.type == "switch_case" and inner:
                values = [self.expression(inner.pop(0))]
            if len(inner) == 1 and inner[0].type == "statement_block":
                inner = [one for one in inner[0].named_children if one.type not in self.skipped]
            cases.append(
                Case(
                    child.start_byte,
                    child.end_byte,
                    values,
                    self.statement_list(inner),
                    otherwise=child.type == "switch_default",
                    falls_through=not inner or inner[-1].type not in _LEAVING,
                )
            )
        subject = self.expression(parts["value"])
        return Switch(node.start_byte, node.end_byte, subject, cases)

    def attempt(self, node: SyntaxNode) -> Node:
        """`try`."""
        parts = fields(node)
        made = Try(node.start_byte, node.end_byte, self.block_of(parts.get("body")), [])
        handler = parts.get("handler")
        if handler is not None:
            caught = fields(handler)
            target = self.expression(caught["parameter"]) if "parameter" in caught else None
            body = self.block_of(caught.get("body"))
            made.handlers.append(Handler(handler.start_byte, handler.end_byte, [], target, body))
        final = parts.get("finalizer")
        if final is not None:
            made.final = self.block_of(final.child_by_field_name("body"))
        return made

    def returned(self, node: SyntaxNode) -> Node:
        """`return`."""
        named = [child for child in node.named_children if child.type not in self.skipped]
        value = self.expression(named[0]) if named else None
        return Return(node.start_byte, node.end_byte, value)

    def thrown(self, node: SyntaxNode) -> Node:
        """`throw`."""
        named = [child for child in node.named_children if child.type not in self.skipped]
        value = self.expression(named[0]) if named else None
        return Throw(node.start_byte, node.end_byte, value)

    def _label(self, node: SyntaxNode) -> str:
        named = node.named_children
        return self.words(named[0]) if named else ""

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return Break(node.start_byte, node.end_byte, self._label(node))

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return Continue(node.start_byte, node.end_byte, self._label(node))

    def labelled(self, node: SyntaxNode) -> None:
        """`name: statement`."""
        self.block.append(Label(node.start_byte, node.end_byte, self._label(node)))
        self.block.extend(self.block_of(node.child_by_field_name("body")))
