"""The base of all nodes of the intermediate representation.

Knows nothing of their kinds. Guards speed: nodes are msgspec structs outside the garbage collector
(a tree has no circles), which are made twice as fast as slots dataclasses.
"""

from __future__ import annotations

import msgspec

Constant = str | bytes | int | float | bool | None


class Node(msgspec.Struct, gc=False):
    """Any expression or statement: the bytes from `start` to `end` (exclusive)."""

    start: int
    end: int


Block = list[Node]
