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
            pending += node  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(node, Node):
            found.append(node)
            for name in node.__struct_fields__[2:]:
                below = getattr(node, name)
                if below.__class__ is list or isinstance(below, Node):
                    pending.append(below)  # pyright: ignore[reportUnknownArgumentType]
    return found
