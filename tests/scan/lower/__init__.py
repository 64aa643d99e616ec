"""Tests of kodo.scan.lower."""
