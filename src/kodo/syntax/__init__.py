"""Syntax trees: grammars, errors, symbols, small edits, shell segments. Knows no agents."""
