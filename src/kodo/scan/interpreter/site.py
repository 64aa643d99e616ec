"""A call as the interpreter sees it: name, receiver, values of the arguments.

Does not know what the call does. Guards that places of rules (positions, names) mean one thing
everywhere.
"""

from __future__ import annotations

from kodo.scan.interpreter.values import UNKNOWN, VARIES, Value
from kodo.scan.ir import Call, Collection, Field, Index, Name, Node


class Site:
    """One evaluated call. `name` is the full dotted name, "?.x" for a method of who knows what."""

    __slots__ = (
        "arguments",
        "into",
        "keywords",
        "last",
        "name",
        "node",
        "receiver",
        "receiver_node",
        "spread",
    )

    def __init__(
        self,
        node: Call,
        name: str,
        last: str,
        receiver: Value | None,
        receiver_node: Node | None,
        arguments: list[Value],
        keywords: dict[str, Value],
        *,
        spread: bool,
        into: str = "",
    ) -> None:
        self.node = node
        self.name = name
        self.last = last
        self.receiver = receiver
        self.receiver_node = receiver_node
        self.arguments = arguments
        self.keywords = keywords
        self.spread = spread
        self.into = into

    def argument(self, place: int | str) -> Value | None:
        """Return the value at a position, of a keyword, or of the receiver; None if not given."""
        if isinstance(place, int):
            return (
                self.arguments[place]
                if -len(self.arguments) <= place < len(self.arguments)
                else None
            )
        if place == "receiver":
            return self.receiver
        return self.keywords.get(place)

    def argument_node(self, place: int | str) -> Node | None:
        """Return the expression at a place, None if not given."""
        if isinstance(place, int):
            nodes = self.node.arguments
            return nodes[place] if -len(nodes) <= place < len(nodes) else None
        if place == "receiver":
            return self.receiver_node
        for keyword in self.node.keywords:
            if keyword.name == place:
                return keyword.value
        return None

    def first(self) -> Value:
        """Return the first argument, unknown if there is none."""
        return self.arguments[0] if self.arguments else UNKNOWN

    @property
    def is_method(self) -> bool:
        """Whether the receiver is a value, not a module or class that holds the function."""
        receiver = self.receiver
        if receiver is None:
            return False
        name = receiver.name
        return (
            not name
            or name.endswith((")", "]"))
            or receiver.taints is not None
            or receiver.cell != 0
            or receiver.constant is not VARIES
        )

    def subject(self) -> Value:
        """Return what an operation works on: the receiver, or a function's first argument."""
        return self.receiver if self.is_method and self.receiver is not None else self.first()

    def others(self) -> list[Value]:
        """Return the arguments beside the subject."""
        return self.arguments if self.is_method else self.arguments[1:]

    def everything(self) -> list[Value]:
        """Return receiver, arguments and keywords."""
        values = [*self.arguments, *self.keywords.values()]
        return values if self.receiver is None else [self.receiver, *values]


def short_name(node: Node | None) -> str:
    """Return the last identifier of an expression: `self.db.cursor()` is `cursor`."""
    for _ in range(8):
        if isinstance(node, Name):
            return node.name
        if isinstance(node, Field):
            return node.name
        if isinstance(node, Call):
            node = node.function
        elif isinstance(node, Index):
            node = node.object
        elif isinstance(node, Collection) and node.items:
            named = (one for one in node.items if not (isinstance(one, Name) and one.name == "_"))
            node = next(named, node.items[0])
        else:
            break
    return ""
