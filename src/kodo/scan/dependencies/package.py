"""One package that a project depends on."""

from typing import Literal, NamedTuple

Ecosystem = Literal["PyPI", "npm", "crates.io", "Go", "Maven", "RubyGems", "ConanCenter", "vcpkg"]
"""The names of the OSV schema."""


class Package(NamedTuple):
    """A pinned version on a 1-based line of a manifest; the name as its ecosystem compares it."""

    ecosystem: Ecosystem
    name: str
    version: str
    line: int
