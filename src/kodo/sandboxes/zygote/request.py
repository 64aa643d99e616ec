"""What a zygote is asked for: one command and the jail it goes into, as bytes.

Knows no kernel call and no rung; both sides read it, so it imports next to nothing.
"""

import marshal


class Request:
    """One command. `plan` is the rung's own; `handles` are the numbers that open files get.

    `parent` is the process that asks: nothing is started once it has gone. `doors` are the files of
    control groups to enter.
    """

    __slots__ = ("cwd", "doors", "environment", "handles", "parent", "plan", "words")

    def __init__(
        self,
        parent: int,
        plan: bytes,
        words: list[str],
        environment: dict[str, str],
        cwd: str,
        doors: list[str],
        handles: list[int],
    ) -> None:
        self.parent = parent
        self.plan = plan
        self.words = words
        self.environment = environment
        self.cwd = cwd
        self.doors = doors
        self.handles = handles

    def dump(self) -> bytes:
        """Return the request as bytes."""
        return marshal.dumps([getattr(self, name) for name in Request.__slots__])

    @staticmethod
    def load(data: bytes) -> "Request":
        """Return the request that `dump` wrote."""
        return Request(**dict(zip(Request.__slots__, marshal.loads(data), strict=True)))
