"""What a journey costs, in cents, before caps and transfers."""

from datetime import datetime, time

from fares.journey import Journey
from fares.zones import zones_crossed

BASE = 180
PER_EXTRA_ZONE = 70
OFF_PEAK_DISCOUNT = 0.25
PEAKS = ((time(7, 0), time(9, 30)), (time(16, 0), time(19, 0)))


def is_peak(moment: datetime) -> bool:
    """Tell whether a tap-in counts as peak: weekdays only, the end of a peak excluded."""
    if moment.weekday() >= 5:
        return False
    return any(begin <= moment.time() < end for begin, end in PEAKS)


def price(journey: Journey) -> int:
    """Return the single fare of a journey in cents."""
    full = BASE + PER_EXTRA_ZONE * (zones_crossed(journey.start, journey.end) - 1)
    if is_peak(journey.tapped_in):
        return full
    return round(full * (1 - OFF_PEAK_DISCOUNT))
