"""Lowering of Java: `module.lower_java` is the entry."""
