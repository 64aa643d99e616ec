"""Ruby's statements, all of which have values.

Does not know definitions. Guards that the last value of a body is its result, whichever branch it
comes from.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Assign,
    Block,
    Break,
    Case,
    Continue,
    Do,
    ForEach,
    Handler,
    If,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    Throw,
    Try,
    Unknown,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.ruby.expressions import ExpressionLowerer

Into = Callable[[Node], Node]
"""Makes a statement of a body's last value: an assignment or a return."""

_LEAVING = frozenset(("return", "next", "break", "redo", "retry"))
_WITH_VALUES = frozenset(
    ("assignment", "operator_assignment", "call", "binary", "parenthesized_statements")
)


class StatementLowerer(ExpressionLowerer):
    """Statements by kind. `into`, where it is set, takes the value of the statement at hand."""

    statements: ClassVar[dict[str, str]] = {
        "assignment": "assignment",
        "operator_assignment": "assignment",
        "if": "branch",
        "unless": "branch",
        "if_modifier": "modified",
        "unless_modifier": "modified",
        "while": "loop",
        "until": "loop",
        "while_modifier": "loop",
        "until_modifier": "loop",
        "for": "for_each",
        "case": "switch",
        "case_match": "switch",
        "begin": "attempt",
        "rescue_modifier": "attempt_of_one",
        "return": "returned",
        "next": "returned",
        "break": "broken",
        "binary": "logic",
        "call": "call_statement",
        "parenthesized_statements": "grouped_statements",
        "comment": "passed",
        "heredoc_body": "passed",
        "empty_statement": "passed",
        "alias": "passed",
        "undef": "passed",
    }
    expressions: ClassVar[dict[str, str]] = ExpressionLowerer.expressions | dict.fromkeys(
        (
            *("if", "unless", "if_modifier", "unless_modifier", "case", "case_match"),
            *("begin", "rescue_modifier", "while", "until", "for", "while_modifier"),
            *("until_modifier", "return", "next", "break"),
        ),
        "valued",
    )

    into: Into | None = None
    loops: int = 0

    # --- bodies -------------------------------------------------------------------------------

    def body(self, node: SyntaxNode | None, into: Into | None = None) -> Block:
        """Lower the statements of a body; the last value goes where `into` says."""
        if node is None:
            return []
        if node.type in (
            "then",
            "do",
            "else",
            "body_statement",
            "block_body",
            "ensure",
            "begin_block",
        ):
            children = node.children
        else:
            children = [node]
        if any(child.type in ("rescue", "ensure") for child in children):
            return [self.tried(node, children, into)]
        return self.sequence(children, into)

    def sequence(self, nodes: Sequence[SyntaxNode], into: Into | None) -> Block:
        """Lower statements in order."""
        listed = [node for node in nodes if node.is_named and node.type not in self.skipped]
        before, self.into = self.into, None
        if into is None or not listed:
            block = self.statement_list(listed)
        else:
            block = self.statement_list(listed[:-1])
            self.into = into
            block += self.last(listed[-1], into)
        self.into = before
        return block

    def last(self, node: SyntaxNode, into: Into) -> Block:
        """Lower a body's last statement."""
        kind = node.type
        if kind in self.statements and kind not in _WITH_VALUES:
            return self.statement_list([node])
        self.into = None
        if kind == "call" and self.words(node.children[0]) in ("raise", "fail"):
            return self.statement_list([node])
        return [into(self.expression(node))]

    def returning(self, node: SyntaxNode | None) -> list[Node]:
        """Lower a body whose last value is its result."""
        saved, self.loops = self.loops, 0
        block = self.body(node, lambda value: Return(value.start, value.end, value))
        self.loops = saved
        return block

    def valued(self, node: SyntaxNode) -> Node:
        """A statement as an expression."""
        start, end = node.start_byte, node.end_byte
        name = f"%{start}"
        before, self.into = self.into, None

        def keep(value: Node) -> Node:
            return Assign(value.start, value.end, Name(value.start, value.end, name), value)

        self.into = keep
        block = self.statement_list([node])
        self.into = before
        return Do(start, end, block, Name(start, end, name))

    def passed(self, node: SyntaxNode) -> None:
        """Nothing to do."""

    # --- branches -----------------------------------------------------------------------------

    def branch(self, node: SyntaxNode) -> Node:
        """`if`, `elsif`, `else`, `unless`."""
        into = self.into
        arms: list[Arm] = []
        otherwise: Block = []
        current: SyntaxNode | None = node
        while current is not None:
            parts = fields(current)
            arms.append(self._arm(current, parts.get("condition"), parts.get("consequence"), into))
            rest = parts.get("alternative")
            current = rest if rest is not None and rest.type == "elsif" else None
            if rest is not None and current is None:
                otherwise = self.body(rest, into)
        return If(node.start_byte, node.end_byte, arms, otherwise)

    def _arm(
        self,
        node: SyntaxNode,
        condition: SyntaxNode | None,
        body: SyntaxNode | None,
        into: Into | None,
    ) -> Arm:
        start, end = node.start_byte, node.end_byte
        self.into = None
        test = self.expression(condition) if condition is not None else Unknown(start, end, [])
        if node.type.startswith("unless"):
            test = Operation(test.start, test.end, "not", [test])
        return Arm(start, end, test, self.body(body, into))

    def modified(self, node: SyntaxNode) -> Node:
        """`body if test`."""
        parts = fields(node)
        arm = self._arm(node, parts.get("condition"), parts.get("body"), self.into)
        return If(node.start_byte, node.end_byte, [arm], [])

    def logic(self, node: SyntaxNode) -> Node:
        """`test and return`, `test or raise`: branches; any other operation is an expression."""
        parts = fields(node)
        right = parts.get("right")
        operator = parts["operator"].type if "operator" in parts else ""
        leaves = right is not None and (
            right.type in _LEAVING
            or (right.type == "call" and self.words(right).startswith(("raise", "fail", "halt")))
        )
        if not leaves or right is None or operator not in ("and", "or", "&&", "||"):
            return self.expression(node)
        start, end = node.start_byte, node.end_byte
        test = self.expression(parts["left"])
        if operator in ("or", "||"):
            test = Operation(test.start, test.end, "not", [test])
        return If(start, end, [Arm(start, end, test, self.statement_list([right]))], [])

    def grouped_statements(self, node: SyntaxNode) -> None:
        """Parentheses around statements."""
        self.block.extend(self.statement_list(node.named_children))

    def switch(self, node: SyntaxNode) -> Node:
        """`case` with `when` or `in`."""
        into = self.into
        self.into = None
        start, end = node.start_byte, node.end_byte
        value = node.child_by_field_name("value")
        cases: list[Case] = []
        arms: list[Arm] = []
        otherwise: Block = []
        subject = self.expression(value) if value is not None else None
        for child in node.named_children:
            kind = child.type
            parts = fields(child)
            if kind == "when":
                values = [self.inner(one) for one in child.named_children if one.type == "pattern"]
                body = self.body(parts.get("body"), into)
                cases.append(Case(child.start_byte, child.end_byte, values, body))
                test = values[0] if len(values) == 1 else Operation(start, end, "or", values)
                arms.append(Arm(child.start_byte, child.end_byte, test, body))
            elif kind == "in_clause":
                body = self.body(parts.get("body"), into)
                cases.append(Case(child.start_byte, child.end_byte, [], body))
            elif kind == "else":
                otherwise = self.body(child, into)
                cases.append(Case(child.start_byte, child.end_byte, [], otherwise, otherwise=True))
        if subject is None:
            return If(start, end, arms, otherwise)
        return Switch(start, end, subject, cases)

    # --- loops --------------------------------------------------------------------------------

    def loop(self, node: SyntaxNode) -> Node:
        """`while`, `until`, also as modifiers."""
        self.into = None
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        condition = parts.get("condition")
        test = self.expression(condition) if condition is not None else None
        if test is not None and node.type.startswith("until"):
            test = Operation(test.start, test.end, "not", [test])
        self.loops += 1
        body = self.body(parts.get("body"))
        self.loops -= 1
        first = not (
            node.type.endswith("modifier") and "body" in parts and parts["body"].type == "begin"
        )
        return While(start, end, test, body, test_first=first)

    def for_each(self, node: SyntaxNode) -> Node:
        """`for x in y`."""
        self.into = None
        parts = fields(node)
        if "pattern" not in parts or "value" not in parts:
            return self.unknown(node)
        iterable = self.inner(parts["value"])
        target = self.target(parts["pattern"])
        self.loops += 1
        body = self.body(parts.get("body"))
        self.loops -= 1
        return ForEach(node.start_byte, node.end_byte, target, iterable, body)

    # --- exceptions ---------------------------------------------------------------------------

    def attempt(self, node: SyntaxNode) -> Node | None:
        """`begin`."""
        children = node.children
        if any(child.type in ("rescue", "ensure") for child in children):
            return self.tried(node, children, self.into)
        self.block.extend(self.sequence(children, self.into))
        return None

    def tried(self, node: SyntaxNode, children: Sequence[SyntaxNode], into: Into | None) -> Node:
        """A body with `rescue`, `else` and `ensure`."""
        made = Try(node.start_byte, node.end_byte, [], [])
        plain = [child for child in children if child.type not in ("rescue", "ensure", "else")]
        made.body = self.sequence(plain, into)
        for child in children:
            parts = fields(child)
            if child.type == "rescue":
                variable = parts.get("variable")
                named = variable.named_children if variable is not None else []
                target = self.target(named[0]) if named else None
                body = self.body(parts.get("body"), into)
                made.handlers.append(Handler(child.start_byte, child.end_byte, [], target, body))
            elif child.type == "else":
                made.otherwise = self.body(child, into)
            elif child.type == "ensure":
                made.final = self.sequence(child.children, None)
        return made

    def attempt_of_one(self, node: SyntaxNode) -> Node:
        """`body rescue value`."""
        into = self.into
        parts = fields(node)
        start, end = node.start_byte, node.end_byte
        handler = Handler(start, end, [], None, self.body(parts.get("handler"), into))
        return Try(start, end, self.body(parts.get("body"), into), [handler])

    # --- exits --------------------------------------------------------------------------------

    def returned(self, node: SyntaxNode) -> Node:
        """`return`, and `next`, which returns from a block."""
        self.into = None
        start, end = node.start_byte, node.end_byte
        if node.type == "next" and self.loops:
            return Continue(start, end)
        given = node.named_children
        value: Node | None = None
        if given:
            listed = [one for one in given[0].named_children if one.type not in self.skipped]
            if given[0].type != "argument_list":
                value = self.expression(given[0])
            elif len(listed) == 1:
                value = self.expression(listed[0])
            else:
                value = self.collection(given[0])
        return Return(start, end, value)

    def broken(self, node: SyntaxNode) -> Node:
        """`break`: out of a loop, or out of a block, whose run then ends."""
        self.into = None
        if self.loops:
            return Break(node.start_byte, node.end_byte)
        return Return(node.start_byte, node.end_byte, None)

    def call_statement(self, node: SyntaxNode) -> Node:
        """A call standing alone; `raise` ends the path."""
        self.into = None
        made = self.expression(node)
        if self.words(node.children[0]) in ("raise", "fail"):
            return Throw(node.start_byte, node.end_byte, made)
        return made
