"""Statements that tell which lines a test runs: where they stand, and where they must not."""

from kodo.agent.strategies.search.trials.rust.probes import probe, read_coverage
from kodo.syntax.tree import syntax_errors

LIB = """\
//! A crate.
#![allow(dead_code)]
mod other;

const SIZE: usize = { 3 };

const fn fixed() -> i32 { 1 }

pub fn sign(value: i32) -> i32 {
    let found = [1, 2]
        .iter()
        .sum::<i32>();
    #[allow(unused)]
    let kept = found;
    if value < 0 {
        return -1;
    }
    match value {
        0 => 0,
        _ => { 1 }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn checks() { assert!(true); }
}
"""


def test_probes_stand_before_statements() -> None:
    probed = probe({"src/lib.rs": LIB.encode(), "src/other.rs": b"fn part() { todo!() }\n"})
    assert [(path, sorted(lines)) for path, lines in probed.places] == [
        ("src/lib.rs", [10, 11, 12]),
        ("src/lib.rs", [15, 17]),
        ("src/lib.rs", [16]),
        ("src/lib.rs", [18, 19, 21]),
        ("src/lib.rs", [20]),
        ("src/other.rs", [1]),
    ]
    text = probed.texts["src/lib.rs"].decode()
    assert not syntax_errors(text.encode(), "rust")
    assert text.startswith(
        "//! A crate.\n#![allow(dead_code)]\n#[allow(unused_macros)] macro_rules!"
    )
    assert "    kodo_ran!(0); let found = [1, 2]\n        .iter()" in text
    assert "{ kodo_ran!(4); 1 }" in text
    assert text.count("kodo_ran!(") == 5
    assert probed.texts["src/other.rs"] == b"fn part() { kodo_ran!(5); todo!() }\n"


def test_without_a_crate_root_there_are_no_probes() -> None:
    assert not probe({"src/part.rs": b"fn part() { todo!() }"}).places


def test_what_tests_ran_is_read() -> None:
    probed = probe({"src/lib.rs": LIB.encode()})
    output = (
        b"noise\n\x1ekodo-ran 0 sign::zero\n0 1 3 \n\x1ekodo-ran 101 sign::bad\n0 1 2 99 \n"
        b"\n\x1ekodo-ran 0 empty\n"
    )
    zero, bad, empty = read_coverage(output, probed)
    assert (zero.test, zero.passed, bad.passed) == ("sign::zero", True, False)
    assert zero.lines == {"src/lib.rs": frozenset({10, 11, 12, 15, 17, 18, 19, 21})}
    assert 16 in bad.lines["src/lib.rs"]
    assert empty.lines == {}
