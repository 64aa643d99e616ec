"""Lowering of Rust: `module.lower_rust` is the entry."""
