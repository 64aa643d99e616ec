"""Constant folding: operators on known values, as the language at hand computes them.

Does not know syntax or data flow. Guards size: nothing longer than MAX_TEXT is computed, and a
result that the language would refuse is unknown.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from kodo.scan.interpreter.values import VARIES, same_constant

MAX_TEXT = 10_000
MAX_NUMBER = 1 << 128


class Semantics(NamedTuple):
    """Where languages differ in arithmetic and truth."""

    text_plus_number: bool = False  # "a" + 1 is "a1"
    integer_division: bool = False  # 7 / 2 is 3
    falsy_text: bool = True  # "" is false
    falsy_zero: bool = True
    number_types: frozenset[str] = frozenset()  # declared types that hold numbers for sure
    overloads: bool = False  # functions of one name differ in the number of their parameters
    class_files: bool = False  # a class is a file of its own: pkg.Shop is pkg/Shop.java
    fields_by_call: bool = False  # `x.name` is a call, also where it only reads a field
    several_results: bool = False  # a call's first result is the one that rules speak of
    typed_instances: bool = False  # a declared type is the class itself, not one of its children


def truth(constant: object, semantics: Semantics) -> bool | None:
    """Return whether a constant counts as true in a test; None when that is unknown."""
    if constant is VARIES:
        return None
    if isinstance(constant, bool):
        return constant
    if constant is None:
        return False
    if isinstance(constant, (str, bytes)):
        return bool(constant) or not semantics.falsy_text
    if isinstance(constant, (int, float)):
        return bool(constant) or not semantics.falsy_zero
    return None


def fold_unary(operator: str, value: object, semantics: Semantics) -> object:
    """Return the constant of `operator value`, or VARIES."""
    if value is VARIES:
        return VARIES
    if operator == "not":
        known = truth(value, semantics)
        return VARIES if known is None else not known
    if isinstance(value, (int, float)):
        if operator == "-":
            return -value
        if operator == "+":
            return value
        if operator == "~" and isinstance(value, int):
            return ~value
    return VARIES


def fold_binary(operator: str, left: object, right: object, semantics: Semantics) -> object:
    """Return the constant of `left operator right`, or VARIES."""
    if left is VARIES or right is VARIES:
        return VARIES
    if operator in _COMPARISONS:
        return _compare(operator, left, right)
    if isinstance(left, str) or isinstance(right, str):
        return _fold_text(operator, left, right, semantics)
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right if operator == "+" and len(left) + len(right) <= MAX_TEXT else VARIES
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _fold_number(operator, left, right, semantics)
    return VARIES


_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"))


def _compare(operator: str, left: object, right: object) -> object:
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if operator in ("==", "is", "!=", "is not"):
        equal = left == right if numbers else same_constant(left, right)
        return equal == (operator in ("==", "is"))
    if isinstance(left, str) and isinstance(right, str):
        if operator == "in":
            return left in right
        if operator == "not in":
            return left not in right
    elif not numbers:
        return VARIES
    one, other = cast("float", left), cast("float", right)  # both text or both numbers
    if operator == "<":
        return one < other
    if operator == "<=":
        return one <= other
    if operator == ">":
        return one > other
    if operator == ">=":
        return one >= other
    return VARIES


def _fold_text(operator: str, left: object, right: object, semantics: Semantics) -> object:
    if operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            return left + right if len(left) + len(right) <= MAX_TEXT else VARIES
        if semantics.text_plus_number:
            return text_of(left) + text_of(right)
    if operator == "*" and isinstance(left, str) and isinstance(right, int):
        return left * right if 0 <= len(left) * right <= MAX_TEXT else VARIES
    return VARIES


def _fold_number(operator: str, left: float, right: float, semantics: Semantics) -> object:
    if abs(left) > MAX_NUMBER or abs(right) > MAX_NUMBER:
        return VARIES
    whole = isinstance(left, int) and isinstance(right, int)
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator in ("/", "//", "%"):
        if right == 0:
            return VARIES
        if operator == "%":
            return left % right if left >= 0 and right > 0 else VARIES
        if operator == "//":
            return left // right
        if semantics.integer_division and whole:
            return abs(int(left)) // abs(int(right)) * (1 if (left < 0) == (right < 0) else -1)
        return left / right
    if not (isinstance(left, int) and isinstance(right, int)):
        return VARIES
    if operator == "&":
        return left & right
    if operator == "|":
        return left | right
    if operator == "^":
        return left ^ right
    if operator == "<<" and 0 <= right <= 64:
        return left << right
    if operator == ">>" and 0 <= right <= 64:
        return left >> right
    if operator == "**" and 0 <= right <= 64 and abs(left) <= 1 << 16:
        return left**right
    return VARIES


def text_of(constant: object) -> str:
    """Return a constant as text, as interpolation writes it."""
    if isinstance(constant, str):
        return constant
    if isinstance(constant, bytes):
        return constant.decode("utf-8", "replace")
    return str(constant)
