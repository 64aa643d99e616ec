"""Lowering of Python: `module.lower` is the entry."""
