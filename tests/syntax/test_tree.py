"""Errors have lines, fingerprints ignore layout, and no file breaks the reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kodo.syntax.languages import LANGUAGES, LanguageName
from kodo.syntax.tree import MAX_ERRORS, MAX_PARSE_BYTES, fingerprint, parse, syntax_errors, walk

GOOD: dict[LanguageName, bytes] = {
    "python": b"def f(a):\n    return a + 1\n",
    "javascript": b"export const f = (a) => a ?? 1;\n",
    "typescript": b"function f<T>(a: T): T | null { return a; }\n",
    "tsx": b"const a = <b c={1}>x</b>;\n",
    "rust": b"fn f(a: &[i32]) -> Option<i32> { a.first().copied() }\n",
    "go": b"package a\nfunc f(a int) int { return a + 1 }\n",
    "java": b"class A { int f(int a) { return a + 1; } }\n",
    "c": b"int f(int a) { return a + 1; }\n",
    "cpp": b"template <class T> T f(const T& a) { return a + 1; }\n",
    "ruby": b"def f(a)\n  a + 1\nend\n",
    "bash": b'f() { echo "$1"; }\n',
}
BROKEN: dict[LanguageName, bytes] = {
    "python": b"x = 1\ndef f(:\n    pass\n",
    "javascript": b"let a = 1;\nfunction f( { return }\n",
    "typescript": b"let a = 1;\nfunction f(a: ) {}\n",
    "tsx": b"let a = 1;\nconst b = <c>x</d\n",
    "rust": b"fn g() {}\nfn f() { let x = ; }\n",
    "go": b"package a\nfunc f( { return }\n",
    "java": b"class A {\n int f( { return; }\n}\n",
    "c": b"int a;\nint f( { return 1 }\n",
    "cpp": b"int a;\nint f( { return 1 }\n",
    "ruby": b"a = 1\ndef f(\n  x =\nend\n",
    "bash": b"a=1\nif true; then\n",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_good_code_has_no_errors_and_broken_code_names_a_line(language: LanguageName) -> None:
    assert syntax_errors(GOOD[language], language) == []
    problems = syntax_errors(BROKEN[language], language)
    assert problems
    assert all(1 <= problem.line <= BROKEN[language].count(b"\n") + 1 for problem in problems)
    assert all(problem.message for problem in problems)


def test_python_asks_the_compiler() -> None:
    assert syntax_errors(b"return 1\n", "python")[0].message == "'return' outside function"
    assert syntax_errors(b"for x in y:\n  break\nbreak\n", "python")[0].line == 3
    assert "null byte" in syntax_errors(b"x = 1\0\n", "python")[0].message


def test_a_missing_token_is_named() -> None:
    assert syntax_errors(b"int f() { return 1 }", "c")[0].message == "missing ';'"


def test_errors_are_capped() -> None:
    assert len(syntax_errors(b"let = ;\n" * 500, "javascript")) <= MAX_ERRORS


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        (b"def f(a):\n  # why\n  return (a+1)\n", b"def f( a ):\n\n    return (a + 1)", "python"),
        (b"f(a,b); // x\n", b"/* y */ f( a,\n  b );", "javascript"),
        (b"fn f() { a+b }", b"fn f()\n{\n  a + b // c\n}\n", "rust"),
    ],
)
def test_layout_and_comments_do_not_change_the_fingerprint(
    one: bytes, other: bytes, language: LanguageName
) -> None:
    assert fingerprint(one, language) == fingerprint(other, language)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        (b"if a:\n  b()\n  c()\n", b"if a:\n  b()\nc()\n", "python"),
        (b'x = " "', b'x = ""', "python"),
        (b'x = "a  b"', b'x = "a b"', "python"),
        (b"a\n(b)", b"a(b)", "python"),
        (b"a - b", b"b - a", "javascript"),
        (b"x = `a ${b}  c`", b"x = `a ${b} c`", "javascript"),
        (b"a # x\nb", b"a", "ruby"),
    ],
)
def test_meaning_changes_the_fingerprint(one: bytes, other: bytes, language: LanguageName) -> None:
    assert fingerprint(one, language) != fingerprint(other, language)


@pytest.mark.parametrize("language", ["python", "javascript", "rust", "bash"])
@pytest.mark.parametrize(
    "source",
    [b"(" * 20000, b"(" * 5000 + b")" * 5000, b"not " * 5000 + b"x", b"a" + b".b" * 20000],
    ids=["open", "nested", "chain", "members"],
)
def test_deep_files_do_not_overflow_the_stack(source: bytes, language: LanguageName) -> None:
    syntax_errors(source, language)
    assert fingerprint(source, language)


def test_a_file_past_the_limit_is_not_judged() -> None:
    assert syntax_errors(b"(" * (MAX_PARSE_BYTES + 1), "python") == []


@given(st.binary(max_size=200), st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read(source: bytes, language: LanguageName) -> None:
    syntax_errors(source, language)
    assert len(fingerprint(source, language)) == 32
    assert sum(1 for _ in walk(parse(source, language).root_node)) >= 1
