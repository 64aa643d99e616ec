import unittest

from fares.zones import UnknownStation, zone_of, zones_crossed


class ZonesTest(unittest.TestCase):
    def test_a_station_lies_in_its_zone(self) -> None:
        self.assertEqual(zone_of("Airport"), 4)

    def test_both_ends_count(self) -> None:
        self.assertEqual(zones_crossed("Harbour", "Market"), 1)
        self.assertEqual(zones_crossed("Harbour", "Airport"), 4)
        self.assertEqual(zones_crossed("Airport", "Harbour"), 4)

    def test_an_unknown_station_is_named(self) -> None:
        with self.assertRaisesRegex(UnknownStation, "Atlantis"):
            zone_of("Atlantis")
