"""Cases out of parts: source, steps, cleaner or guard, use; and the label that follows from them.

Knows no language by name. Guards that half of the cases of each category are safe, in as many ways
as there are, and that the same seed gives the same cases.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scan.generator.parts import EVERY, Cleaner, Frame, Language, Source, Step, Use

NAMES = (
    *("term", "label", "topic", "entry", "subject", "chosen", "given", "wanted", "field", "hint"),
    *("piece", "slug", "motto", "caption", "aim", "remark"),
)


NUMBERS_HARM = frozenset({"ssrf"})
"""A number is a host as well: 2130706433 is 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Made:
    """A case: its code, its category, whether it is vulnerable, and how it came about."""

    code: str
    category: str
    vulnerable: bool
    recipe: str


class _Draft:
    """The body of a case while it grows."""

    def __init__(self, language: Language, frame: Frame, chance: random.Random) -> None:
        self.language = language
        self.frame = frame
        self.chance = chance
        self.lines: list[str] = []
        self.imports: set[str] = set(frame.imports)
        self.helpers: list[str] = []
        self._names = chance.sample(NAMES, len(NAMES))
        self.value = ""

    def name(self) -> str:
        return self._names.pop()

    def add(self, part: Source | Step | Cleaner | Use, *, into: str = "") -> None:
        """Append a part; its `§o` becomes the present value."""
        self.imports |= set(part.imports)
        if part.helpers and part.helpers not in self.helpers:
            self.helpers.append(part.helpers)
        self.write(part.code, into=into)

    def write(self, code: str, *, into: str = "") -> None:
        out = into or (self.name() if "§o" in code else "")
        extra = self.name() if "§x" in code else ""
        code = code.replace("§leave", self.frame.leave).replace("§x", extra)
        self.lines += code.replace("§i", self.value).replace("§o", out).split("\n")
        if out:
            self.value = out

    def text(self) -> str:
        body = "\n".join(self.frame.indent + line if line else line for line in self.lines)
        line = self.language.import_line
        imports = "\n".join(line.replace("§name", name) for name in sorted(self.imports))
        text = self.frame.text.replace("§imports", imports)
        text = text.replace("§helpers", "\n\n".join(self.helpers)).replace("§body", body)
        return text.strip() + "\n"


def make_cases(language: Language, each: int, seed: int) -> list[Made]:
    """Return `each` cases for every category of the language, half of them safe, shuffled."""
    chance = random.Random(f"{language.name}:{seed}")
    made: list[Made] = []
    for category in sorted({use.category for use in language.uses}):
        for number in range(each):
            made.append(_make(language, category, chance, vulnerable=number % 2 == 0))
    chance.shuffle(made)
    return made


def _make(language: Language, category: str, chance: random.Random, *, vulnerable: bool) -> Made:
    uses = [use for use in language.uses if use.category == category]
    dangerous = [use for use in uses if not use.safe]
    if not any("§i" in use.code for use in dangerous):
        use = chance.choice([use for use in uses if use.safe != vulnerable])
        draft = _Draft(language, _frame(language, use, chance), chance)
        draft.add(use)
        return Made(draft.text(), category, vulnerable, "call")
    recipes = _VULNERABLE if vulnerable else _SAFE
    while True:
        recipe = chance.choice(recipes)
        made = recipe(language, category, chance)
        if made is not None:
            return Made(made, category, vulnerable, recipe.__name__.strip("_"))


def _frame(language: Language, use: Use, chance: random.Random) -> Frame:
    return chance.choice(
        [one for one in language.frames if not use.frames or one.name in use.frames]
    )


def _begin(language: Language, use: Use, chance: random.Random) -> _Draft:
    """Return a draft that has read outside data."""
    frame = _frame(language, use, chance)
    draft = _Draft(language, frame, chance)
    fitting = [one for one in language.sources if not one.frames or frame.name in one.frames]
    draft.add(chance.choice(fitting))
    return draft


def _walk(draft: _Draft, category: str, most: int = 2) -> None:
    """Append up to `most` steps that keep the data."""
    fitting = [one for one in draft.language.steps if one.keeps and category not in one.not_for]
    for step in draft.chance.sample(fitting, draft.chance.randint(0, most)):
        draft.add(step)


def _use(language: Language, category: str, chance: random.Random, *, safe: bool) -> Use | None:
    found = [one for one in language.uses if one.category == category and one.safe == safe]
    return chance.choice(found) if found else None


