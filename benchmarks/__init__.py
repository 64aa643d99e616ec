"""Measurements, side by side in one run. `make bench`; figures go to docs/log.md."""
