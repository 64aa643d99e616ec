"""A journey: where from, where to, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

TRANSFER_WINDOW = timedelta(minutes=30)


@dataclass(frozen=True)
class Journey:
    """One tap in and one tap out."""

    start: str
    end: str
    tapped_in: datetime
    tapped_out: datetime

    def __post_init__(self) -> None:
        if self.tapped_out < self.tapped_in:
            raise ValueError("a journey cannot end before it begins")


def is_transfer(previous: Journey | None, current: Journey) -> bool:
    """Tell whether `current` goes on from where `previous` ended, soon enough to be free."""
    if previous is None or previous.end != current.start:
        return False
    return current.tapped_in - previous.tapped_out < TRANSFER_WINDOW
