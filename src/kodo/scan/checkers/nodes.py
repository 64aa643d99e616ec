"""All nodes below statements, for checkers that ask whether something occurs at all.

Knows no kind of node. Guards that nothing recurses, however deep code is nested.
"""

from kodo.scan.ir import Block, Node


def walk(body: Block) -> list[Node]:
    """Return all nodes below statements, and the statements."""
    found: list[Node] = []
    pending: list[object] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(node, Node):
            found.append(node)
            pending.extend(getattr(node, name) for name in node.__struct_fields__[2:])
    return found
