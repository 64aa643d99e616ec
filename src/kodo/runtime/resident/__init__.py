"""The resident engine: one process of the user that keeps an embedded model loaded."""
