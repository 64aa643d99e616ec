"""Edits parse, differ, come in order, and reach the one-place bugs that they are meant for."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kodo.syntax.edit import PRIORS
from kodo.syntax.languages import LanguageName
from kodo.syntax.mutations import Mutation, apply_mutation, mutations
from kodo.syntax.symbols import find_symbol, symbols
from kodo.syntax.tree import fingerprint, syntax_errors

SAMPLES: dict[LanguageName, bytes] = {
    "python": b'''
import math


class Shelf:
    def __init__(self, width):
        self.width = width
        self.items = []

    async def place(self, item, at=0):
        """Put it."""
        if not item and at < self.width:
            return None
        total = 0
        for index in range(1, len(self.items)):
            total += self.items[index - 1].size * 2
            self.items.append(item)
        while total > 10:
            total = math.floor(total / 2)
            if total == 3:
                break
        else:
            total = max(total, at)
        return self.measure(total, at) or "none"

    def measure(self, total, at):
        yield self.measure(at, total)
        return total if at else [x for x in self.items if x]
''',
    "javascript": b"""
export function pick(list, size) {
  let found = [];
  for (let i = 0; i < list.length; i++) {
    if (list[i] !== null && list[i].size > size - 1) {
      found.push(list[i]);
    } else {
      break;
    }
  }
  return found.length ? Math.max(...found) : "";
}
""",
    "typescript": b"""
class Box<T> {
  private x = 1;
  get(key: string, fallback?: T): T | undefined {
    const value = this.map.get(key);
    if (!value) { return fallback; }
    return value as T;
  }
}
""",
    "rust": b"""
impl Stack {
    pub fn top(&self, depth: usize) -> Option<i32> {
        let mut best = 0;
        for i in 0..depth {
            if self.items[i] >= best && i != 3 {
                best = self.items[i] + 1;
            }
        }
        Some(best)
    }
}
""",
    "go": b"""
package a

func Sum(values []int, limit int) (int, error) {
	total := 0
	for i := 0; i < len(values); i++ {
		if values[i] > limit || total == 0 {
			total += values[i] - 1
			continue
		}
	}
	return total, nil
}
""",
    "java": b"""
class A {
  int find(int[] list, int key) {
    int low = 0, high = list.length - 1;
    while (low <= high) {
      int mid = (low + high) / 2;
      if (list[mid] == key) return mid;
      else if (list[mid] < key) low = mid + 1;
      else { high = mid - 1; }
    }
    return -1;
  }
}
""",
    "cpp": b"""
int count(const std::vector<int>& v, int k) {
  int n = 0;
  for (auto& e : v) {
    if (!e || e <= k) { n++; }
  }
  return std::max(n, k);
}
""",
    "c": b"int add(int a, int *b) {\n  if (b == NULL) {\n    return a;\n  }\n  return a + *b;\n}\n",
    "ruby": b"""
class A
  def pick(list, size = 1)
    found = []
    list.each { |item| found << item if item > size }
    return nil unless found.any?
    @last = found[0..2]
    found.first + size
  end
