"""Chat Completions, as most clients speak it."""
