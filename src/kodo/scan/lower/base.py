"""What all lowerings share: dispatch by node kind, a depth cap, unknown syntax, text of a node.

Does not know any grammar. Guards the stack: below `MAX_DEPTH` levels code becomes `Unknown` without
children and the module says that it is partial.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Protocol

from tree_sitter import Node as SyntaxNode

from kodo.scan.ir import Block, Module, Node, Operation, Unknown
from kodo.scan.text import SourceText

MAX_DEPTH = 90

Lower = Callable[[SyntaxNode], Node | None]


class Lowering(Protocol):
    """The port: a language's way from a syntax tree to a module."""

    def __call__(self, root: SyntaxNode, text: SourceText) -> Module:
        """Return the module. Never raises on broken code: it says `partial` instead."""
        ...


class Lowerer:
    """The base of a language's lowering, made anew for every file.

    A subclass fills `expressions` and `statements` with the names of its methods by node kind. A
    method of an expression returns one node; a method of a statement returns one node, or None
    after appending what it makes to `self.block`.
    """

    expressions: ClassVar[dict[str, str]] = {}
    statements: ClassVar[dict[str, str]] = {}
    skipped: ClassVar[frozenset[str]] = frozenset({"comment"})

    def __init__(self, text: SourceText, module: Module) -> None:
        self.text = text
        self.module = module
        self.block: Block = []
        self._depth = 0
        self._expressions: dict[str, Callable[[SyntaxNode], Node]] = {
            kind: getattr(self, method) for kind, method in self.expressions.items()
        }
        self._statements: dict[str, Lower] = {
            kind: getattr(self, method) for kind, method in self.statements.items()
        }

    def words(self, node: SyntaxNode) -> str:
        """Return the text of a node."""
        return self.text.slice(node.start_byte, node.end_byte)

    def expression(self, node: SyntaxNode) -> Node:
        """Lower one expression; kinds without a method become `Unknown` with their children."""
        lower = self._expressions.get(node.type)
        if lower is None:
            return self.unknown(node)
        if self._depth >= MAX_DEPTH:
            return self.too_deep(node)
        self._depth += 1
        try:
            return lower(node)
        finally:
            self._depth -= 1

    def expression_list(self, nodes: Iterable[SyntaxNode]) -> list[Node]:
        """Lower expressions, leaving out comments."""
        return [self.expression(node) for node in nodes if node.type not in self.skipped]

    def statement_list(self, nodes: Iterable[SyntaxNode]) -> Block:
        """Lower statements to a new block. Kinds without a method are lowered as expressions."""
        outer, block = self.block, list[Node]()
        self.block = block
        if self._depth >= MAX_DEPTH:
            self.module.partial = self.module.partial or "nested too deeply"
            self.block = outer
            return block
        self._depth += 1
        for node in nodes:
            kind = node.type
            lower = self._statements.get(kind)
            if lower is not None:
                made = lower(node)
                if made is not None:
                    block.append(made)
            elif kind not in self.skipped and node.is_named:
                block.append(self.expression(node))
        self._depth -= 1
        self.block = outer
        return block

    def folded(
        self, node: SyntaxNode, left: SyntaxNode, spine: Sequence[tuple[str, SyntaxNode]]
    ) -> Node:
        """Return the operators of a left-hand spine, listed from the outermost in, around `left`.

        Neighbours with the same operator become one operation with all their operands.
        """
        value = self.expression(left)
        start = node.start_byte
        made = False
        for operator, right in reversed(spine):
            operand = self.expression(right)
            if made and isinstance(value, Operation) and value.operator == operator:
                value.operands.append(operand)
                value.end = right.end_byte
            else:
                value = Operation(start, right.end_byte, operator, [value, operand])
                made = True
        return value

    def unknown(self, node: SyntaxNode) -> Node:
        """Return `Unknown` with the named children lowered, statements among them in place."""
        if self._depth >= MAX_DEPTH:
            return self.too_deep(node)
        self._depth += 1
        children = [
            self.expression(child)
            for child in node.named_children
            if child.type not in self.skipped
        ]
        self._depth -= 1
        return Unknown(node.start_byte, node.end_byte, children)

    def too_deep(self, node: SyntaxNode) -> Unknown:
        """Return an empty `Unknown` and mark the module as partial."""
        self.module.partial = self.module.partial or "nested too deeply"
        return Unknown(node.start_byte, node.end_byte, [])


def fields(node: SyntaxNode) -> dict[str, SyntaxNode]:
    """Return the children of a node by field name, the last where a name repeats.

    One pass is cheaper than several `child_by_field_name`.
    """
    found: dict[str, SyntaxNode] = {}
    cursor = node.walk()
    if cursor.goto_first_child():
        while True:
            name = cursor.field_name
            if name is not None:
                child = cursor.node
                assert child is not None
                found[name] = child
            if not cursor.goto_next_sibling():
                break
    return found
