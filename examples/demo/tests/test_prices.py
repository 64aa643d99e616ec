import unittest
from datetime import datetime

from fares.journey import Journey
from fares.prices import is_peak, price


def at(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute)  # 2 March 2026 is a Monday


class PricesTest(unittest.TestCase):
    def test_the_end_of_a_peak_is_off_peak(self) -> None:
        self.assertTrue(is_peak(at(9, 29)))
        self.assertFalse(is_peak(at(9, 30)))

    def test_weekends_have_no_peak(self) -> None:
        self.assertFalse(is_peak(at(8, day=7)))

    def test_peak_fares_grow_with_zones(self) -> None:
        self.assertEqual(price(Journey("Harbour", "Market", at(8), at(8, 10))), 180)
        self.assertEqual(price(Journey("Harbour", "Airport", at(8), at(8, 40))), 390)

    def test_off_peak_is_a_quarter_cheaper(self) -> None:
        self.assertEqual(price(Journey("Harbour", "Market", at(12), at(12, 10))), 135)
