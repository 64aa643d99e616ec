"""Stations and the fare zones they lie in."""

ZONES = {
    "Harbour": 1,
    "Market": 1,
    "Old Town": 1,
    "University": 2,
    "Stadium": 2,
    "Airport": 4,
    "Lakeside": 3,
}


class UnknownStation(ValueError):
    """A station that is not on the network."""


def zone_of(station: str) -> int:
    """Return the zone of a station."""
    try:
        return ZONES[station]
    except KeyError:
        raise UnknownStation(f"no station is called {station!r}") from None


def zones_crossed(start: str, end: str) -> int:
    """Return how many zones a journey touches, both ends included."""
    return abs(zone_of(start) - zone_of(end)) + 1
