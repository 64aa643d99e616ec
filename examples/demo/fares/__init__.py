"""Fares of a small city network: zones, off-peak prices, transfers and a daily cap."""
