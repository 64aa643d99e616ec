"""Tests of kodo.scan.interpreter."""
