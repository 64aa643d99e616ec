"""The lexical index of a project's memory: chunks, tokens, search. Rebuildable from the truth."""
