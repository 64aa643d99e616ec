"""Trials of Ruby tests: each is a fork of a process that has the test framework loaded."""
