"""Which place in the file system a word of a command names: inside the workspace, or beyond it.

Lexical: it follows no symlink (the jail does). Guards that `..`, `~`, braces, `key=path` and
`@path` are seen through.
"""

import posixpath
import re
from collections.abc import Iterator

from kodo.base.globs import is_like
from kodo.core.messages import Value

_HARMLESS = (
    "/dev/null",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/tty",
    "/dev/fd",
    "/dev/zero",
)
_TEMPORARY = ("/tmp", "/var/tmp")
_BRACES = re.compile(r"^(.*?)\{([^{}]*,[^{}]*)\}(.*)$", re.S)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.I)
MOST_EXPANSIONS = 64

OUTSIDE, ROOT, HOME = "outside", "root", "home"
"""Place words of a rule: beyond workspace and /tmp; the workspace or what holds it; the home."""


class Places(Value, frozen=True):
    """The folders that a judgement knows, as absolute texts without a slash at the end."""

    workspace: str
    home: str

    def paths(self, word: str, cwd: str | None) -> Iterator[str | None]:
        """Yield the absolute paths that a word may name; None for one that nobody knows."""
        for text in _parts(word):
            if text.startswith("~"):
                user, slash, rest = text[1:].partition("/")
                base = self.home if not user else posixpath.join("/home", user)
                text = f"{base}{slash}{rest}"
            if text.startswith("/"):
                yield posixpath.normpath(text)
            elif cwd is None:
                yield None
            else:
                start = next(iter(self.paths(cwd, "."))) if cwd != "." else self.workspace
                yield None if start is None else posixpath.normpath(f"{start}/{text}")

    def is_outside(self, path: str) -> bool:
        """Tell whether a path lies beyond the workspace, /tmp and harmless devices."""
        return not any(
            path == top or path.startswith(f"{top}/")
            for top in (self.workspace, *_TEMPORARY, *_HARMLESS)
        )

    def matches(self, pattern: str, path: str) -> bool:
        """Tell whether a path is one that the pattern of a rule means, or lies below it."""
        if pattern == OUTSIDE:
            return self.is_outside(path)
        if pattern == ROOT:
            bare = path.removesuffix("/*").removesuffix("/.*") or "/"
            return _holds(bare, self.workspace)
        if pattern == HOME:
            return _holds(path.removesuffix("/*") or "/", self.home)
        if pattern.startswith("./"):
            wanted = f"{self.workspace}/{pattern[2:]}"
        elif pattern.startswith("~"):
            wanted = f"{self.home}{pattern[1:]}"
        else:
            wanted = pattern
        return path == wanted or path.startswith(f"{wanted}/") or is_like(path, wanted)


def _holds(folder: str, inner: str) -> bool:
    return folder == "/" or inner == folder or inner.startswith(f"{folder}/")


def _parts(word: str) -> Iterator[str]:
    """Yield what in a word may be a path: itself, behind `=`, `@` or `:`, braces expanded."""
    if _URL.match(word):
        if word.startswith("file://"):
            yield word[7:]
        return
    found = [word]
    for mark in ("=", "@", ":"):
        found += [text.partition(mark)[2] for text in list(found) if mark in text]
    if re.match(r"^-[A-Za-z][/~.]", word):
        found.append(word[2:])
    waiting, count = [text for text in found if text and not text.startswith("-")], 0
    while waiting and count < MOST_EXPANSIONS:
        text, count = waiting.pop(), count + 1
        if braces := _BRACES.match(text):
            waiting += [f"{braces[1]}{item}{braces[3]}" for item in braces[2].split(",")]
        else:
            yield text
