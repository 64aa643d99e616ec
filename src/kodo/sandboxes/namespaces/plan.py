"""What kodo's own launcher is told: the plan of one command's jail, as bytes.

Knows no kernel call; both sides read it, so it imports next to nothing.
"""

import marshal

PREFIX = "kodo-userns: "

Step = tuple[str, str, str, bool]
"""Kind, target in the jail, source on the host, whether it may be left out."""


class Plan:
    """What the launcher is told; built by `userns.py` and read back here."""

    __slots__ = ("cwd", "filter", "limits", "network", "root", "steps", "tmpfs_bytes")

    def __init__(
        self,
        root: str,
        cwd: str,
        steps: list[Step],
        limits: list[tuple[str, int]],
        filter: bytes,  # noqa: A002
        tmpfs_bytes: int,
        *,
        network: bool,
    ) -> None:
        self.root = root
        self.cwd = cwd
        self.steps = steps
        self.limits = limits
        self.filter = filter
        self.tmpfs_bytes = tmpfs_bytes
        self.network = network

    def dump(self) -> bytes:
        """Return the plan as bytes."""
        return marshal.dumps([getattr(self, name) for name in Plan.__slots__])

    @staticmethod
    def load(data: bytes) -> "Plan":
        """Return the plan that `dump` wrote."""
        fields = dict(zip(Plan.__slots__, marshal.loads(data), strict=True))
        return Plan(**fields)
