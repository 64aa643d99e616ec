"""Many bodies of a function in one file, and which proposals can be put together."""

import pytest

from kodo.agent.strategies.search.trials.by_shim.c_dialect import CDialect
from kodo.agent.strategies.search.trials.by_shim.java_dialect import JavaDialect
from kodo.agent.strategies.search.trials.golang.dialect import GoDialect
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.rust.dialect import RustDialect
from kodo.agent.strategies.search.trials.schemata.combine import Bases, batches
from kodo.agent.strategies.search.trials.schemata.dialect import Dialect
from kodo.syntax.tree import syntax_errors

TEXT = """\
const LIMIT: i32 = 3;

/// Twice.
#[inline]
pub fn twice(value: i32) -> i32 {
    fn inner(value: i32) -> i32 { value }
    inner(value) + 2
}

pub const fn fixed() -> i32 { 1 }

impl Thing {
    fn part(&self) -> i32 {
        self.value - LIMIT
    }
}
"""
BASES = Bases({"src/lib.rs": TEXT.encode()}, RustDialect())


def changed(old: str, new: str, path: str = "src/lib.rs") -> Proposal:
    return Proposal({path: TEXT.replace(old, new)}, "test")


def test_only_a_functions_body_can_be_put_together() -> None:
    good = BASES.change_of(changed("+ 2", "* 2"))
    assert good is not None
    assert good.body.startswith(b"{\n    fn inner")
    assert good.body.endswith(b"inner(value) * 2\n}")
    inner = BASES.change_of(changed("{ value }", "{ -value }"))
    assert inner is not None
    assert inner.start_byte == good.start_byte  # the function around it is the one to choose
    assert BASES.change_of(changed("= 3", "= 4")) is None
    assert BASES.change_of(changed("{ 1 }", "{ 2 }")) is None
    assert BASES.change_of(changed("twice(value: i32)", "twice(value: i64)")) is None
    both = TEXT.replace("+ 2", "* 2").replace("- LIMIT", "+ LIMIT")
    assert BASES.change_of(Proposal({"src/lib.rs": both}, "test")) is None
    assert BASES.change_of(changed("+ 2", "* 2", "src/new.rs")) is None


def test_the_lines_of_each_variant_are_known() -> None:
    changes = {
        number: change
        for number, proposal in enumerate(
            [
                changed("+ 2", "* 2"),
                changed("- LIMIT", "+ LIMIT"),
                changed("inner(value) + 2", "inner(value)\n        .pow(2)"),
            ],
            1,
        )
        if (change := BASES.change_of(proposal)) is not None
    }
    assert len(changes) == 3
    combined = BASES.combine(changes)
    text = combined.texts["src/lib.rs"]
    assert not syntax_errors(text, "rust")
    assert b"#[allow(warnings)] #[inline]\npub fn twice" in text
    lines = text.decode().split("\n")
    owners = {
        part: {
            combined.variant_at("src/lib.rs", number)
            for number, line in enumerate(lines, 1)
            if part in line
        }
        for part in ("* 2", "+ LIMIT", ".pow(2)", "inner(value) + 2", "- LIMIT", "const LIMIT")
    }
    assert owners == {
        "* 2": {1},
        "+ LIMIT": {2},
        ".pow(2)": {3},
        "inner(value) + 2": {0},
        "- LIMIT": {0},
        "const LIMIT": {0},
    }


def test_batches_are_small_at_first() -> None:
    change = BASES.change_of(changed("+ 2", "* 2"))
    assert change is not None
    made = batches([(number, change) for number in range(1, 400)], 10, 300)
    assert [len(batch) for batch in made] == [10, 160, 160, 69]
    assert [number for batch in made for number in batch] == list(range(1, 400))


GO = """\
package ring

import "fmt"

// Add adds.
func (r *Ring) Add(line string) (n int, err error) {
	return fmt.Println(line, 1)
}

func (r *Ring) Clear() {
	r.lines = nil
}
"""
C = """\
#include <string>

namespace text {

constexpr int fixed() { return 1; }

int twice(int value) {
    return value + 2;
}

}
"""
JAVA = """\
package a;

public class Twice {
    public Twice() { super(); }

    @Override
    public static <T> int twice(final int value, T... rest) throws Exception {
        return value + 2;
    }

    void clear() { value = 0; }
}
"""


@pytest.mark.parametrize(
    ("path", "text", "dialect", "pairs", "fixed"),
    [
        (
            "ring/ring.go",
            GO,
            GoDialect(),
            [("line, 1", "line, 2"), ("= nil", "= r.lines[:0]")],
            ('"fmt"', '"os"'),
        ),
        ("text.cpp", C, CDialect(), [("+ 2", "* 2")], ("return 1", "return 2")),
        (
            "a/Twice.java",
            JAVA,
            JavaDialect(),
            [("+ 2", "* 2"), ("value = 0", "value = 1")],
            ("super()", "this()"),
        ),
    ],
)
def test_other_languages_hold_many_bodies(
    path: str,
    text: str,
    dialect: Dialect,
    pairs: list[tuple[str, str]],
    fixed: tuple[str, str],
) -> None:
    bases = Bases({path: text.encode()}, dialect)
    assert bases.change_of(Proposal({path: text.replace(*fixed)}, "test")) is None
    found = [bases.change_of(Proposal({path: text.replace(*pair)}, "test")) for pair in pairs]
    changes = {number: change for number, change in enumerate(found, 1) if change is not None}
    assert len(changes) == len(pairs)
    combined = bases.combine(changes)
    new = combined.texts[path]
    assert not syntax_errors(new, dialect.language_of(path))
    lines = new.decode().split("\n")
    for number, (old, changed_text) in enumerate(pairs, 1):
        rows = [row for row, line in enumerate(lines, 1) if changed_text in line]
        assert [combined.variant_at(path, row) for row in rows] == [number]
        rows = [row for row, line in enumerate(lines, 1) if old in line]
        assert {combined.variant_at(path, row) for row in rows} == {0}