def _cleaner(
    language: Language, category: str, chance: random.Random, *, helps: bool
) -> Cleaner | None:
    found = [
        one
        for one in language.cleaners
        if (category in one.cleans or (EVERY in one.cleans and category not in NUMBERS_HARM))
        == helps
        and (helps or category in one.leaves)
    ]
    return chance.choice(found) if found else None


def _plain(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=False)
    assert use is not None
    draft = _begin(language, use, chance)
    _walk(draft, category, 3)
    draft.add(use)
    return draft.text()


def _cleaned_for_another(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=False)
    cleaner = _cleaner(language, category, chance, helps=False)
    if use is None or cleaner is None:
        return None
    draft = _begin(language, use, chance)
    _walk(draft, category, 1)
    draft.add(cleaner)
    draft.add(use)
    return draft.text()


def _cleaned_at_times(language: Language, category: str, chance: random.Random) -> str | None:
    """The cleaner runs in one branch only, by a test that nothing decides."""
    use = _use(language, category, chance, safe=False)
    cleaner = _cleaner(language, category, chance, helps=True)
    if use is None or cleaner is None or "\n" in cleaner.code:
        return None
    draft = _begin(language, use, chance)
    draft.write(language.copy)
    kept = draft.value
    draft.imports |= {*cleaner.imports, *language.branch_imports}
    if cleaner.helpers:
        draft.helpers.append(cleaner.helpers)
    inner = cleaner.code.replace("§i", kept)
    draft.lines += language.branch.replace("§then", _reassign(inner, kept, language)).split("\n")
    _walk(draft, category, 1)
    draft.add(use)
    return draft.text()


def _reassign(code: str, name: str, language: Language) -> str:
    """Turn a declaration of `§o` into an assignment to `name`."""
    for declaration in ("let mut §o", "let §o", "const §o", "var §o"):
        code = code.replace(declaration, "§o")
    if language.name == "go":
        code = code.replace("§o :=", "§o =")
    return code.replace(": string =", " =").replace("§o", name)


def _clean_copy_unused(language: Language, category: str, chance: random.Random) -> str | None:
    """A clean copy is made, and the other one is used."""
    use = _use(language, category, chance, safe=False)
    cleaner = _cleaner(language, category, chance, helps=True)
    if use is None or cleaner is None:
        return None
    draft = _begin(language, use, chance)
    _walk(draft, category, 1)
    kept = draft.value
    draft.add(cleaner)
    if language.name == "go":
        draft.lines.append(f"_ = {draft.value}")
    draft.value = kept
    draft.add(use)
    return draft.text()


def _cleaned(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=False)
    cleaner = _cleaner(language, category, chance, helps=True)
    if use is None or cleaner is None:
        return None
    draft = _begin(language, use, chance)
    _walk(draft, category, 1)
    draft.add(cleaner)
    draft.add(use)
    return draft.text()


def _guarded(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=False)
    if use is None or category == "deser":
        return None
    draft = _begin(language, use, chance)
    draft.add(chance.choice([one for one in language.guards if category not in one.not_for]))
    draft.add(use)
    return draft.text()


def _broken_off(language: Language, category: str, chance: random.Random) -> str | None:
    """The data is read, and a fixed text is used."""
    use = _use(language, category, chance, safe=False)
    if use is None:
        return None
    draft = _begin(language, use, chance)
    _walk(draft, category, 1)
    draft.add(chance.choice([one for one in language.steps if not one.keeps]))
    _walk(draft, category, 1)
    draft.add(use)
    return draft.text()


def _fixed(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=False)
    if use is None:
        return None
    draft = _Draft(language, _frame(language, use, chance), chance)
    draft.write(language.fixed)
    _walk(draft, category, 2)
    draft.add(use)
    return draft.text()


def _safe_use(language: Language, category: str, chance: random.Random) -> str | None:
    use = _use(language, category, chance, safe=True)
    if use is None:
        return None
    draft = _begin(language, use, chance)
    _walk(draft, category, 2)
    draft.add(use)
    return draft.text()


_VULNERABLE = (_plain, _plain, _plain, _cleaned_for_another, _cleaned_at_times, _clean_copy_unused)
_SAFE = (_cleaned, _cleaned, _safe_use, _safe_use, _broken_off, _guarded, _fixed)


def categories(languages: Sequence[Language]) -> list[str]:
    """Return all categories of the languages."""
    return sorted({use.category for language in languages for use in language.uses})
