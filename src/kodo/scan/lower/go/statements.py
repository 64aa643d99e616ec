"""Go's statements.

Does not know declarations of functions and types. Guards that `default` is tried last, wherever it
stands, and that a `switch` without a subject is a chain of tests.
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
    Case,
    Cast,
    Collection,
    Continue,
    Declare,
    Defer,
    Field,
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
    Switch,
    Unknown,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.go.expressions import ExpressionLowerer
from kodo.scan.lower.go.values import GO_INTEGERS


class StatementLowerer(ExpressionLowerer):
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
        "expression_switch_statement": "switch",
        "type_switch_statement": "type_switch",
        "select_statement": "select",
        "send_statement": "send",
        "receive_statement": "receive",
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
