"""Trials of Go tests: one build of the test programs for many proposals."""
