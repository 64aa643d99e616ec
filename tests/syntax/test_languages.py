"""Every grammar of the table loads, and files find theirs by name."""

import pytest

from kodo.syntax.languages import LANGUAGES, LanguageName, language_of, load_grammar, new_parser


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_grammar_of_the_table_loads_and_parses(language: LanguageName) -> None:
    assert load_grammar(language).node_kind_count > 10
    assert not new_parser(language).parse(b"").root_node.has_error


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("x.test.mjs", "javascript"),
        ("App.TSX", "tsx"),
        ("d.mts", "typescript"),
        ("src/lib.rs", "rust"),
        ("m.h", "cpp"),
        ("Rakefile", "ruby"),
        ("run.sh", "bash"),
        ("README.md", None),
        ("noending", None),
    ],
)
def test_the_name_tells_the_language(path: str, language: str | None) -> None:
    assert language_of(path) == language
