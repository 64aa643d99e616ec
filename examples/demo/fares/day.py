"""A day of travel: transfers are free, and nobody pays more than the daily cap."""

from collections.abc import Iterable

from fares.journey import Journey, is_transfer
from fares.prices import price

DAILY_CAP = 720


def charges(journeys: Iterable[Journey]) -> list[int]:
    """Return what each journey of one day is charged, in cents, in order of tap-in.

    A transfer is free. Once the day's charges reach the cap, everything more is free, and the
    journey that reaches it pays only what is left.
    """
    charged: list[int] = []
    spent = 0
    previous: Journey | None = None
    for journey in sorted(journeys, key=lambda item: item.tapped_in):
        if is_transfer(previous, journey):
            amount = 0
        else:
            amount = min(price(journey), DAILY_CAP - spent)
        charged.append(amount)
        spent += amount
        previous = journey
    return charged


def total(journeys: Iterable[Journey]) -> int:
    """Return the day's total in cents."""
    return sum(charges(journeys))
