"""Lines of lock files: where a key stands, and the `[[package]]` tables of TOML locks."""

import re
from collections.abc import Iterator


class LineFinder:
    """Finds the line on which a text stands, going on from the last hit where it can."""

    __slots__ = ("_at", "_line", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def find(self, needle: str) -> int:
        """Return the 1-based line of the next `needle`, else of the first, else 1."""
        found = self._text.find(needle, self._at)
        if found < 0:
            self._at, self._line = 0, 1
            found = self._text.find(needle)
            if found < 0:
                return 1
        self._line += self._text.count("\n", self._at, found)
        self._at = found
        return self._line


_ENTRY = re.compile(r'^(name|version)\s*=\s*"([^"]*)"')


def locked_tables(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (name, version, line) of every `[[package]]` table; read by lines, which TOML lacks."""
    name = version = ""
    number_of_name = 0
    inside = False
    for number, line in enumerate((*text.splitlines(), "["), 1):
        if line.startswith("["):
            if inside and name and version:
                yield name, version, number_of_name
            inside = line.strip() == "[[package]]"
            name = version = ""
        elif inside and (match := _ENTRY.match(line)):
            if match[1] == "name":
                name, number_of_name = match[2], number
            else:
                version = match[2]
