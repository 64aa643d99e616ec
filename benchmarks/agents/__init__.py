"""Coding agents side by side on the same tasks: how many each one solves in the same minutes."""
