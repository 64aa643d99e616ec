"""Lowering of Go: `module.lower_go` is the entry."""
