"""Links: which file uses which definitions of which other file.

Knows names, not types. A name that several files define goes to those that stand nearest: what the
user imports, then its own folder, then anywhere, with less weight the more there are.
"""

from collections import defaultdict
from collections.abc import Mapping
from math import sqrt
from pathlib import PurePosixPath
from typing import NamedTuple

from kodo.syntax.graph.tags import Definition, FileTags

# Unless the owner's file is imported, a link is a guess; a method's name says the least.
_GUESSED_CALL = 0.3
_GUESSED_MEMBER = 0.1
_MOST_OWNERS = 20
# Where a folder is one package, what stands beside needs no import.
_FOLDER_IS_PACKAGE = (".go", ".java")
_PLAIN_STEMS = {"__init__", "index", "mod", "lib", "main", "__main__"}


class Link(NamedTuple):
    """File `user` uses the definition number `definition` of file `owner`, with a weight."""

    user: str
    owner: str
    definition: int
    weight: float


class _Place(NamedTuple):
    path: str
    definition: int
    stem: str
    folder: str
    folder_name: str


def links(files: Mapping[str, FileTags]) -> list[Link]:
    """Return every link between different files of a project, by user and then by name."""
    places = _places(files)
    found: list[Link] = []
    for path in sorted(files):
        tags = files[path]
        own = {item.name for item in tags.definitions if item.kind != "method"}
        folder = str(PurePosixPath(path).parent)
        for reference in tags.references:
            owners = places.get(reference.name)
            if owners is None or (reference.name in own and not reference.member):
                continue
            near, guessed = _nearest(owners, path, folder, tags.imports)
            if not near or len(near) > _MOST_OWNERS:
                continue
            weight = sqrt(reference.count) / len(near)
            if guessed:
                weight *= _GUESSED_MEMBER if reference.member else _GUESSED_CALL
            found.extend(Link(path, place.path, place.definition, weight) for place in near)
    return found


def _places(files: Mapping[str, FileTags]) -> dict[str, list[_Place]]:
    places: defaultdict[str, list[_Place]] = defaultdict(list)
    for path in sorted(files):
        pure = PurePosixPath(path)
        folder = str(pure.parent)
        stem = pure.parent.name if pure.stem in _PLAIN_STEMS else pure.stem
        for number, item in enumerate(files[path].definitions):
            if reachable(item):
                places[item.name].append(_Place(path, number, stem, folder, pure.parent.name))
    return places


def reachable(item: Definition) -> bool:
    """Whether other files can name it: not `__init__` and its like."""
    return not (item.name.startswith("__") and item.name.endswith("__"))


def _nearest(
    owners: list[_Place], path: str, folder: str, imports: frozenset[str]
) -> tuple[list[_Place], bool]:
    """Return the owners that stand nearest to `path`, and whether that is a mere guess."""
    others = [place for place in owners if place.path != path]
    imported = [place for place in others if place.stem in imports]
    if imported:
        return imported, False
    beside = [place for place in others if place.folder == folder or place.folder_name in imports]
    return (beside or others), not (beside and path.endswith(_FOLDER_IS_PACKAGE))
