"""The parts that cases are made of. `§i` is the value that goes in, `§o` what comes out.

Knows no language. Guards the labels: a part says itself what it does to which category, and where
that is open to argument it takes no part in the category.
"""

import re
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml
from msgspec.structs import replace


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file around `§imports`, `§helpers`, `§body`. `leave` is how a handler ends."""

    name: str
    text: str
    leave: str
    imports: tuple[str, ...] = ()
    indent: str = "    "


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outside data into `§o`. `frames` empty: in all of them."""

    code: str
    frames: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    helpers: str = ""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `§i` to `§o`. `keeps` says that outside data is still in `§o`, word for word.

    A step that does not keep makes `§o` a fixed text. `not_for` are categories that it may change.
    """

    code: str
    keeps: bool = True
    imports: tuple[str, ...] = ()
    helpers: str = ""
    not_for: frozenset[str] = frozenset()


class Cleaner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `§i` to `§o`, harmless for `cleans`, and without any effect for `leaves`."""

    code: str
    cleans: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    imports: tuple[str, ...] = ()
    helpers: str = ""


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done with `§i`: dangerous for outside data, or `safe` with any.

    A category whose danger lies in the call alone has uses without `§i`.
    """

    category: str
    code: str
    safe: bool = False
    frames: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    helpers: str = ""


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All parts of a language. `fixed` makes `§o` a constant; `branch` is `if` with an open test.

    `branch` holds `§then`, run or not, and leaves `§o` as it was otherwise. `extends` names a
    language whose steps, cleaners, guards and uses are taken over.
    """

    name: str
    ending: str
    frames: tuple[Frame, ...]
    sources: tuple[Source, ...]
    fixed: str
    copy: str
    branch: str
    steps: tuple[Step, ...] = ()
    cleaners: tuple[Cleaner, ...] = ()
    guards: tuple[Step, ...] = ()
    uses: tuple[Use, ...] = ()
    import_line: str = "§name"
    branch_imports: tuple[str, ...] = ()
    extends: str = ""


HERE = Path(__file__).parent
EVERY = "all"
"""In a cleaner: whatever the category, the data can do no harm any more."""


T = TypeVar("T", Cleaner, Use)


@cache
def read_language(name: str) -> Language:
    """Return the parts of a language from its YAML file beside this one."""
    own = msgspec.convert(yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8")), Language)
    if not own.extends:
        return own
    base = read_language(own.extends)
    frames = {frame.name for frame in own.frames}
    uses = [use for use in base.uses if not use.frames or frames.intersection(use.frames)]
    return replace(
        own,
        steps=(*base.steps, *own.steps),
        cleaners=(*map(_with_modules, base.cleaners), *own.cleaners),
        guards=(*base.guards, *own.guards),
        uses=(*map(_with_modules, uses), *own.uses),
    )


def _with_modules(part: T) -> T:
    """Return a part whose `require` lines are `import` lines."""
    lines = tuple(
        re.sub(r"^const (.+?) = require\((.+?)\);$", r"import \1 from \2;", line)
        for line in part.imports
    )
    return replace(part, imports=lines)


def names() -> list[str]:
    """Return the languages that have parts."""
    return sorted(path.stem for path in HERE.glob("*.yaml"))
