"""What the class of a method does elsewhere is put into the method too."""

from kodo.syntax.languages import LanguageName
from kodo.syntax.mutations import apply_mutation, mutations
from kodo.syntax.symbols import find_symbol, symbols

PYTHON = b"""class Panel:
    def __init__(self, parts):
        self.parts = parts
        self.frame = Frame()
        self.count = 0

    def step(self):
        self.count += 1
        self.note(self.count)

    def reset(self):
        for part in self.parts:
            part.reset()


def other():
    self.nothing = 1
"""

JAVASCRIPT = b"""class Panel {
  constructor(parts) {
    this.parts = parts;
    this.count = 0;
  }

  reset() {
    for (const part of this.parts) {
      part.reset();
    }
  }
}
"""


def results(source: bytes, language: LanguageName, name: str) -> list[str]:
    """Return what the insertions make of a function, likeliest first."""
    symbol = find_symbol(symbols(source, language), name)
    assert symbol is not None
    return [
        apply_mutation(source, mutation).decode()
        for mutation in mutations(source, language, "a", symbol)
        if mutation.kind == "insert"
    ]


def test_the_call_that_is_made_for_each_element_is_made_for_an_attribute() -> None:
    found = results(PYTHON, "python", "reset")
    loop = "        for part in self.parts:\n            part.reset()\n"
    assert PYTHON.decode().replace(loop, loop + "        self.frame.reset()\n") in found
    assert PYTHON.decode().replace(loop, "        self.frame.reset()\n" + loop) in found


def test_an_assignment_of_a_sibling_method_is_repeated() -> None:
    found = results(PYTHON, "python", "reset")
    loop = "        for part in self.parts:\n            part.reset()\n"
    assert PYTHON.decode().replace(loop, loop + "        self.count = 0\n") in found
    assert not any(text.count("self.nothing") > 1 for text in found)


def test_other_languages_have_siblings_too() -> None:
    found = results(JAVASCRIPT, "javascript", "reset")
    loop = "      part.reset();\n    }\n"
    assert JAVASCRIPT.decode().replace(loop, loop + "    this.count = 0;\n") in found


def test_a_function_outside_of_a_class_has_no_siblings() -> None:
    assert not any(
        "self.count = 0" in text.split("def other")[1]
        for text in results(PYTHON, "python", "other")
    )
