"""Go's statements.

Does not know `switch`, `select` and declarations of functions and types. Guards that what a
variable holds at first is only said where nothing else can set it.
"""

from __future__ import annotations

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Assign,
    Block,
    Break,
    Call,
    Collection,
    Continue,
    Declare,
    Defer,
    ForEach,
    Goto,
    If,
    Index,
    Label,
    Literal,
    Name,
    Node,
    Operation,
    Return,
    Unknown,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.go.literals import LiteralLowerer
from kodo.scan.lower.go.values import GO_INTEGERS


class StatementLowerer(LiteralLowerer):
    """Statements by kind."""

    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "inner",
        "short_var_declaration": "declaration",
        "assignment_statement": "assignment",
        "var_declaration": "variables",
        "const_declaration": "variables",
        "inc_statement": "step",
        "dec_statement": "step",
        "if_statement": "branch",
        "for_statement": "loop",
        "go_statement": "inner",
        "defer_statement": "deferred",
        "return_statement": "returned",
        "break_statement": "broken",
        "continue_statement": "continued",
        "goto_statement": "jump",
        "labeled_statement": "labelled",
        "block": "nested_block",
        "statement_list": "nested_block",
        "empty_statement": "nothing",
        "fallthrough_statement": "nothing",
    }

    results: tuple[str, ...] = ()
    """The names of the results of the function at hand."""
    at_top: bool = False
    function_text: str = ""

    def body(self, node: SyntaxNode | None) -> Block:
        """Lower a block to a block."""
        if node is None:
            return []
        return self.statement_list(node.children)

    def nested_block(self, node: SyntaxNode) -> None:
        """A block standing alone: its statements in place."""
        self.block.extend(self.statement_list(node.children))

    def nothing(self, node: SyntaxNode) -> None:
        """What does nothing by itself."""

    # --- declarations and assignments -------------------------------------------------------------

    def _sides(self, node: SyntaxNode) -> tuple[list[SyntaxNode], list[SyntaxNode]]:
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        return (
            [child for child in left.named_children if child.type != "comment"] if left else [],
            [child for child in right.named_children if child.type != "comment"] if right else [],
        )

    def declaration(self, node: SyntaxNode) -> None:
        """`a, b := x, y`."""
        left, right = self._sides(node)
        start, end = node.start_byte, node.end_byte
        if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                value = self.expression(other)
                self.block.append(Declare(start, end, self.expression(one), "", value))
        elif len(right) == 1:
            self._several(left, right[0], start, end, declares=True)
        else:
            self.block.append(self.unknown(node))

    def _several(
        self, left: list[SyntaxNode], right: SyntaxNode, start: int, end: int, *, declares: bool
    ) -> None:
        """`a, b := f()`, `v, ok := m[k]`, `v, ok := x.(T)`, `v, ok := <-c`."""
        targets = self.expression_list(left)
        value = self.expression(right)
        pairs: list[tuple[Node, Node]] = [
            (Collection(left[0].start_byte, left[-1].end_byte, "tuple", targets), value)
        ]
        if len(targets) == 2 and not isinstance(value, Call):
            shown: Node = Unknown(start, end, [])
            if isinstance(value, Index):
                shown = Operation(value.start, value.end, "in", [value.key, value.object])
            pairs = [(targets[0], value), (targets[1], shown)]
        for target, given in pairs:
            if isinstance(target, Name) and target.name == "_":
                self.block.append(given)
            elif declares:
                self.block.append(Declare(start, end, target, "", given))
            else:
                self.block.append(Assign(start, end, target, given))

    def assignment(self, node: SyntaxNode) -> Node | None:
        """`a, b = x, y`, `a += x`."""
        left, right = self._sides(node)
        start, end = node.start_byte, node.end_byte
        operator = node.child_by_field_name("operator")
        written = operator.type[:-1] if operator is not None else ""
        if len(left) == len(right) == 1:
            value, target = self.expression(right[0]), self.expression(left[0])
            if isinstance(target, Name) and target.name == "_":
                return value
            return Assign(start, end, target, value, "&" if written == "&^" else written)
        if len(left) == len(right) and left:
            values = Collection(start, end, "tuple", self.expression_list(right))
            targets = Collection(start, end, "tuple", self.expression_list(left))
            return Assign(start, end, targets, values)
        if len(right) == 1 and left:
            self._several(left, right[0], start, end, declares=False)
            return None
        return self.unknown(node)

    def variables(self, node: SyntaxNode) -> None:
        """`var a, b T = x, y`, `const (...)`."""
        pending = list(node.named_children)
        while pending:
            child = pending.pop(0)
            if child.type == "var_spec_list":
                pending = [*child.named_children, *pending]
            elif child.type in ("var_spec", "const_spec"):
                self.variable(child)

    def variable(self, node: SyntaxNode) -> None:
        """One line of `var` or `const`."""
        start, end = node.start_byte, node.end_byte
        names: list[SyntaxNode] = []
        kind: SyntaxNode | None = None
        values: list[SyntaxNode] = []
        cursor = node.walk()
        more = cursor.goto_first_child()
        while more:
            child, name = cursor.node, cursor.field_name
            assert child is not None
            if name == "name" and child.is_named:
                names.append(child)
            elif name == "type":
                kind = child
            elif name == "value":
                values = [one for one in child.named_children if one.type != "comment"]
            more = cursor.goto_next_sibling()
        written = self.type_text(kind)
        if len(values) == len(names):
            for one, value in zip(names, values, strict=True):
                made = self.expression(value)
                self.block.append(Declare(start, end, self.name(one), written, made))
        elif len(values) == 1:
            self._several(names, values[0], start, end, declares=True)
        elif node.type == "var_spec":
            for one in names:
                target = self.name(one)
                assert isinstance(target, Name)
                value = self.zero(written, kind, target.name, start, end)
                self.block.append(Declare(start, end, target, written, value))

    def zero(
        self, written: str, kind: SyntaxNode | None, name: str, start: int, end: int
    ) -> Node | None:
        """Return what a variable holds that is given nothing; None where that is not known.

        A variable whose address is taken, or one of the package, may be set anywhere.
        """
        if kind is None or self.at_top:
            return None
        if kind.type == "slice_type":
            return Collection(start, end, "list", [])
        if f"&{name}" in self.function_text:
            return None
        if written == "string":
            return Literal(start, end, "")
        if written == "bool":
            return Literal(start, end, value=False)
        return Literal(start, end, 0) if written in GO_INTEGERS else None

    def step(self, node: SyntaxNode) -> Node:
        """`x++`, `x--`."""
        start, end = node.start_byte, node.end_byte
        operator = "+" if node.type == "inc_statement" else "-"
        return Assign(start, end, self.expression(node.children[0]), Literal(end, end, 1), operator)

    # --- branches ---------------------------------------------------------------------------------

    def branch(self, node: SyntaxNode) -> Node:
        """`if` with its `else if`s; a statement before a later test opens a new `if`."""
        made = If(node.start_byte, node.end_byte, [], [])
        current: SyntaxNode | None = node
        while current is not None:
            if current.type != "if_statement":
                made.otherwise = self.body(current)
                break
            parts = fields(current)
            first = parts.get("initializer")
            if first is not None and current is not node:
                made.otherwise = self.statement_list((current,))
                break
            if first is not None:
                self.block.extend(self.statement_list((first,)))
            test = parts.get("condition")
            if test is not None:
                place = current.start_byte, current.end_byte
                then = self.body(parts.get("consequence"))
                made.arms.append(Arm(*place, self.expression(test), then))
            current = parts.get("alternative")
        return made

    # --- loops ------------------------------------------------------------------------------------

    def loop(self, node: SyntaxNode) -> Node:
        """`for` in its four forms."""
        start, end = node.start_byte, node.end_byte
        body = node.child_by_field_name("body")
        head = next(
            (
                child
                for child in node.named_children
                if child.type not in ("comment", "block") or child != body
            ),
            None,
        )
        if head is None or head == body:
            return While(start, end, None, self.body(body))
        if head.type == "range_clause":
            return self._range(head, body, start, end)
        if head.type != "for_clause":
            return While(start, end, self.expression(head), self.body(body))
        parts = fields(head)
        first, test, after = (parts.get(name) for name in ("initializer", "condition", "update"))
        if first is not None:
            self.block.extend(self.statement_list((first,)))
        return While(
            start,
            end,
            self.expression(test) if test is not None else None,
            self.body(body),
            self.statement_list((after,)) if after is not None else [],
        )

    def _range(self, head: SyntaxNode, body: SyntaxNode | None, start: int, end: int) -> Node:
        parts = fields(head)
        left, value = parts.get("left"), parts.get("right")
        if value is None:
            return While(start, end, None, self.body(body))
        place = head.start_byte, head.end_byte
        iterable = self.expression(value)
        targets = self.expression_list(left.named_children) if left is not None else []
        named = [not isinstance(one, Name) or one.name != "_" for one in targets]
        target: Node = Name(*place, "_")
        if len(targets) == 2 and named[1]:
            word = "range entries" if named[0] else "range values"
            target = Collection(*place, "tuple", targets) if named[0] else targets[1]
            iterable = Call(*place, Name(*place, word), [iterable])
        elif targets and named[0]:
            target = targets[0]
        return ForEach(start, end, target, iterable, self.body(body))

    def labelled(self, node: SyntaxNode) -> None:
        """`name: statement`."""
        children = [child for child in node.named_children if child.type != "comment"]
        if children:
            self.block.append(Label(node.start_byte, node.end_byte, self.words(children[0])))
            self.block.extend(self.statement_list(children[1:]))

    # --- exits ------------------------------------------------------------------------------------

    def deferred(self, node: SyntaxNode) -> Node:
        """`defer f()`."""
        return Defer(node.start_byte, node.end_byte, self.inner(node))

    def returned(self, node: SyntaxNode) -> Node:
        """`return a, b`; alone it gives the named results."""
        start, end = node.start_byte, node.end_byte
        for child in node.named_children:
            if child.type == "expression_list":
                return Return(start, end, self.several(child))
        names: list[Node] = [Name(start, end, name) for name in self.results]
        if not names:
            return Return(start, end, None)
        value = names[0] if len(names) == 1 else Collection(start, end, "tuple", names)
        return Return(start, end, value)

    def _label(self, node: SyntaxNode) -> str:
        children = node.named_children
        return self.words(children[0]) if children else ""

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return Break(node.start_byte, node.end_byte, self._label(node))

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return Continue(node.start_byte, node.end_byte, self._label(node))

    def jump(self, node: SyntaxNode) -> Node:
        """`goto`."""
        return Goto(node.start_byte, node.end_byte, self._label(node))
