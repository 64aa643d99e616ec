"""Rust's statements: blocks with values, branches, loops, and closures.

Does not know items. Guards that the value of a block gets where it is wanted: returned, assigned to
a name that no program has, or dropped.
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
    Closure,
    Continue,
    Declare,
    Do,
    Field,
    ForEach,
    Function,
    FunctionParts,
    If,
    Label,
    Name,
    Node,
    Parameter,
    Return,
    Switch,
    Unknown,
    While,
)
from kodo.scan.lower.base import fields
from kodo.scan.lower.rust.expressions import COMMENTS
from kodo.scan.lower.rust.macros import MacroLowerer

_BLOCKS = frozenset(
    {"if_expression", "match_expression", "block", "unsafe_block", "async_block", "loop_expression",
     "while_expression", "for_expression", "const_block"}
)  # fmt: skip
RETURN = "return"
"""Where a block's value goes: to the caller, to a name, or ("") nowhere."""


class StatementLowerer(MacroLowerer):
    """Statements by kind, and the expressions that hold statements."""

    expressions: ClassVar[dict[str, str]] = MacroLowerer.expressions | {
        **dict.fromkeys(_BLOCKS, "block_value"),
        "let_condition": "let_condition",
        "closure_expression": "closure",
        "return_expression": "exit_value",
        "break_expression": "exit_value",
        "continue_expression": "exit_value",
    }
    statements: ClassVar[dict[str, str]] = {
        "expression_statement": "expression_statement",
        "let_declaration": "let",
        "return_expression": "returned",
        "break_expression": "broken",
        "continue_expression": "continued",
        "empty_statement": "nothing",
        **dict.fromkeys(_BLOCKS, "dropped"),
    }

    made_names: int = 0
    scope_name: str = ""

    def nothing(self, node: SyntaxNode) -> None:
        """What does nothing."""

    # --- blocks and their values ------------------------------------------------------------------

    def body(self, node: SyntaxNode | None, goal: str = "") -> Block:
        """Lower a block; its value goes to `goal`."""
        if node is None:
            return []
        if node.type != "block":
            return self.tail_block(node, goal)
        children = [child for child in node.named_children if child.type not in COMMENTS]
        last = children[-1] if children and goal else None
        if last is not None and last.type == "expression_statement":
            held = last.children
            last = held[0] if held and held[-1].type != ";" else None
        elif last is not None and (last.type in self.statements and last.type not in _BLOCKS):
            last = None
        if last is None:
            return self.statement_list(children)
        return self.statement_list(children[:-1]) + self.tail_block(last, goal)

    def tail_block(self, node: SyntaxNode, goal: str) -> Block:
        """Lower an expression that gives the value of a block."""
        outer, self.block = self.block, []
        made = self.tail(node, goal)
        block = self.block
        self.block = outer
        if made is not None:
            block.append(made)
        return block

    def tail(self, node: SyntaxNode, goal: str) -> Node | None:
        """One expression, its value where it is wanted."""
        start, end = node.start_byte, node.end_byte
        kind = node.type
        if kind in _BLOCKS and self._depth < 80:
            self._depth += 1
            made = self.branching(node, goal)
            self._depth -= 1
            return made
        if kind in ("return_expression", "break_expression", "continue_expression"):
            return self.exit(node)
        value = self.expression(node)
        if goal == RETURN:
            return Return(start, end, value)
        return Assign(start, end, Name(start, end, goal), value) if goal else value

    def branching(self, node: SyntaxNode, goal: str) -> Node | None:
        """`if`, `match`, loops, blocks."""
        kind = node.type
        if kind == "if_expression":
            return self.branch(node, goal)
        if kind == "match_expression":
            return self.match(node, goal)
        if kind == "for_expression":
            return self.for_each(node)
        if kind in ("while_expression", "loop_expression"):
            return self.loop(node)
        inner = node
        if kind != "block":
            inner = next((one for one in node.named_children if one.type == "block"), node)
            if inner is node:
                return self.unknown(node)
        self.block.extend(self.body(inner, goal))
        return None

    def block_value(self, node: SyntaxNode) -> Node:
        """A block, `if` or `match` as a value."""
        start, end = node.start_byte, node.end_byte
        self.made_names += 1
        name = f"%{self.made_names}"
        return Do(start, end, self.tail_block(node, name), Name(start, end, name))

    def dropped(self, node: SyntaxNode) -> Node | None:
        """A block whose value nobody wants."""
        return self.branching(node, "")

    def expression_statement(self, node: SyntaxNode) -> Node | None:
        """An expression standing alone."""
        for child in node.named_children:
            if child.type in COMMENTS:
                continue
            if child.type in ("assignment_expression", "compound_assignment_expr"):
                return self.assignment(child)
            return self.tail(child, "")
        return None

    def assignment(self, node: SyntaxNode) -> Node:
        """`a = x`, `a += x`."""
        children = [child for child in node.children if child.type not in COMMENTS]
        if len(children) != 3:
            return self.unknown(node)
        value, target = self.expression(children[2]), self.expression(children[0])
        if isinstance(target, Name) and target.name == "_":
            return value
        operator = children[1].type[:-1]
        return Assign(node.start_byte, node.end_byte, target, value, operator)

    def let(self, node: SyntaxNode) -> None:
        """`let p: T = x else {...}`."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, value = parts.get("pattern"), parts.get("value")
        if given is None:
            return
        made = self.expression(value) if value is not None else None
        target, kind = self.pattern(given), self.type_text(parts.get("type"))
        if isinstance(target, Name) and target.name == "_" and made is not None:
            self.block.append(made)
        else:
            self.block.append(Declare(start, end, target, kind, made))
        otherwise = parts.get("alternative")
        if otherwise is not None:
            arm = Arm(start, end, Unknown(start, end, []), self.body(otherwise))
            self.block.append(If(start, end, [arm], []))

    # --- branches ---------------------------------------------------------------------------------

    def let_condition(self, node: SyntaxNode) -> Node:
        """`let p = x` as a test: what it binds is bound, whether it holds is not known."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)
        given, value = parts.get("pattern"), parts.get("value")
        if given is None or value is None:
            return self.unknown(node)
        bound = Declare(start, end, self.pattern(given), "", self.expression(value))
        return Do(start, end, [bound], Unknown(start, end, []))

    def branch(self, node: SyntaxNode, goal: str) -> Node:
        """`if` with its `else if`s and `else`."""
        made = If(node.start_byte, node.end_byte, [], [])
        current: SyntaxNode | None = node
        while current is not None:
            if current.type != "if_expression":
                made.otherwise = self.body(current, goal)
                break
            parts = fields(current)
            test, then, other = (
                parts.get(name) for name in ("condition", "consequence", "alternative")
            )
            if test is not None:
                place = current.start_byte, current.end_byte
                shown = self.expression(test)
                made.arms.append(Arm(*place, shown, self.body(then, goal)))
            current = other.named_children[-1] if other is not None else None
        return made

    def match(self, node: SyntaxNode, goal: str) -> Node:
        """`match x {...}`."""
        parts = fields(node)
        subject, body = parts.get("value"), parts.get("body")
        if subject is None or body is None:
            return self.unknown(node)
        value = self.expression(subject)
        if (
            isinstance(value, Call)
            and isinstance(value.function, Field)
            and value.function.name in ("as_str", "as_ref", "as_deref", "trim")
            and isinstance(value.function.object, Name)
        ):
            value = value.function.object  # what is known of the text is known of the variable
        made = Switch(node.start_byte, node.end_byte, value, [])
        for arm in body.named_children:
            if arm.type == "match_arm":
                made.cases.append(self._case(arm, goal))
        return made

    def _case(self, node: SyntaxNode, goal: str) -> Case:
        parts = fields(node)
        given, value = parts.get("pattern"), parts.get("value")
        case = Case(node.start_byte, node.end_byte, [], [])
        if given is not None:
            guard = given.child_by_field_name("condition")
            if guard is not None:
                case.guard = self.expression(guard)
            self._read_pattern(given.children[0], case)
        if value is not None:
            case.body = self.body(value, goal)
        return case

    def _read_pattern(self, node: SyntaxNode, case: Case) -> None:
        pending = [node]
        while pending:
            one = pending.pop(0)
            kind = one.type
            if kind == "or_pattern":
                pending = [*one.named_children, *pending]
            elif kind == "_":
                case.otherwise = True
            elif kind.endswith("literal"):
                case.values.append(self.expression(one))
            elif kind == "tuple_struct_pattern":
                inner = [child for child in one.named_children[1:] if child.type not in COMMENTS]
                if len(inner) == 1 and inner[0].type.endswith("literal"):
                    case.values.append(self.expression(inner[0]))
                elif len(inner) == 1 and inner[0].type == "or_pattern":
                    pending = [inner[0], *pending]
                else:
                    case.targets.append(self.pattern(one))
            elif kind == "identifier" and not self.words(one)[:1].isupper():
                case.otherwise = case.otherwise or not case.values
                case.targets.append(self.pattern(one))
            elif kind not in COMMENTS:
                case.targets.append(self.pattern(one))

    # --- loops and exits --------------------------------------------------------------------------

    def _labelled(self, node: SyntaxNode) -> None:
        first = node.children[0]
        if first.type == "label":
            self.block.append(Label(first.start_byte, first.end_byte, self.words(first)))

    def for_each(self, node: SyntaxNode) -> Node:
        """`for p in x`."""
        self._labelled(node)
        parts = fields(node)
        given, value = parts.get("pattern"), parts.get("value")
        if given is None or value is None:
            return self.unknown(node)
        iterable = self.expression(value)
        target = self.pattern(given)
        return ForEach(
            node.start_byte, node.end_byte, target, iterable, self.body(parts.get("body"))
        )

    def loop(self, node: SyntaxNode) -> Node:
        """`while`, `while let`, `loop`."""
        self._labelled(node)
        parts = fields(node)
        test = parts.get("condition")
        shown = self.expression(test) if test is not None else None
        return While(node.start_byte, node.end_byte, shown, self.body(parts.get("body")))

    def exit(self, node: SyntaxNode) -> Node:
        """`return`, `break`, `continue`."""
        start, end = node.start_byte, node.end_byte
        if node.type == "return_expression":
            return self.returned(node)
        label = next((self.words(one) for one in node.named_children if one.type == "label"), "")
        return (
            Break(start, end, label)
            if node.type == "break_expression"
            else Continue(start, end, label)
        )

    def exit_value(self, node: SyntaxNode) -> Node:
        """`x.unwrap_or(return)`: an exit inside an expression."""
        return Do(node.start_byte, node.end_byte, [self.exit(node)], None)

    def returned(self, node: SyntaxNode) -> Node:
        """`return x`."""
        values = self.expression_list(node.named_children)
        return Return(node.start_byte, node.end_byte, values[0] if values else None)

    def broken(self, node: SyntaxNode) -> Node:
        """`break`."""
        return self.exit(node)

    def continued(self, node: SyntaxNode) -> Node:
        """`continue`."""
        return self.exit(node)

    # --- closures ------------------------------------------------------------------------------

    def closure(self, node: SyntaxNode) -> Node:
        """`|a, b| x`: it shares the variables around it."""
        start, end = node.start_byte, node.end_byte
        parts = fields(node)

        def build() -> FunctionParts:
            outer, self.block = self.block, []
            listed = parts.get("parameters")
            parameters = [
                self.parameter(child)
                for child in (listed.named_children if listed is not None else ())
                if child.type not in COMMENTS
            ]
            block = self.body(parts.get("body"), RETURN)
            self.block = outer
            return FunctionParts(parameters, block, [], "", None)

        return Closure(start, end, Function("", self.scope_name, start, end, build))

    def parameter(self, node: SyntaxNode) -> Parameter:
        """A parameter of a function or closure."""
        start, end = node.start_byte, node.end_byte
        given, kind = node, ""
        if node.type == "parameter":
            parts = fields(node)
            given = parts.get("pattern", node)
            kind = self.type_text(parts.get("type"))
        target = self.pattern(given)
        if isinstance(target, Name):
            return Parameter(start, end, target.name, kind)
        return Parameter(start, end, f"%{start}", kind, target=target)
