"""Shell patterns on texts that are no file names: does this text look like that?

Knows no files. Guards the start of a run: the usual pattern, whose only sign is `*`, needs no
regular expression to be compiled (each costs more than a hundred looks at it).
"""

from fnmatch import fnmatchcase


def is_like(text: str, pattern: str) -> bool:
    """Tell what `fnmatch.fnmatchcase` tells: `*`, `?` and `[...]` are signs, nothing else is."""
    if "?" in pattern or "[" in pattern:
        return fnmatchcase(text, pattern)
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    last = others.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in others:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
