"""Versions compare as each ecosystem says; the orders are those of its own documentation."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from kodo.scan.dependencies.cvss import base_score
from kodo.scan.dependencies.versions.maven import MavenKey
from kodo.scan.dependencies.versions.python import python_key
from kodo.scan.dependencies.versions.ruby import ruby_key
from kodo.scan.dependencies.versions.semantic import semantic_key

ORDERS: list[tuple[Callable[[str], Any], str]] = [
    (python_key, "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2"),
    (python_key, "1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+5"),
    (python_key, "1.0 1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1.1 1.10 2!0.1"),
    (semantic_key, "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2"),
    (semantic_key, "1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2 1.10.0 2.0.0"),
    (semantic_key, "0.0.0-20190308221718-c2843e01d9a2 0.0.0-20200622213623-75b288015ac9 0.1.0"),
    (ruby_key, "1.0.a 1.0.a.2 1.0.b1 1.0.rc1 1.0 1.0.1 1.1.pre 1.1 1.9 1.10"),
    (MavenKey, "1-alpha-1 1-alpha2 1-beta 1-m1 1-rc 1-SNAPSHOT 1 1-sp 1-xyz 1-1 1.1 1.2.3 2"),
    (MavenKey, "2.9.10 2.9.10.1 2.9.10.8 2.10.0 2.10.0.pr1"),
]
SAME: list[tuple[Callable[[str], Any], str, str]] = [
    (python_key, "1.0", "1.0.0"),
    (python_key, "1.0-alpha.1", "1.0a1"),
    (python_key, "1.0-1", "1.0.post1"),
    (python_key, "v1.0", "1.0"),
    (semantic_key, "v1.2.0", "1.2"),
    (semantic_key, "1.2.3+build5", "1.2.3"),
    (semantic_key, "2.0.0+incompatible", "2.0.0"),
    (ruby_key, "1.0", "1.0.0"),
    (MavenKey, "1.0.0.RELEASE", "1"),
    (MavenKey, "1.0-ga", "1.0"),
    (MavenKey, "1a1", "1-alpha-1"),
    (MavenKey, "1-cr2", "1-cr-2"),
]


@pytest.mark.parametrize(("key", "order"), ORDERS)
def test_each_version_is_below_the_next(key: Callable[[str], Any], order: str) -> None:
    for lower, higher in pairwise(order.split()):
        assert key(lower) < key(higher), (lower, higher)
        assert not key(higher) < key(lower), (lower, higher)


@pytest.mark.parametrize(("key", "one", "other"), SAME)
def test_two_spellings_of_one_version(key: Callable[[str], Any], one: str, other: str) -> None:
    assert not key(one) < key(other)
    assert not key(other) < key(one)


@pytest.mark.parametrize("key", [python_key, semantic_key, ruby_key, MavenKey])
@pytest.mark.parametrize("text", ["", "latest", "*", "git+https://x", "1..2", "\x00"])
def test_what_is_no_version_still_has_a_place(key: Callable[[str], Any], text: str) -> None:
    assert key(text) < key("1.0.0") or key("1.0.0") < key(text) or key(text) == key("1.0.0")


def test_base_scores_are_those_of_the_specification() -> None:
    assert base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H") == 9.8
    assert base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N") == 6.1
    assert base_score("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N") == 6.4
    assert base_score("CVSS:3.1/AV:L/AC:H/PR:H/UI:N/S:U/C:N/I:N/A:N") == 0.0
    assert base_score("CVSS:3.1/AV:N") is None
    assert base_score("CVSS:4.0/AV:N/AC:L") is None
