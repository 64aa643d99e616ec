"""Tests of kodo.scan.rules."""
