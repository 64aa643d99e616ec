"""Patterns: the quick way tells what the library tells."""

from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st

from kodo.base.globs import is_like

TEXTS = st.text("ab/\n", max_size=8)
PATTERNS = st.text("ab/\n**?[]!", max_size=6)


@settings(deadline=None)
@given(text=TEXTS, pattern=PATTERNS)
def test_it_tells_what_fnmatch_tells(text: str, pattern: str) -> None:
    assert is_like(text, pattern) == fnmatchcase(text, pattern)


def test_parts_do_not_overlap() -> None:
    assert not is_like("aba", "ab*ba")
    assert is_like("abba", "ab*ba")
    assert is_like("/home/me/.ssh/id", "/home/*/.ssh/*")
    assert not is_like("/home/.ssh/id", "/home/*/.ssh/*")
