"""Python's statements.

Does not know how modules and classes are outlined. Guards that `elif` chains stay flat.
"""

from typing import ClassVar

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import (
    Arm,
    Assign,
    Block,
    Break,
    Case,
    Continue,
    Declare,
    ForEach,
    Handler,
    If,
    Name,
    Node,
    Operation,
    Return,
    Scope,
    Switch,
    Throw,
    Try,
    Unknown,
    Using,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.python.parameters import ParameterLowerer


class StatementLowerer(ParameterLowerer):
    """Statements by kind; definitions and imports are a level above."""

    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "expression_statement",
        "if_statement": "branch",
        "for_statement": "for_each",
        "while_statement": "loop",
        "try_statement": "attempt",
        "with_statement": "using",
        "match_statement": "switch",
        "return_statement": "returned",
        "raise_statement": "thrown",
        "assert_statement": "assertion",
        "break_statement": "broken",
        "continue_statement": "continued",
        "global_statement": "scope_names",
        "nonlocal_statement": "scope_names",
        "pass_statement": "passed",
        "type_alias_statement": "passed",
    }

    def body(self, node: SyntaxNode | None) -> Block:
        """Lower a `block` node; nothing for a missing one."""
        return self.statement_list(node.children) if node is not None else []

    def expression_statement(self, node: SyntaxNode) -> Node | None:
        """An expression, assignment or annotation standing alone."""
        children = node.named_children
        if not children:
            return None
        first = children[0]
        kind = first.type
        if kind == "assignment":
            return self.assignment(first)
        if kind == "augmented_assignment":
            left, operator, right = first.children[0], first.children[1], first.children[-1]
            target, value = self.expression(left), self.expression(right)
            text = self.words(operator)[:-1]
            return Assign(first.start_byte, first.end_byte, target, value, text)
        if kind == "string" and len(children) == 1:
            return None  # a docstring
        for child in children[:-1]:
            self.block.append(self.expression(child))
        return self.expression(children[-1])

    def assignment(self, node: SyntaxNode) -> Node:
        """`left = right`, `left: type = right`, `left: type`."""
        start, end = node.start_byte, node.end_byte
        children = node.children
        if len(children) == 3 and children[1].type == "=":
            target, value = self.expression(children[0]), self.expression(children[2])
            return Assign(start, end, target, value)
        parts = fields(node)
        left, right, annotation = parts.get("left"), parts.get("right"), parts.get("type")
        if left is None:
            return self.unknown(node)
        target = self.expression(left)
        value = self.expression(right) if right is not None else None
        if annotation is None:
            return Assign(start, end, target, value or Unknown(end, end, []))
        return Declare(start, end, target, "".join(self.words(annotation).split()), value)

    def branch(self, node: SyntaxNode) -> Node:
        """`if` with its `elif`s and `else`."""
        arms: list[Arm] = []
        otherwise: Block = []
        for part in (node, *node.named_children):
            kind = part.type
            if kind in ("if_statement", "elif_clause") and (part is node or kind == "elif_clause"):
                found = fields(part)
                test, body = found.get("condition"), found.get("consequence")
                if test is not None:
                    arms.append(
                        Arm(part.start_byte, part.end_byte, self.expression(test), self.body(body))
                    )
            elif kind == "else_clause":
                otherwise = self.body(part.child_by_field_name("body"))
        return If(node.start_byte, node.end_byte, arms, otherwise)

    def _otherwise(self, node: SyntaxNode | None) -> Block:
        return self.body(node.child_by_field_name("body")) if node is not None else []

    def for_each(self, node: SyntaxNode) -> Node:
        """`for`, also `async for`."""
        parts = fields(node)
        left, right = parts.get("left"), parts.get("right")
        if left is None or right is None:
            return self.unknown(node)
        return ForEach(
            node.start_byte,
            node.end_byte,
            self.expression(left),
            self.expression(right),
            self.body(parts.get("body")),
            self._otherwise(parts.get("alternative")),
        )

    def loop(self, node: SyntaxNode) -> Node:
        """`while`."""
        parts = fields(node)
        test = parts.get("condition")
        return While(
            node.start_byte,
            node.end_byte,
            self.expression(test) if test is not None else None,
            self.body(parts.get("body")),
            [],
            self._otherwise(parts.get("alternative")),
        )

    def attempt(self, node: SyntaxNode) -> Node:
        """`try`."""
        made = Try(node.start_byte, node.end_byte, [], [])
        for child in node.named_children:
            kind = child.type
            if kind == "block":
                made.body = self.body(child)
            elif kind in ("except_clause", "except_group_clause"):
                made.handlers.append(self._handler(child))
            elif kind == "else_clause":
                made.otherwise = self.body(child.child_by_field_name("body"))
            elif kind == "finally_clause":
                made.final = self.body(child.named_children[-1] if child.named_children else None)
        return made

    def _handler(self, node: SyntaxNode) -> Handler:
        types: list[Node] = []
        target: Node | None = None
        body: Block = []
        for child in node.named_children:
            kind = child.type
            if kind == "block":
                body = self.body(child)
            elif kind == "as_pattern":
                inner = child.named_children
                types = [self.expression(inner[0])]
                names = inner[-1].named_children
                target = self.expression(names[0]) if names else None
            elif kind != "comment":
                types.append(self.expression(child))
        return Handler(node.start_byte, node.end_byte, types, target, body)

    def using(self, node: SyntaxNode) -> Node:
        """`with a as b, c as d`: one inside the other."""
        items: list[tuple[Node, Node | None]] = []
        body: Block = []
        for child in node.named_children:
            if child.type == "block":
                body = self.body(child)
            elif child.type == "with_clause":
                for item in child.named_children:
                    if item.type == "with_item":
                        items.extend(self._with_items(item.named_children[0]))
        for value, target in reversed(items):
            body = [Using(node.start_byte, node.end_byte, value, target, body)]
        return body[0] if body else Unknown(node.start_byte, node.end_byte, [])

    def _with_items(self, node: SyntaxNode) -> list[tuple[Node, Node | None]]:
        if node.type == "as_pattern":
            children = node.named_children
            names = children[-1].named_children
            target = self.expression(names[0]) if names else None
            return [(self.expression(children[0]), target)]
        if node.type == "tuple":  # the parenthesised form reads as a tuple of patterns
            return [item for child in node.named_children for item in self._with_items(child)]
        return [(self.expression(node), None)]

    def switch(self, node: SyntaxNode) -> Node:
        """`match`."""
        parts = fields(node)
        subject, body = parts.get("subject"), parts.get("body")
        if subject is None:
            return self.unknown(node)
        cases = [
            self._case(child)
            for child in (body.named_children if body is not None else [])
            if child.type == "case_clause"
        ]
        return Switch(node.start_byte, node.end_byte, self.expression(subject), cases)

    def _case(self, node: SyntaxNode) -> Case:
        made = Case(node.start_byte, node.end_byte, [], [])
        for child in node.named_children:
            kind = child.type
            if kind == "case_pattern":
                self._pattern(child, made)
            elif kind == "if_clause":
                made.guard = self.expression(child.children[-1])
            elif kind == "block":
                made.body = self.body(child)
        return made

    def _pattern(self, node: SyntaxNode, case: Case) -> None:
        """Read a pattern: literals to compare, or names that it binds."""
        inner = node.named_children
        if not inner:  # `_`
            case.otherwise = True
            return
        only = inner[0]
        if only.type == "union_pattern":
            options = only.children
            if all(
                option.type in ("string", "integer", "|", "none", "true", "false")
                for option in options
            ):
                case.values = [self.expression(option) for option in options if option.is_named]
                return
        if only.type in (
            "string",
            "concatenated_string",
            "integer",
            "float",
            "none",
            "true",
            "false",
        ):
            case.values = [self.expression(only)]
            return
        if only.type == "dotted_name":
            names = only.named_children
            if len(names) == 1:  # a capture matches everything
                case.targets, case.otherwise = [self.name(names[0])], True
            else:
                case.values = [self.dotted(only)]
            return
        pending = [only]
        while pending:
            current = pending.pop()
            if current.type == "identifier":
                case.targets.append(self.name(current))
            elif current.type == "class_pattern" or current.type == "keyword_pattern":
                pending.extend(current.named_children[1:])
            elif not (current.type == "dotted_name" and len(current.named_children) > 1):
                pending.extend(current.named_children)

    def returned(self, node: SyntaxNode) -> Node:
        """`return`."""
        named = [child for child in node.named_children if child.type != "comment"]
        value = self.expression(named[0]) if named else None
        return Return(node.start_byte, node.end_byte, value)

    def thrown(self, node: SyntaxNode) -> Node:
        """`raise`."""
        named = [child for child in node.named_children if child.type != "comment"]
        value = self.expression(named[0]) if named else None
        return Throw(node.start_byte, node.end_byte, value)

    def assertion(self, node: SyntaxNode) -> Node:
        """`assert test`: the path where it does not hold ends."""
        start, end = node.start_byte, node.end_byte
        named = [child for child in node.named_children if child.type != "comment"]
        if not named:
            return Unknown(start, end, [])
        test = Operation(start, end, "not", [self.expression(named[0])])
        return If(start, end, [Arm(start, end, test, [Throw(start, end, None)])], [])

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return Break(node.start_byte, node.end_byte)

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return Continue(node.start_byte, node.end_byte)

    def passed(self, node: SyntaxNode) -> None:
        """Nothing to do."""

    def scope_names(self, node: SyntaxNode) -> Node:
        """`global` and `nonlocal`."""
        names = [self.words(child) for child in node.named_children if child.type == "identifier"]
        return Scope(node.start_byte, node.end_byte, node.type.split("_")[0], names)

    def name_at(self, node: SyntaxNode) -> Name:
        """A name with the place of `node`."""
        return Name(node.start_byte, node.end_byte, self.words(node))
