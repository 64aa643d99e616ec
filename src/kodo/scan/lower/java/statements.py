"""Java's statements.

Does not know how classes are outlined. Guards that `else if` chains stay flat.
"""

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
    Continue,
    Declare,
    Do,
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
    Using,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.java.expressions import COMMENTS, ExpressionLowerer

_LEAVING = frozenset(
    {
        "break_statement",
        "return_statement",
        "throw_statement",
        "continue_statement",
        "yield_statement",
    }
)


class StatementLowerer(ExpressionLowerer):
    """Statements by kind; classes and methods are a level above."""

    expressions: ClassVar[dict[str, str]] = ExpressionLowerer.expressions | {
        "switch_expression": "switch_value",
    }
    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "expression_statement",
        "local_variable_declaration": "declaration",
        "if_statement": "branch",
        "for_statement": "counted_loop",
        "enhanced_for_statement": "for_each",
        "while_statement": "loop",
        "do_statement": "loop",
        "try_statement": "attempt",
        "try_with_resources_statement": "attempt",
        "switch_expression": "switch",
        "return_statement": "returned",
        "throw_statement": "thrown",
        "yield_statement": "yielded",
        "assert_statement": "passed",
        "break_statement": "broken",
        "continue_statement": "continued",
        "labeled_statement": "labelled",
        "synchronized_statement": "synchronized",
        "block": "nested_block",
        "constructor_body": "nested_block",
    }

    yield_target: str = ""
    switch_count: int = 0

    def body(self, node: SyntaxNode | None) -> Block:
        """Lower a block, or one statement, to a block."""
        if node is None:
            return []
        if node.type in ("block", "constructor_body"):
            return self.statement_list(node.children)
        return self.statement_list((node,))

    def nested_block(self, node: SyntaxNode) -> None:
        """A block standing alone: its statements in place."""
        self.block.extend(self.statement_list(node.children))

    def synchronized(self, node: SyntaxNode) -> None:
        """`synchronized (x) {...}`: the lock, then what is inside in place."""
        for child in node.named_children:
            if child.type == "block":
                self.nested_block(child)
            elif child.type not in COMMENTS:
                self.block.append(self.expression(child))

    def passed(self, node: SyntaxNode) -> None:
        """`assert`: off where programs really run."""

    def expression_statement(self, node: SyntaxNode) -> Node | None:
        """An expression or assignment standing alone."""
        for child in node.named_children:
            if child.type in COMMENTS:
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
        value = self.expression(right)
        target = self.expression(left)
        name = ">>" if written == ">>>" else written
        kind = "" if written else self.names.type_of(target)
        if kind and isinstance(value, Call):
            value = Cast(value.start, value.end, kind, value)
        return Assign(node.start_byte, node.end_byte, target, value, name)

    def declaration(self, node: SyntaxNode) -> None:
        """`T a = x, b;`."""
        kind = self.type_text(node.child_by_field_name("type"))
        for child in node.named_children:
            if child.type == "variable_declarator":
                self.block.append(self.declarator(child, kind))

    def declarator(self, node: SyntaxNode, kind: str) -> Node:
        """One variable of a declaration. It is a local from here on."""
        parts = fields(node)
        given, value = parts.get("name"), parts.get("value")
        if given is None:
            return self.unknown(node)
        name = self.words(given)
        made = self.expression(value) if value is not None else None
        self.names.locals.add(name)
        if "dimensions" in parts:
            kind = ""
        self.names.types[name] = kind
        target = Name(given.start_byte, given.end_byte, name)
        return Declare(node.start_byte, node.end_byte, target, kind, made)

    # --- branches and loops ---------------------------------------------------------------------

    def branch(self, node: SyntaxNode) -> Node:
        """`if` with its `else if`s and `else`."""
        arms: list[Arm] = []
        otherwise: Block = []
        current: SyntaxNode | None = node
        while current is not None:
            if current.type != "if_statement":
                otherwise = self.body(current)
                break
            parts = fields(current)
            test, then = parts.get("condition"), parts.get("consequence")
            if test is not None:
                place = current.start_byte, current.end_byte
                arms.append(Arm(*place, self.expression(test), self.body(then)))
            current = parts.get("alternative")
        return If(node.start_byte, node.end_byte, arms, otherwise)

    def loop(self, node: SyntaxNode) -> Node:
        """`while` and `do ... while`."""
        parts = fields(node)
        test = parts.get("condition")
        return While(
            node.start_byte,
            node.end_byte,
            self.expression(test) if test is not None else None,
            self.body(parts.get("body")),
            test_first=node.type == "while_statement",
        )

    def counted_loop(self, node: SyntaxNode) -> Node:
        """`for (init; test; step)`: the first part, then a `While`."""
        start, end = node.start_byte, node.end_byte
        test: Node | None = None
        step: Block = []
        body: Block = []
        cursor = node.walk()
        more = cursor.goto_first_child()
        while more:
            child, name = cursor.node, cursor.field_name
            assert child is not None
            if name == "init":
                made = self.statement_list((child,))
                self.block.extend(made)
            elif name == "condition":
                test = self.expression(child)
            elif name == "update":
                step.append(self.expression(child))
            elif name == "body":
                body = self.body(child)
            more = cursor.goto_next_sibling()
        return While(start, end, test, body, step)

    def for_each(self, node: SyntaxNode) -> Node:
        """`for (T x : xs)`."""
        parts = fields(node)
        given, value = parts.get("name"), parts.get("value")
        if given is None or value is None:
            return self.unknown(node)
        iterable = self.expression(value)
        name = self.words(given)
        self.names.locals.add(name)
        target = Name(given.start_byte, given.end_byte, name)
        body = self.body(parts.get("body"))
        kind = self.type_text(parts.get("type"))
        if kind:
            cast = Declare(given.start_byte, given.end_byte, target, kind, target)
            body.insert(0, cast)
        return ForEach(node.start_byte, node.end_byte, target, iterable, body)

    def labelled(self, node: SyntaxNode) -> Node | None:
        """`name: loop`."""
        children = [child for child in node.named_children if child.type not in COMMENTS]
        if len(children) < 2:
            return None
        self.block.append(Label(node.start_byte, node.end_byte, self.words(children[0])))
        self.block.extend(self.statement_list(children[1:]))
        return None

    # --- switch ---------------------------------------------------------------------------------

    def switch(self, node: SyntaxNode) -> Node:
        """`switch` as a statement."""
        return self._switch(node, "")

    def switch_value(self, node: SyntaxNode) -> Node:
        """`switch` as a value: its arms assign a name that no program has."""
        start, end = node.start_byte, node.end_byte
        self.switch_count += 1
        name = f"%{self.switch_count}"
        made = self._switch(node, name)
        return Do(start, end, [made], Name(start, end, name))

    def _switch(self, node: SyntaxNode, name: str) -> Node:
        parts = fields(node)
        subject, body = parts.get("condition"), parts.get("body")
        if subject is None or body is None:
            return self.unknown(node)
        saved, self.yield_target = self.yield_target, name
        made = Switch(node.start_byte, node.end_byte, self.expression(subject), [])
        for child in body.named_children:
            if child.type == "switch_block_statement_group":
                made.cases.append(self._group(child))
            elif child.type == "switch_rule":
                made.cases.append(self._rule(child, name))
        self.yield_target = saved
        return made

    def _labels(self, node: SyntaxNode) -> Case:
        case = Case(node.start_byte, node.end_byte, [], [])
        for label in node.children:
            if label.type != "switch_label":
                continue
            for child in label.children:
                kind = child.type
                if kind == "default":
                    case.otherwise = True
                elif kind == "guard":
                    case.guard = self.expression(child.named_children[-1])
                elif kind == "pattern":
                    self._bound(child, case)
                elif child.is_named and kind not in COMMENTS:
                    case.values.append(self.expression(child))
        if case.otherwise:
            case.values = []
        return case

    def _bound(self, node: SyntaxNode, case: Case) -> None:
        """Read the names that a pattern binds."""
        pending = [node]
        while pending:
            current = pending.pop()
            if current.type == "identifier":
                name = self.words(current)
                self.names.locals.add(name)
                case.targets.append(Name(current.start_byte, current.end_byte, name))
            else:
                pending.extend(current.named_children)

    def _group(self, node: SyntaxNode) -> Case:
        case = self._labels(node)
        rest = [
            child
            for child in node.named_children
            if child.type != "switch_label" and child.type not in COMMENTS
        ]
        case.body = self.statement_list(rest)
        case.falls_through = not rest or rest[-1].type not in _LEAVING
        return case

    def _rule(self, node: SyntaxNode, name: str) -> Case:
        case = self._labels(node)
        last = node.named_children[-1]
        if name and last.type == "expression_statement":
            value = self.expression(last.named_children[0])
            place = last.start_byte, last.end_byte
            case.body = [Assign(*place, Name(*place, name), value)]
        else:
            case.body = self.body(last)
        return case

    def yielded(self, node: SyntaxNode) -> Node | None:
        """`yield value` in a `switch`."""
        start, end = node.start_byte, node.end_byte
        values = self.expression_list(node.named_children)
        if not values:
            return None
        if self.yield_target:
            self.block.append(Assign(start, end, Name(start, end, self.yield_target), values[0]))
        else:
            self.block.append(values[0])
        return Break(start, end)

    # --- exceptions -----------------------------------------------------------------------------

    def attempt(self, node: SyntaxNode) -> Node:
        """`try`, with resources one inside the other."""
        start, end = node.start_byte, node.end_byte
        made = Try(start, end, [], [])
        resources: list[tuple[Node, Node]] = []
        for child in node.named_children:
            kind = child.type
            if kind == "resource_specification":
                resources = [
                    self._resource(inner)
                    for inner in child.named_children
                    if inner.type == "resource"
                ]
            elif kind == "block":
                made.body = self.body(child)
            elif kind == "catch_clause":
                made.handlers.append(self._handler(child))
            elif kind == "finally_clause":
                made.final = self.body(child.named_children[-1])
        for value, target in reversed(resources):
            made.body = [Using(start, end, value, target, made.body)]
        if resources and not made.handlers and not made.final:
            return made.body[0]
        return made

    def _resource(self, node: SyntaxNode) -> tuple[Node, Node]:
        parts = fields(node)
        given, value = parts.get("name"), parts.get("value")
        if given is None or value is None:
            inner = self.expression(node.named_children[-1])
            return inner, inner
        made = self.expression(value)
        kind = self.type_text(parts.get("type"))
        if kind:
            made = Cast(value.start_byte, value.end_byte, kind, made)
        name = self.words(given)
        self.names.locals.add(name)
        return made, Name(given.start_byte, given.end_byte, name)

    def _handler(self, node: SyntaxNode) -> Handler:
        types: list[Node] = []
        target: Node | None = None
        body: Block = []
        for child in node.named_children:
            if child.type == "catch_formal_parameter":
                for part in child.named_children:
                    if part.type == "catch_type":
                        types = self.expression_list(part.named_children)
                    elif part.type == "identifier":
                        name = self.words(part)
                        self.names.locals.add(name)
                        target = Name(part.start_byte, part.end_byte, name)
            elif child.type == "block":
                body = self.body(child)
        return Handler(node.start_byte, node.end_byte, types, target, body)

    # --- exits ----------------------------------------------------------------------------------

    def _value(self, node: SyntaxNode) -> Node | None:
        values = self.expression_list(node.named_children)
        return values[0] if values else None

    def returned(self, node: SyntaxNode) -> Node:
        """`return`."""
        return Return(node.start_byte, node.end_byte, self._value(node))

    def thrown(self, node: SyntaxNode) -> Node:
        """`throw`."""
        return Throw(node.start_byte, node.end_byte, self._value(node))

    def _label(self, node: SyntaxNode) -> str:
        children = node.named_children
        return self.words(children[0]) if children else ""

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return Break(node.start_byte, node.end_byte, self._label(node))

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return Continue(node.start_byte, node.end_byte, self._label(node))
