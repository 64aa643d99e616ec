"""Trials of Rust tests: many proposals in one build, told apart when the tests run."""
