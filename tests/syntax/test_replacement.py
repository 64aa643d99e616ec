"""A new text takes a symbol's place and its indentation."""

from kodo.syntax.replacement import reindent, replace_symbol
from kodo.syntax.symbols import find_symbol, symbols
from kodo.syntax.tree import syntax_errors

PYTHON = b"""class A:
    @property
    def f(self):
        return 1

    def g(self):
        return 2
"""


def replaced(source: bytes, name: str, text: str) -> str:
    symbol = find_symbol(symbols(source, "python"), name)
    assert symbol is not None
    return replace_symbol(source, symbol, text).decode()


def test_a_method_is_indented_and_keeps_its_decorator() -> None:
    result = replaced(PYTHON, "f", "def f(self):\n    x = 3\n\n    return x\n")
    assert result == PYTHON.decode().replace(
        "        return 1", "        x = 3\n\n        return x"
    )


def test_decorators_that_are_given_replace_the_old_ones() -> None:
    result = replaced(PYTHON, "f", "@cached\ndef f(self):\n    return 1")
    assert "@property" not in result
    assert "    @cached\n    def f" in result


def test_a_first_line_without_its_indentation_is_understood() -> None:
    result = replaced(PYTHON, "g", "def g(self):\n        return 3\n")
    assert result.endswith("    def g(self):\n        return 3\n")


def test_the_inside_of_strings_keeps_its_layout() -> None:
    text = 'def g(self):\n    return """\nraw\n  text"""\n'
    assert '"""\nraw\n  text"""' in replaced(PYTHON, "g", text)
    assert syntax_errors(replaced(PYTHON, "g", text).encode(), "python") == []


def test_line_ends_follow_the_file() -> None:
    source = PYTHON.replace(b"\n", b"\r\n")
    result = replaced(source, "g", "def g(self):\n    return 3\n")
    assert "\n" not in result.replace("\r\n", "")


def test_a_doc_comment_stays_where_none_is_given() -> None:
    source = b"/** doc */\nexport function f() { return 1; }\n"
    symbol = symbols(source, "javascript")[0]
    kept = replace_symbol(source, symbol, "function f() { return 2; }")
    assert kept == b"/** doc */\nexport function f() { return 2; }\n"
    given = replace_symbol(source, symbol, "// new\nexport function f() {}")
    assert given == b"// new\nexport function f() {}\n"


def test_replacing_a_symbol_by_itself_changes_nothing() -> None:
    for symbol in symbols(PYTHON, "python"):
        text = PYTHON[symbol.start_byte : symbol.end_byte].decode()
        assert replace_symbol(PYTHON, symbol, text) == PYTHON


def test_common_indentation_is_taken_off() -> None:
    assert reindent("    a\n      b\n", "  ", "python") == "a\n    b\n"
