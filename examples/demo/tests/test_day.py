import unittest
from datetime import datetime

from fares.day import DAILY_CAP, charges, total
from fares.journey import Journey, is_transfer


def ride(start: str, end: str, begin: str, finish: str) -> Journey:
    day = "2026-03-02T"
    return Journey(
        start, end, datetime.fromisoformat(day + begin), datetime.fromisoformat(day + finish)
    )


class DayTest(unittest.TestCase):
    def test_a_transfer_within_half_an_hour_is_free(self) -> None:
        first = ride("Harbour", "University", "08:00", "08:20")
        second = ride("University", "Airport", "08:50", "09:10")
        self.assertTrue(is_transfer(first, second))
        self.assertEqual(charges([first, second]), [250, 0])

    def test_a_late_transfer_is_paid(self) -> None:
        first = ride("Harbour", "University", "08:00", "08:20")
        second = ride("University", "Airport", "08:51", "09:10")
        self.assertEqual(charges([first, second]), [250, 320])

    def test_order_of_taps_not_of_arguments(self) -> None:
        first = ride("Harbour", "Market", "08:00", "08:10")
        second = ride("Harbour", "Airport", "17:00", "17:40")
        self.assertEqual(charges([second, first]), [180, 390])

    def test_the_journey_that_reaches_the_cap_pays_what_is_left(self) -> None:
        rides = [
            ride("Harbour", "Airport", "07:00", "07:40"),
            ride("Stadium", "Airport", "09:00", "09:40"),
            ride("Lakeside", "Harbour", "16:30", "17:10"),
        ]
        self.assertEqual(charges(rides), [390, 320, 10])

    def test_free_transfers_do_not_count_towards_the_cap(self) -> None:
        rides = [
            ride("Harbour", "Airport", "07:00", "07:40"),
            ride("Airport", "Stadium", "07:50", "08:20"),
            ride("Lakeside", "Harbour", "16:30", "17:10"),
        ]
        self.assertEqual(charges(rides), [390, 0, 320])

    def test_nobody_pays_more_than_the_cap(self) -> None:
        rides = [
            ride("Harbour", "Airport", f"{hour:02}:00", f"{hour:02}:40") for hour in range(7, 22)
        ]
        self.assertEqual(total(rides), DAILY_CAP)
        self.assertEqual(charges(rides)[-1], 0)

    def test_a_quiet_day_costs_nothing(self) -> None:
        self.assertEqual(total([]), 0)


if __name__ == "__main__":
    unittest.main()