end
""",
    "bash": b'f() {\n  if [ "$1" -lt 3 ] && [ -z "$2" ]; then\n    echo "a"\n  fi\n}\n',
}


def all_of(language: LanguageName, limit: int = 1200) -> list[Mutation]:
    return list(islice(mutations(SAMPLES[language], language, "f"), limit))


@pytest.mark.parametrize("language", SAMPLES)
def test_every_result_parses_and_is_new(language: LanguageName) -> None:
    source = SAMPLES[language]
    assert syntax_errors(source, language) == []
    found = all_of(language)
    assert len(found) >= (15 if language == "bash" else 30)
    seen = {source}
    for mutation in found:
        result = apply_mutation(source, mutation)
        assert syntax_errors(result, language) == [], (mutation, result.decode())
        assert result not in seen
        seen.add(result)
        assert mutation.kind in PRIORS
        assert mutation.line == source.count(b"\n", 0, mutation.start_byte) + 1


@pytest.mark.parametrize("language", ["python", "javascript", "rust"])
def test_no_two_results_have_the_same_fingerprint(language: LanguageName) -> None:
    source = SAMPLES[language]
    prints = [fingerprint(apply_mutation(source, m), language) for m in all_of(language, 500)]
    assert len(set(prints)) == len(prints)
    assert fingerprint(source, language) not in prints


@pytest.mark.parametrize("language", SAMPLES)
def test_the_order_is_descending_and_deterministic(language: LanguageName) -> None:
    found = all_of(language)
    assert [m.prior for m in found] == sorted((m.prior for m in found), reverse=True)
    assert found == all_of(language)


def test_suspicious_lines_come_first_and_cleared_lines_never() -> None:
    source = SAMPLES["go"]
    weights = {7: 1.0, 8: 0.5}
    found = list(mutations(source, "go", "f", suspiciousness=lambda line: weights.get(line, 0.0)))
    assert {m.line for m in found} == {7, 8}
    scores = [m.prior * weights[m.line] for m in found]
    assert scores == sorted(scores, reverse=True)


def test_only_the_function_asked_for_is_edited() -> None:
    source = SAMPLES["python"]
    function = find_symbol(symbols(source, "python"), "Shelf.measure")
    assert function is not None
    for mutation in mutations(source, "python", "f", function):
        assert function.start_byte <= mutation.start_byte
        assert mutation.end_byte <= function.end_byte


REPAIRS: list[tuple[LanguageName, str, str]] = [
    # comparison, arithmetic, logic
    ("python", "def f(a, b):\n    return a < b", "def f(a, b):\n    return a <= b"),
    ("python", "def f(a, b):\n    return a is b", "def f(a, b):\n    return a is not b"),
    ("python", "def f(a, b):\n    return a in b", "def f(a, b):\n    return a not in b"),
    ("python", "def f(a, b):\n    return a < b", "def f(a, b):\n    return b < a"),
    ("python", "def f(n):\n    n ^= n - 1", "def f(n):\n    n &= n - 1"),
    ("python", "def f(a, b):\n    return a and b", "def f(a, b):\n    return a or b"),
    ("python", "def f(a):\n    if a:\n        b()", "def f(a):\n    if not a:\n        b()"),
    ("python", "def f(a):\n    if not a:\n        b()", "def f(a):\n    if a:\n        b()"),
    (
        "python",
        "def f(a, b):\n    if a.x is None:\n        c()",
        "def f(a, b):\n    if a is None or a.x is None:\n        c()",
    ),
    (
        "python",
        "def f(a, b):\n    if a < 0:\n        c()",
        "def f(a, b):\n    if a < 0 or not b:\n        c()",
    ),
    (
        "python",
        "def f(a):\n    if len(a) == 0:\n        b()",
        "def f(a):\n    if len(a) <= 1:\n        b()",
    ),
    # numbers and indexes
    ("python", "def f(a):\n    return a[1]", "def f(a):\n    return a[0]"),
    ("python", "def f(a, i):\n    return a[i]", "def f(a, i):\n    return a[i - 1]"),
    ("python", "def f(r):\n    g(range(0, r))", "def f(r):\n    g(range(0, r + 1))"),
    (
        "python",
        "def f(a):\n    for x in a:\n        g(x)",
        "def f(a):\n    for x in a[1:]:\n        g(x)",
    ),
    ("python", "def f(a, k):\n    return f(a, k)", "def f(a, k):\n    return f(a, k - 1)"),
    ("python", "def f(a, x):\n    a = a + x", "def f(a, x):\n    a = max(0, a + x)"),
    ("python", "def f(n):\n    return -1", "def f(n):\n    return 1"),
    # constants
    ("python", "def f(q):\n    while True:\n        q()", "def f(q):\n    while q:\n        q()"),
    ("python", "def f(d):\n    return True", "def f(d):\n    return d == 0"),
    ("python", "def f(n):\n    return []", "def f(n):\n    return [n]"),
    ("python", "def f(n):\n    return []", "def f(n):\n    return [[]]"),
    ("python", 'def f(n):\n    return ""', "def f(n):\n    return None"),
    ("python", 'def f(n):\n    return "".join(n)', 'def f(n):\n    return " ".join(n)'),
    # names
    ("python", "def f(a, b):\n    return g(a)", "def f(a, b):\n    return g(b)"),
    (
        "python",
        "def f(n):\n    g(n.incoming, n.outgoing)",
        "def f(n):\n    g(n.outgoing, n.outgoing)",
    ),
    (
        "python",
        "class A:\n    def f(self, x):\n        self.y = x\n        return x",
        "class A:\n    def f(self, x):\n        self.y = x\n        return self.y",
    ),
    # calls
    ("python", "def f(a, b):\n    return f(b, a)", "def f(a, b):\n    return f(a, b)"),
    ("python", "def f(a, b):\n    g(a)", "def f(a, b):\n    g(a, b)"),
    ("python", "def f(a, b):\n    g(a, b)", "def f(a, b):\n    g(a)"),
    ("python", "def f(a):\n    return any(a)", "def f(a):\n    return all(a)"),
    ("python", "def f(a):\n    yield f(a)", "def f(a):\n    yield a"),
    ("python", "def f(a):\n    yield f(a)", "def f(a):\n    yield from f(a)"),
    ("python", "def f(a):\n    f(a)", "def f(a):\n    return f(a)"),
    ("python", "async def f(a):\n    return a.g()", "async def f(a):\n    return await a.g()"),
    ("python", "def f(a):\n    b = a\n    return b", "def f(a):\n    b = a.copy()\n    return b"),
    ("python", "def f(a):\n    return 1 + f(a)", "def f(a):\n    return f(a)"),
    # statements
    ("python", "def f(a):\n    g()\n    h()", "def f(a):\n    h()\n    g()"),
    ("python", "def f(a):\n    g()\n    h()", "def f(a):\n    g()"),
    (
        "python",
        "def f(a):\n    for x in a:\n        g()\n        h()",
        "def f(a):\n    for x in a:\n        g()\n    h()",
    ),
    (
        "python",
        "def f(a):\n    for x in a:\n        g()\n    h()",
        "def f(a):\n    for x in a:\n        g()\n        h()",
    ),
    ("python", "def f(a):\n    g(a)", "def f(a):\n    if not a:\n        return []\n    g(a)"),
    (
        "python",
        "def f(a):\n    if a:\n        g()\n    else:\n        h()",
        "def f(a):\n    if a:\n        h()\n    else:\n        g()",
    ),
    (
        "python",
        "def f(a):\n    for x in a:\n        break",
        "def f(a):\n    for x in a:\n        continue",
    ),
    (
        "python",
        "def f(a, d):\n    del d[a]",
        "def f(a, d):\n    if a in d:\n        del d[a]",
    ),
    (
        "python",
        "def f(a):\n    out = []\n    for x in a:\n        g()\n    return out",
        "def f(a):\n    out = []\n    for x in a:\n        g()\n        out.append(x)\n"
        "    return out",
    ),
    # other languages
    ("javascript", "function f(a) { return a.some(g); }", "function f(a) { return a.every(g); }"),
    ("javascript", "function f(a, b) { return a === b; }", "function f(a, b) { return a !== b; }"),
    ("javascript", "async function f(a) { a.g(); }", "async function f(a) { await a.g(); }"),
    ("javascript", "function f(a) { return g(a, h); }", "function f(a) { return g(a, h, 0); }"),
    ("rust", "fn f(n: i32) { for i in 0..n {} }", "fn f(n: i32) { for i in 0..=n {} }"),
    ("rust", "fn f(a: i32, b: i32) -> i32 { a - b }", "fn f(a: i32, b: i32) -> i32 { b - a }"),
    (
        "go",
        "package p\nfunc f(a []int) int { return a[0] }",
        "package p\nfunc f(a []int) int { return a[1] }",
    ),
    (
        "java",
        "class A { boolean f(A a, A b) { return a == b; } }",
        "class A { boolean f(A a, A b) { return a.equals(b); } }",
    ),
    ("cpp", "void f(int a, int b) { M m(a, b); }", "void f(int a, int b) { M m(b, a); }"),
    ("ruby", "def f(a)\n  a.select { |x| x > 1 }\nend", "def f(a)\n  a.reject { |x| x > 1 }\nend"),
    ("bash", 'f() {\n  [ "$1" -lt 3 ]\n}', 'f() {\n  [ "$1" -le 3 ]\n}'),
]


@pytest.mark.parametrize(("language", "broken", "repaired"), REPAIRS)
def test_the_repair_is_among_the_edits(language: LanguageName, broken: str, repaired: str) -> None:
    goal = fingerprint(repaired.encode(), language)
    source = broken.encode()
    assert any(
        fingerprint(apply_mutation(source, mutation), language) == goal
        for mutation in mutations(source, language, "f")
    )


@given(st.text(alphabet="abf(){}[]:=<>+-*/%,. \n\"'0123ifelsreturnd", max_size=120))
@settings(max_examples=60, deadline=None)
def test_any_text_is_mutated_without_an_error(text: str) -> None:
    source = b"def f(a, b):\n    " + text.encode() + b"\n"
    for language in ("python", "javascript"):
        for mutation in islice(mutations(source, language, "f"), 40):
            assert 0 <= mutation.start_byte <= mutation.end_byte <= len(source)


@pytest.mark.parametrize(
    ("language", "source", "fixed"),
    [
        ("python", "def f(w, h):\n    return [[0] * w] * h\n", "[[0] * w for _ in range(h)]"),
        (
            "python",
            'def f(x, to=[]):\n    """Doc."""\n    to.append(x)\n    return to\n',
            'to=None):\n    """Doc."""\n    if to is None:\n        to = []\n    to.append(x)\n',
        ),
        (
            "python",
            "def f(names):\n    return [lambda: print(name) for name in names]\n",
            "lambda name=name: print(name)",
        ),
        (
            "python",
            "def f(names, go):\n    for name in names:\n        go(lambda e: print(e, name))\n",
            "lambda e, name=name: print(e, name)",
        ),
        ("javascript", "function f(n) { return Array(n).fill([]); }", "{ length: n }, () => ([])"),
        ("javascript", "function f(xs) { return xs.sort(); }", "xs.sort((a, b) => a - b)"),
    ],
)
def test_what_is_shared_is_made_anew(language: LanguageName, source: str, fixed: str) -> None:
    data = source.encode()
    results = [apply_mutation(data, m).decode() for m in islice(mutations(data, language, "f"), 60)]
    assert any(fixed in result for result in results)


def test_a_counter_goes_down_where_another_method_counts_up() -> None:
    source = (
        b"class S:\n    def push(self, x):\n        self.xs.append(x)\n        self.size += 1\n\n"
        b"    def pop(self):\n        return self.xs.pop()\n"
    )
    (pop,) = [s for s in symbols(source, "python") if s.name == "pop"]
    found = [apply_mutation(source, m).decode() for m in mutations(source, "python", "s.py", pop)]
    assert any("        self.size -= 1\n        return self.xs.pop()" in text for text in found)


@pytest.mark.parametrize(
    ("language", "source", "fixed"),
    [
        ("python", b"def f(a):\n    return range(len(a) - 1)\n", b"range(len(a))"),
        ("javascript", b"function f(a) { return a.slice(a.length - 1); }\n", b"a.slice(a.length)"),
        ("go", b"package p\nfunc f(a []int) int { return len(a) - 1 }\n", b"return len(a) }"),
        ("ruby", b"def f(a)\n  a.first(a.size - 1)\nend\n", b"a.first(a.size)"),
    ],
)
def test_a_number_that_would_be_nothing_is_left_out(
    language: LanguageName, source: bytes, fixed: bytes
) -> None:
    made = [apply_mutation(source, edit) for edit in islice(mutations(source, language, "f"), 300)]
    assert any(fixed in text for text in made[:20])
    assert not any(b"- 0" in text for text in made)
