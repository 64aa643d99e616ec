"""Trials of Python tests: each is a fork of a process that has collected the tests."""
