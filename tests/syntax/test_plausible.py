"""Edits that a compiler would surely refuse are not proposed; what compiles still is."""

from kodo.syntax.languages import LanguageName
from kodo.syntax.mutations import apply_mutation, mutations

GO = b"""package ring

type Ring struct {
	lines []string
	next  int
	full  bool
}

func (r *Ring) Add(line string) {
	r.lines[r.next] = line
	r.next++
	if r.next == 0 {
		r.full = true
	}
}
"""

CPP = b"""#include <string>
#include <vector>

std::vector<std::string> split(const std::string& text, char sep) {
    std::vector<std::string> parts;
    std::string current;
    for (char c : text) {
        if (c == sep) {
            parts.push_back(current);
        } else {
            current += c;
        }
    }
    return parts;
}
"""

JAVA = b"""class Sums {
    static int sum(int[] values, String name, boolean on) {
        int total = 0;
        for (int value : values) {
            int half = value / 2;
            total += half;
        }
        return total;
    }
}
"""

JAVASCRIPT = b"""function best(items) {
  const most = items.length;
  for (const item of items) {
    const size = item.size;
    use(size);
  }
  return most;
}
"""

RUST = b"""fn clamp(value: i32, most: i32, name: &str) -> i32 {
    let top = most;
    if value > top {
        return top;
    }
    value
}
"""


def results(source: bytes, language: LanguageName) -> list[str]:
    path = f"file.{language}"
    return [apply_mutation(source, m).decode() for m in mutations(source, language, path)]


def test_fields_keep_their_types() -> None:
    found = results(GO, "go")
    assert not any("r.full[" in text or "r.lines == 0" in text for text in found)
    assert not any("r.lines = true" in text for text in found)
    assert any("r.next != 0" in text for text in found)


def test_names_are_used_where_they_are_seen() -> None:
    found = results(JAVA, "java")
    assert not any("return half;" in text or "return value;" in text for text in found)
    assert any("total += value;" in text for text in found)
    script = results(JAVASCRIPT, "javascript")
    assert not any("return size;" in text or "return item;" in text for text in script)
    assert any("return items;" in text for text in script)


def test_values_keep_their_types() -> None:
    found = results(JAVA, "java")
    assert not any("return name;" in text or "return on;" in text for text in found)
    assert not any("total += null" in text or "total = null" in text for text in found)
    split = results(CPP, "cpp")
    assert any("parts.push_back(text)" in text for text in split)
    assert not any("parts.push_back(c)" in text or "parts + 1" in text for text in split)
    assert not any("return name" in text for text in results(RUST, "rust"))


def test_what_is_constant_is_not_set() -> None:
    assert not any("\n  most = " in text for text in results(JAVASCRIPT, "javascript"))
    assert not any(
        "top = value;\n" in text and "let " not in text for text in results(RUST, "rust")
    )


def test_a_call_of_a_function_of_the_file_keeps_the_number_of_arguments() -> None:
    source = b"package p\n\nfunc add(a, b int) int {\n\treturn a + b\n}\n\n"
    source += b"func twice(a int) int {\n\treturn add(a, a)\n}\n"
    found = results(source, "go")
    assert not any("add(a)" in text or "add(a, a, " in text for text in found)


def test_a_variable_of_go_is_still_read() -> None:
    source = b"package p\n\nfunc last(xs []int) int {\n\tn := len(xs)\n\treturn xs[n-1]\n}\n"
    assert not any("xs[0-1]" in text or "xs[1]" in text for text in results(source, "go"))
