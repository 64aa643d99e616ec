"""Proposals that the model makes for code that exists: lines, holes, functions."""
