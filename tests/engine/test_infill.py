"""Prompts for holes, and the whitespace around them."""

import pytest

from kodo.engine.infill import gap, trim


@pytest.mark.parametrize(
    ("prefix", "kept", "indent"),
    [
        ("a\n    ", "a\n", "    "),
        ("a\n\t", "a\n", "\t"),
        ("    ", "", "    "),
        ("a = ", "a = ", ""),
        ("a\n", "a\n", ""),
        ("", "", ""),
    ],
)
def test_indentation_is_left_to_the_model(prefix: str, kept: str, indent: str) -> None:
    found = gap(prefix, "\nz")
    assert found.prompt == f"<|fim_prefix|>{kept}<|fim_suffix|>\nz<|fim_middle|>"
    assert found.indent == indent


def test_suffix_first_puts_the_moving_end_last() -> None:
    assert gap("a\n", "\nz", "spm").prompt == "<|fim_prefix|><|fim_suffix|>\nz<|fim_middle|>a\n"


@pytest.mark.parametrize(
    ("answer", "fitted"), [("    x", "x"), ("      x", "  x"), ("  x", "x"), ("x", "x")]
)
def test_an_answer_fits_into_its_hole(answer: str, fitted: str) -> None:
    assert trim(answer, "    ") == fitted
