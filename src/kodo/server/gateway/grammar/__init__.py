"""Grammars that clients send: read, checked, and written in the form the embedded engine takes."""
