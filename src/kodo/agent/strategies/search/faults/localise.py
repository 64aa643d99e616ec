"""Rank the functions and lines that may hold a bug: coverage, stack frames, names in the task.

Knows coverage and symbols, not how they were measured. The coverage score is Ochiai's (Abreu et
al., 2007). Guards that tests themselves are never suspected.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kodo.agent.strategies.search.trials.ground import Baseline
from kodo.syntax.languages import language_of
from kodo.syntax.symbols import Symbol, enclosing_function, symbols

FRAME_WEIGHT = 0.35
NAMED_FUNCTION_WEIGHT = 0.6
NAMED_FILE_WEIGHT = 0.15
USED_BY_TEST_WEIGHT = 0.3
NAMED_PART_WEIGHT = 0.2
ALIKE_LETTERS = 5


@dataclass(slots=True)
class Suspect:
    """A function (or a file without one) and how suspicious it and each of its lines is."""

    path: str
    symbol: Symbol | None
    score: float
    lines: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.symbol.qualified_name if self.symbol is not None else self.path

    def hottest(self) -> int:
        """Return its most suspicious line, 1-based."""
        first = self.symbol.start_line if self.symbol is not None else 1
        return max(self.lines, key=lambda line: (self.lines[line], -line), default=first)


def ochiai(baseline: Baseline) -> dict[tuple[str, int], float]:
    """Return how strongly each line goes with failing: 0..1, empty where coverage is unknown."""
    failing = [c for c in baseline.coverage if not c.passed]
    passing = [c for c in baseline.coverage if c.passed]
    scores: dict[tuple[str, int], float] = {}
    if not failing:
        return scores
    hits: dict[tuple[str, int], list[int]] = {}
    for index, group in enumerate((failing, passing)):
        for test in group:
            for path, lines in test.lines.items():
                for line in lines:
                    hits.setdefault((path, line), [0, 0])[index] += 1
    for place, (bad, good) in hits.items():
        if bad:
            scores[place] = bad / math.sqrt(len(failing) * (bad + good))
    return scores


def rank_suspects(
    sources: Mapping[str, str],
    baseline: Baseline,
    *,
    task: str,
    tests: Iterable[str] = (),
) -> list[Suspect]:
    """Return the suspects among `sources` (path → text), most suspicious first.

    `tests` are texts of the failing tests: what they name is likelier. A file whose language has
    no grammar is one suspect as a whole.
    """
    spectrum = ochiai(baseline)
    # Tests that start the program as its own process cover nothing of it: then all are suspect.
    covered = {path for path, _ in spectrum} & set(sources)
    framed = _frames(baseline)
    words = set(re.findall(r"\w+", task))
    stems = {word[:ALIKE_LETTERS].lower() for word in words if len(word) >= ALIKE_LETTERS}
    test_words = set(re.findall(r"\w+", "\n".join(tests)))
    found: list[Suspect] = []
    for path, text in sources.items():
        if covered and path not in covered:
            continue
        language = language_of(path)
        file_score = NAMED_FILE_WEIGHT if path in task or path.rsplit("/", 1)[-1] in task else 0.0
        known = symbols(text.encode(), language) if language is not None else ()
        lines = {line: score for (where, line), score in spectrum.items() if where == path}
        for (where, line), weight in framed.items():
            if where == path:
                lines[line] = lines.get(line, 0.0) + FRAME_WEIGHT * weight
        by_symbol: dict[Symbol | None, dict[int, float]] = {}
        for line, score in lines.items():
            by_symbol.setdefault(enclosing_function(known, line), {})[line] = score
        if not covered:
            for symbol in known:
                if symbol.kind != "class":
                    by_symbol.setdefault(symbol, {})
            if not known:
                by_symbol.setdefault(None, {})
        for symbol, own in by_symbol.items():
            score = file_score + max(own.values(), default=0.0)
            if symbol is not None and len(symbol.name) > 2:
                score += NAMED_FUNCTION_WEIGHT * (symbol.name in words)
                score += USED_BY_TEST_WEIGHT * (symbol.name in test_words)
                score += NAMED_PART_WEIGHT * bool(stems & _stems_of(symbol.name))
            found.append(Suspect(path, symbol, score, own))
    found.sort(key=lambda suspect: (-suspect.score, suspect.symbol is None, suspect.path))
    return found


def _stems_of(name: str) -> set[str]:
    """Return the first letters of a name's longer words: "compare_all" gives {"compa"}."""
    parts = re.findall(r"[a-z]+|[A-Z][a-z]*", name)
    return {part[:ALIKE_LETTERS].lower() for part in parts if len(part) >= ALIKE_LETTERS}


def _frames(baseline: Baseline) -> dict[tuple[str, int], float]:
    """Return how much the stacks of failing tests name each line; the innermost counts most."""
    found: dict[tuple[str, int], float] = {}
    for test in baseline.trial.failing[:20]:
        for depth, frame in enumerate(reversed(test.frames)):
            place = (frame.path, frame.line)
            found[place] = max(found.get(place, 0.0), 1.0 / (1 + depth))
    return found
