"""Symbols of each language: names, kinds, ranges."""

import pytest

from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import enclosing_function, find_symbol, identifiers, symbols

SOURCES: dict[LanguageName, tuple[bytes, list[tuple[str, str]]]] = {
    "python": (
        b"@cached\nclass A(B):\n    async def f(self, a):\n        def g():\n            pass\n",
        [("class", "A"), ("method", "A.f"), ("function", "A.f.g")],
    ),
    "javascript": (
        b"/** doc */\nexport class A { f(a) {} #p() {} }\nconst g = async (x) => x;\n"
        b"module.exports = function (y) {};\nconst o = { m() {}, n: () => 1 };\n",
        [
            ("class", "A"),
            ("method", "A.f"),
            ("method", "A.p"),
            ("function", "g"),
            ("function", "exports"),
            ("function", "m"),
            ("function", "n"),
        ],
    ),
    "typescript": (
        b"export function f<T>(a: T): T { return a; }\n"
        b"abstract class Q { get y(): number { return 1 } }",
        [("function", "f"), ("class", "Q"), ("method", "Q.y")],
    ),
    "rust": (
        b"/// doc\n#[inline]\npub fn f() {}\nstruct S { a: i32 }\nimpl S { fn g(&self) {} }\n"
        b"mod m { fn h() {} }\n",
        [("function", "f"), ("class", "S"), ("method", "S.g"), ("function", "m.h")],
    ),
    "go": (
        b"package a\n// doc\nfunc (s *S) F(a int) int { return a }\ntype S struct { y int }\n"
        b"func G() {}\n",
        [("method", "S.F"), ("class", "S"), ("function", "G")],
    ),
    "java": (
        b"class A { A() {} @Override public int f(int a) { return a; } enum E { X } }",
        [("class", "A"), ("method", "A.A"), ("method", "A.f"), ("class", "A.E")],
    ),
    "cpp": (
        b"namespace n { template <class T> int A::f(int k) { return k; } "
        b"struct S { int g() const { return 0; } }; }\nint& h() {}",
        [("method", "n.A.f"), ("class", "n.S"), ("method", "n.S.g"), ("function", "h")],
    ),
    "ruby": (
        b"module M\n  class A\n    def f(a)\n    end\n    def self.g; end\n  end\nend\n",
        [("class", "M"), ("class", "M.A"), ("method", "M.A.f"), ("method", "M.A.g")],
    ),
    "bash": (b"f() { ls; }\nfunction g { f; }\n", [("function", "f"), ("function", "g")]),
}


@pytest.mark.parametrize("language", SOURCES)
def test_names_and_kinds(language: LanguageName) -> None:
    source, expected = SOURCES[language]
    found = symbols(source, language)
    assert [(symbol.kind, symbol.qualified_name) for symbol in found] == expected
    for symbol in found:
        assert symbol.start_byte <= symbol.decorated_byte <= symbol.code_byte
        assert symbol.code_byte <= symbol.body_start_byte <= symbol.body_end_byte
        assert symbol.body_end_byte <= symbol.end_byte <= len(source)
        assert symbol.start_line <= symbol.name_line <= symbol.end_line


def test_ranges_cover_decorators_and_doc_comments() -> None:
    source = SOURCES["rust"][0]
    function = symbols(source, "rust")[0]
    assert source[function.start_byte :].startswith(b"/// doc")
    assert source[function.decorated_byte :].startswith(b"#[inline]")
    assert source[function.code_byte : function.end_byte] == b"pub fn f() {}"
    assert (function.start_line, function.name_line, function.end_line) == (1, 3, 3)
    python = symbols(b"@a\n@b(1)\ndef f():\n    '''doc'''\n    return 1\n", "python")[0]
    assert (python.start_line, python.name_line, python.end_line) == (1, 3, 5)
    assert python.signature == "def f():"


def test_a_comment_above_a_gap_or_behind_code_is_not_documentation() -> None:
    source = b"// far\n\nfunction f() {}\nlet a; // trailing\nfunction g() {}\n"
    first, second = symbols(source, "javascript")
    assert (first.start_line, second.start_line) == (3, 5)


def test_the_innermost_function_encloses_a_line() -> None:
    found = symbols(SOURCES["python"][0], "python")
    names = [getattr(enclosing_function(found, line), "name", None) for line in range(1, 7)]
    assert names == [None, None, "f", "g", "g", None]


@pytest.mark.parametrize("name", ["A.f", "A::f", "A#f", "f", "f(a)", "mod.A.f"])
def test_a_symbol_is_found_by_any_spelling(name: str) -> None:
    found = symbols(SOURCES["python"][0], "python")
    symbol = find_symbol(found, name)
    assert symbol is not None
    assert symbol.qualified_name == "A.f"


def test_an_unknown_name_is_none() -> None:
    assert find_symbol(symbols(b"def f(): pass\n", "python"), "nothing") is None


def test_identifiers_are_counted_in_one_symbol_or_the_file() -> None:
    source = b"def f(a):\n    return a + b\ndef g():\n    return a\n"
    first = symbols(source, "python")[0]
    assert identifiers(source, "python", first) == {"f": 1, "a": 2, "b": 1}
    assert identifiers(source, "python")["a"] == 3
