"""Cards of functions: what describes them, and the lines that are shown."""

import pytest

from kodo.store.index.semantic.cards import MAX_SOURCE_BYTES, SHOWN_BYTES, cards
from kodo.store.index.semantic.stems import stem
from kodo.syntax.languages import LanguageName

PYTHON = b'''"""Money in several currencies."""

class Purse:
    """Holds coins."""

    # Nobody calls this twice.
    @cached
    def empty(
        self, into: list[int],
    ) -> None:
        """Pour everything out.

        The second paragraph is long, and it is not shown where there is no more room for it,
        because what matters has been said already and the room is for others.
        """
        for coin in self.coins:
            into.append(coin)
            self.coins.discard(coin)
            self.notify(coin)
'''


def test_a_function_is_described_by_all_around_it() -> None:
    (card,) = cards(PYTHON, "python", "bank/purse.py")
    assert card.name == "Purse.empty"
    for word in ("empty", "pour", "coin", "purse", "bank", "currency", "hold", "twice", "discard"):
        assert stem(word) in card.weights, word
    assert card.weights[stem("empty")] > card.weights["discard"]


def test_the_shown_lines_are_those_of_the_file() -> None:
    (card,) = cards(PYTHON, "python", "purse.py")
    lines = PYTHON.decode().splitlines(keepends=True)
    count = card.shown.count("\n")
    assert card.shown == "".join(lines[card.first_line - 1 : card.first_line - 1 + count])
    assert "def empty(" in card.shown
    assert "Pour everything out." in card.shown
    assert "self.notify" not in card.shown
    assert card.last_line == len(lines)


SOURCES: dict[LanguageName, bytes] = {
    "javascript": b"/** Pours out. */\nfunction empty(a) {\n  return spill(a);\n}\n",
    "typescript": b"/** Pours out. */\nexport function empty(a: A): B {\n  return spill(a);\n}\n",
    "rust": b"/// Pours out.\npub fn empty(a: A) -> B {\n    spill(a)\n}\n",
    "go": b"package a\n\n// Pours out.\nfunc empty(a A) B {\n\treturn spill(a)\n}\n",
    "java": b"class C {\n  /** Pours out. */\n  B empty(A a) {\n    return spill(a);\n  }\n}\n",
    "c": b"/* Pours out. */\nint empty(int a) {\n  return spill(a);\n}\n",
    "ruby": b"# Pours out.\ndef empty(a)\n  spill(a)\nend\n",
    "bash": b"# Pours out.\nempty() {\n  spill\n}\n",
}


@pytest.mark.parametrize("language", list(SOURCES))
def test_comments_above_are_documentation(language: LanguageName) -> None:
    (card,) = cards(SOURCES[language], language, "file")
    assert {stem("pour"), "spill", stem("empty")} <= card.weights.keys()
    assert card.weights[stem("pour")] > card.weights["spill"]
    assert "empty" in card.shown


def test_shown_text_is_short_and_whole_lines() -> None:
    body = b"".join(b"    x%d = compute(%d)\n" % (n, n) for n in range(100))
    (card,) = cards(b"def f():\n" + body, "python", "f.py")
    assert len(card.shown) <= SHOWN_BYTES
    assert card.shown.endswith("\n")


def test_odd_sources_give_what_they_can() -> None:
    assert list(cards(b"", "python", "a.py")) == []
    assert list(cards(b"#" * (MAX_SOURCE_BYTES + 1), "python", "a.py")) == []
    names = [card.name for card in cards(b"def f(:\n \xff\x00\ndef g(): pass", "python", "a.py")]
    assert "g" in names
