"""Chunks: whole functions of code, windows of other text, every byte covered, none too long."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kodo.syntax.chunks import MAX_CHUNK_BYTES, STRIDE_LINES, WINDOW_LINES, Chunk, chunks

PYTHON = b'''"""A module."""

import os

LIMIT = 3


@decorated
def first(a):
    """Say what it does."""
    one = 1
    two = 2

    def nested():
        return one + two

    return nested()


# Tells about the second.
def second(b):
    three = 3
    four = 4
    five = 5
    six = 6
    return three + four + five + six


class Stack:
    """Holds things."""

    def push(self, item):
        self.items.append(item)
        self.count += 1
        self.changed = True
        self.newest = item
        return self

    async def pop(self):
        self.count -= 1
        self.changed = True
        self.newest = None
        self.oldest = None
        return self.items.pop()


def main():
    stack = Stack()
    stack.push(1)
    stack.push(2)
    stack.push(3)
    print(stack)


if __name__ == "__main__":
    main()
    print("a")
    print("b")
    print("c")
    print("d")
'''

GO = b"""package store

// Open opens it.
func Open(path string) (*Store, error) {
	a := 1
	b := 2
	c := 3
	if a > b {
		return nil, errFirst
	}
	return &Store{a, b, c}, nil
}

func (s *Store) Close() error {
	s.a = 0
	s.b = 0
	s.c = 0
	s.open = false
	return s.file.Close()
}
"""

TYPESCRIPT = b"""export class Queue {
  private items: string[] = [];

  push(item: string): number {
    this.items.push(item);
    this.count += 1;
    this.changed = true;
    this.newest = item;
    return this.items.length;
  }

  async drain(limit: number): Promise<string[]> {
    const taken = this.items.splice(0, limit);
    this.count -= taken.length;
    this.changed = true;
    this.newest = "";
    return taken;
  }
}

export const double = (x: number): number => {
  const one = x;
  const two = x;
  const sum = one + two;
  log(sum);
  return sum;
};
"""

C = b"""#include <stdio.h>

static int
add(int a, int b)
{
    int sum = a + b;
    log(sum);
    log(a);
    log(b);
    return sum;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        puts(argv[1]);
    }
    printf("%d", add(1, 2));
    return 0;
}
"""


def check_cover(data: bytes, found: list[Chunk]) -> None:
    """Assert that the chunks cover all bytes in order and tell their lines."""
    reached = 0
    for chunk in found:
        assert chunk.start <= reached < chunk.end
        assert chunk.end - chunk.start <= MAX_CHUNK_BYTES
        assert chunk.first_line == data.count(b"\n", 0, chunk.start) + 1
        assert chunk.last_line == data.count(b"\n", 0, chunk.end - 1) + 1
        reached = chunk.end
    assert reached == len(data)
    assert all(one.start < other.start for one, other in pairwise(found))


def symbol_texts(data: bytes, path: str) -> dict[str, str]:
    """Return the text of each chunk that names symbols."""
    found = chunks(data, path)
    check_cover(data, found)
    return {one.symbol: data[one.start : one.end].decode() for one in found if one.symbol}


def test_python_is_cut_into_functions_with_what_leads_them() -> None:
    texts = symbol_texts(PYTHON, "a.py")
    assert list(texts) == ["first", "second", "Stack Stack.push", "Stack.pop", "main"]
    assert texts["first"].startswith("@decorated\ndef first")
    assert "return nested()" in texts["first"]
    assert texts["second"].startswith("# Tells about the second.")
    assert "__main__" not in texts["main"]


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        (GO, "store.go", ["Open", "Close"]),
        (TYPESCRIPT, "queue.ts", ["Queue Queue.push", "Queue.drain", "double"]),
        (C, "main.c", ["add", "main"]),
    ],
)
def test_languages_with_braces_are_cut_into_functions(
    source: bytes, path: str, expected: list[str]
) -> None:
    assert list(symbol_texts(source, path)) == expected


def test_a_doc_comment_goes_with_its_function() -> None:
    assert symbol_texts(b"package store\n" * 10 + GO, "store.go")["Open"].startswith("// Open")


def test_a_huge_function_is_cut_at_blank_lines_and_keeps_its_name() -> None:
    block = b"".join(b"    value_%d = %d\n" % (n, n) for n in range(38)) + b"\n"
    data = b"def huge():\n" + block * 10
    found = chunks(data, "a.py")
    check_cover(data, found)
    assert len(found) > 5
    assert {one.symbol for one in found} == {"huge"}
    assert all(data[one.start : one.end].endswith(b"\n\n") for one in found[:-1])


def test_other_text_is_cut_into_windows_that_overlap() -> None:
    data = b"".join(b"line %d\n" % n for n in range(1, 101))
    found = chunks(data, "notes.txt")
    check_cover(data, found)
    lines = [(one.first_line, one.last_line) for one in found]
    assert lines == [(1, WINDOW_LINES), (1 + STRIDE_LINES, 70), (61, 100)]


def test_a_long_line_is_cut_between_words_with_an_overlap() -> None:
    data = b" ".join(b"word%d" % n for n in range(5000))
    found = chunks(data)
    check_cover(data, found)
    texts = [data[one.start : one.end] for one in found]
    assert all(text.startswith(b"word") for text in texts)
    assert all(one.end - other.start > 100 for one, other in pairwise(found))


def test_a_long_line_is_not_cut_within_a_character() -> None:
    data = ("ü" * 10_000 + "错" * 10_000).encode()
    found = chunks(data)
    check_cover(data, found)
    for one in found:
        data[one.start : one.end].decode()


def test_an_empty_text_has_no_chunks() -> None:
    assert chunks(b"", "a.py") == []


@given(st.binary(max_size=600), st.sampled_from(["a.py", "a.rs", "a.rb", "a.txt", ""]))
def test_any_bytes_are_covered(data: bytes, path: str) -> None:
    check_cover(data, chunks(data, path))


@given(
    st.lists(st.sampled_from([b"def a():\n", b"    b = 1\n", b"\n", b"class C:\n", b"x" * 3000])),
    st.sampled_from(["a.py", "a.go", "a.sh", "a.log"]),
)
def test_any_lines_are_covered(lines: list[bytes], path: str) -> None:
    data = b"".join(lines)
    check_cover(data, chunks(data, path))
