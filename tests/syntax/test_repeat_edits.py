"""Edits of repetition: if and while, what a loop leaves over, an index that starts again."""

import pytest

from kodo.syntax.languages import LanguageName
from kodo.syntax.mutations import apply_mutation, mutations


def results(source: str, language: LanguageName) -> list[str]:
    data = source.encode()
    return [apply_mutation(data, m).decode() for m in mutations(data, language, "file")]


CLOCK = {
    "python": ("def f(m):\n    if m < 0:\n        m += 60\n    return m\n", "while m < 0:"),
    "javascript": ("function f(m) {\n  if (m < 0) { m += 60; }\n  return m;\n}\n", "while (m"),
    "rust": (
        "fn f(a: i32) -> i32 {\n    let mut m = a;\n    if m < 0 { m += 60; }\n    m\n}\n",
        "while m < 0",
    ),
    "go": (
        "package p\n\nfunc f(m int) int {\n\tif m < 0 {\n\t\tm += 60\n\t}\n\treturn m\n}\n",
        "for m",
    ),
    "java": (
        "class A {\n  int f(int m) {\n    if (m < 0) { m += 60; }\n    return m;\n  }\n}\n",
        "while (m",
    ),
    "ruby": ("def f(m)\n  if m < 0\n    m += 60\n  end\n  m\nend\n", "while m < 0"),
}


@pytest.mark.parametrize("language", CLOCK)
def test_a_condition_that_its_body_changes_may_be_a_loop(language: LanguageName) -> None:
    source, wanted = CLOCK[language]
    assert any(wanted in text for text in results(source, language))


def test_a_condition_that_nothing_changes_stays() -> None:
    source = "def f(m, n):\n    if m < 0:\n        n += 60\n    return n\n"
    assert not any("while" in text for text in results(source, "python"))


def test_what_a_branch_does_is_done_once_more_behind_the_loop() -> None:
    source = (
        "def split(text):\n    parts = []\n    word = ''\n    for c in text:\n"
        "        if c == ',':\n            parts.append(word)\n            word = ''\n"
        "        else:\n            word += c\n    return parts\n"
    )
    assert any(
        "            word += c\n    parts.append(word)\n" in t for t in results(source, "python")
    )


def test_an_index_that_leaves_its_list_starts_again() -> None:
    source = "package p\n\nfunc (r *Ring) Add(l string) {\n\tr.lines[r.next] = l\n\tr.next++\n}\n"
    found = results(source, "go")
    assert any("r.next = (r.next + 1) % len(r.lines)" in text for text in found)


def test_a_bound_is_brought_down_to_the_length() -> None:
    source = "package p\n\nfunc top(xs []int, n int) []int {\n\treturn xs[:n]\n}\n"
    assert any("if n > len(xs) {\n\t\tn = len(xs)\n\t}\n" in text for text in results(source, "go"))


def test_a_list_is_copied_before_it_is_sorted_in_place() -> None:
    source = "const sorted = (xs) => xs.sort((a, b) => a - b);\n"
    assert any("[...xs].sort(" in text for text in results(source, "javascript"))


def test_a_call_is_made_only_where_something_was_found() -> None:
    source = "function off(xs, x) {\n  const at = xs.indexOf(x);\n  xs.splice(at, 1);\n}\n"
    assert any("if (at !== -1) xs.splice(at, 1);" in text for text in results(source, "javascript"))


def test_the_values_of_two_branches_change_places() -> None:
    source = (
        "def order(a, b):\n    if not a:\n        return -1\n    elif not b:\n"
        "        return 1\n    return 0\n"
    )
    wanted = "    if not a:\n        return 1\n    elif not b:\n        return -1\n"
    assert any(wanted in text for text in results(source, "python"))
