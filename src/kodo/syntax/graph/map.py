"""The repository map: a project on one page, its most important signatures under their paths.

Does not know where files come from. Guards the token budget and the order: equal input gives equal
text, so a prompt's prefix stays the same.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from kodo.syntax.graph.links import links, reachable
from kodo.syntax.graph.rank import Focus, rank
from kodo.syntax.graph.tags import Definition, FileTags

DEFAULT_BUDGET_TOKENS = 1200
_MOST_LINES_A_FILE = 10
_MOST_FOLDERS = 12
_LONGEST_LINE = 110
_BYTES_A_TOKEN = 3.5  # code is denser than prose


def repository_map(
    files: Mapping[str, FileTags],
    budget_tokens: int = DEFAULT_BUDGET_TOKENS,
    focus: Focus = Focus(),  # noqa: B008 - a frozen value
) -> str:
    """Return the map of `files` (by path, with `/`) in at most about `budget_tokens` tokens.

    The best definitions by rank are chosen until the budget is used up, and are shown by path and
    line. Empty where nothing is defined or the budget does not hold one line.
    """
    total = sum(len(tags.definitions) for tags in files.values())
    if not total:
        return ""
    room = budget_tokens * _BYTES_A_TOKEN
    head = [f"{len(files)} source files, {total} definitions; the most used, with their lines:"]
    if folders := _folders(files):
        head.append(folders)
    room -= sum(len(line.encode()) + 1 for line in head)
    chosen = _choose(files, focus, room)
    if not chosen:
        return ""
    lines = head
    for path in sorted(chosen):
        lines.append(path)
        lines.extend(_line(files[path].definitions[number]) for number in sorted(chosen[path]))
    return "\n".join(lines) + "\n"


def _choose(files: Mapping[str, FileTags], focus: Focus, room: float) -> dict[str, set[int]]:
    ranks = rank(files, links(files), focus)
    best = sorted(ranks.definitions, key=lambda place: (-ranks.definitions[place], place))
    chosen: defaultdict[str, set[int]] = defaultdict(set)
    for path, number in best:
        definitions = files[path].definitions
        if not reachable(definitions[number]):
            continue
        wanted = {number, *_around(definitions, number)} - chosen[path]
        if len(chosen[path]) + len(wanted) > _MOST_LINES_A_FILE:
            continue
        cost = sum(len(_line(definitions[item]).encode()) + 1 for item in wanted)
        cost += 0 if chosen[path] else len(path.encode()) + 1
        if cost > room:
            break
        room -= cost
        chosen[path] |= wanted
    return {path: numbers for path, numbers in chosen.items() if numbers}


def _around(definitions: tuple[Definition, ...], number: int) -> set[int]:
    """Return the class that a method stands in: a method alone says too little."""
    item = definitions[number]
    for before in range(number - 1, -1, -1):
        other = definitions[before]
        name = f"{other.owner}.{other.name}" if other.owner else other.name
        if other.kind == "class" and name == item.owner:
            return {before}
    return set()


def _line(item: Definition) -> str:
    depth = item.owner.count(".") + 2 if item.owner else 1
    text = item.signature or item.name
    if len(text) > _LONGEST_LINE:
        text = text[: _LONGEST_LINE - 1] + "…"
    return f"{'  ' * depth}{item.line}: {text}"


def _folders(files: Mapping[str, FileTags]) -> str:
    """Return one line that names the folders with the most files, or "" where there is but one."""
    counts = Counter(str(PurePosixPath(path).parent) for path in files)
    if len(counts) < 2:
        return ""
    best = sorted(counts, key=lambda folder: (-counts[folder], folder))[:_MOST_FOLDERS]
    named = ", ".join(f"{folder}/ {counts[folder]}" for folder in sorted(best))
    rest = len(counts) - len(best)
    return f"folders: {named}" + (f", {rest} more" if rest else "")
