"""Limits that a jail puts on what runs in it."""
