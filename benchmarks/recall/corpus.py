"""A haystack of real text of any size, from what Python itself brought to this machine.

Does not know needles. Guards repeatability: the same size and seed give the same texts. 1 token
counts as 4 bytes. Sizes beyond the sources repeat them with other names in them.
"""

import random
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BYTES_A_TOKEN = 4

_ENDINGS = (".py", ".txt", ".md", ".rst", ".json", ".c", ".h", ".js", ".html", ".toml")
_MOST_BYTES = 400_000
_WORD = re.compile(r"\b[A-Za-z_][A-Za-z0-9_]{5,}\b")


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the name of the file it came from."""

    path: str
    text: str


def documents(tokens: int, seed: int = 0) -> Iterator[Document]:
    """Yield documents of about so many tokens together, in an order drawn by `seed`."""
    wanted = tokens * BYTES_A_TOKEN
    turn = 0
    while wanted > 0:
        for document in _sources(random.Random(seed), turn):
            yield document
            wanted -= len(document.text)
            if wanted <= 0:
                return
        turn += 1


def _sources(draw: random.Random, turn: int) -> Iterator[Document]:
    paths = [
        path
        for name in ("stdlib", "purelib")
        for path in sorted(Path(sysconfig.get_paths()[name]).rglob("*"))
        if path.suffix in _ENDINGS
    ]
    paths = list(dict.fromkeys(paths))
    draw.shuffle(paths)
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if not 200 < len(data) < _MOST_BYTES or b"\0" in data:
            continue
        text = data.decode("utf-8", "replace")
        shown = "/".join(path.parts[-4:])
        if turn == 0:
            yield Document(shown, text)
        else:
            yield Document(f"copy{turn}/{shown}", _renamed(text, turn))


def _renamed(text: str, turn: int) -> str:
    """Return a text with every third of its longer words changed, always in the same way."""

    def change(match: re.Match[str]) -> str:
        word = match[0]
        if sum(word.encode()) % 3 != turn % 3:
            return word
        at = (sum(word.encode()) * (turn + 7)) % len(word)
        letter = chr(ord("a") + (len(word) * 5 + turn * 11) % 26)
        return word[:at] + letter + word[at:]

    return _WORD.sub(change, text)
