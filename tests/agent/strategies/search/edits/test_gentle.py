"""Keeping what a change replaces: only where both can matter."""

from kodo.agent.strategies.search.edits.gentle import keeping
from kodo.agent.strategies.search.trials.proposal import Proposal

BEFORE = "def f(rows):\n    rows.sort()\n    total = sum(rows)\n    return total\n"


def variants(old: str, new: str, *, origin: str = "rewrite", before: str = BEFORE) -> list[str]:
    proposal = Proposal({"a.py": before.replace(old, new)}, origin, "a line", size=4)
    return [one.files["a.py"] for one in keeping({"a.py": before}, proposal)]


def test_new_lines_stand_before_and_after_the_old_ones() -> None:
    first, second = variants("    rows.sort()", "    rows = list(rows)")
    assert "    rows = list(rows)\n    rows.sort()\n" in first
    assert "    rows.sort()\n    rows = list(rows)\n" in second


def test_nothing_is_kept_behind_what_leaves() -> None:
    assert variants("    return total", "    return total + 1") == []


def test_a_guard_may_come_before_what_leaves() -> None:
    (kept,) = variants("    return total", "    total = abs(total)")
    assert kept.endswith("    total = abs(total)\n    return total\n")


def test_what_is_set_anew_at_once_is_not_kept() -> None:
    assert variants("    total = sum(rows)", "    total = max(rows)") == []
    added = variants("    total = sum(rows)", "    total = total + 1")
    assert len(added) == 1  # only after it does it use what was set


def test_mutations_are_other_forms_of_what_they_replace() -> None:
    assert variants("    rows.sort()", "    rows.clear()", origin="mutation") == []
