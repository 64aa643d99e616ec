"""Lowering: from the syntax trees of nine grammars to the one representation in `ir.py`."""
