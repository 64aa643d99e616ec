"""Patterns of dotted names, and the words that make them possible."""

import pytest

from kodo.scan.interpreter.operations.table import ENDS, OPERATIONS, RUNS
from kodo.scan.rules.book import Book
from kodo.scan.rules.decode import decode_rules
from kodo.scan.rules.names import expand
from kodo.scan.rules.schema import Does


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        ("os.system", "os.system", True),
        ("os.system", "my.os.system", False),
        ("*.execute", "a.b().execute", True),
        ("*.execute", "execute", True),
        ("*.execute", "reexecute", False),
        ("a.{b,c}().d", "a.c().d", True),
        ("a.{b,c}().d", "a.b.d", False),
        ("session[]", "session[]", True),
    ],
)
def test_patterns(pattern: str, name: str, is_meant: bool) -> None:
    """Exact names, endings, alternatives."""
    assert any(one.matches(name) for one in expand(pattern)) == is_meant


def test_every_word_of_the_schema_is_an_operation() -> None:
    """What a rule file may say, the interpreter can do, and the other way round."""
    assert set(Does.__args__) == {*OPERATIONS, ENDS, *RUNS}


BOOK = Book(
    "python",
    [
        decode_rules(
            b"""
languages: [python]
sources:
  - {pack: http, note: n, reads: ["web.Request().args"]}
types:
  - {gives: "web.Request()", reads: ["web.request"]}
rules:
  - id: python.x
    kind: x
    cwe: 1
    message: m
    tests: {bad: [a], good: [b]}
    sinks:
      - {calls: ["*.run", "danger"]}
    patterns:
      - {calls: ["*.old"], imports_any: [lib]}
""",
            "a.yaml",
        )
    ],
)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b"web request args run", {"source": {b"args"}, "danger": {b"run"}}),
        (b"request args", {}),
        (b"web args", {}),
        (b"danger", {}),
        (b"danger(x)", {"danger": {b"danger"}}),
        (b"old", {}),
        (b"old lib", {"pattern": {b"old"}}),
    ],
)
def test_words_decide_what_is_possible(source: bytes, found: dict[str, set[bytes]]) -> None:
    """A source needs a way to its type, a bare call its parenthesis, a gate its import."""
    words = frozenset(source.replace(b"(x)", b" x").split())
    active = BOOK.triggers.active(words, source)
    for role, want in zip(("source", "danger", "pattern", "checked"), active, strict=True):
        assert want == found.get(role, set())
