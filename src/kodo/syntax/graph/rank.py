"""Rank: how much each file and each definition matters, seen from where the attention is.

Personalised PageRank (Page, Brin, Motwani, Winograd 1999) over files; a file hands its rank on to
the definitions it uses. Does not know trees or text. Guards the same answer for the same input.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import log
from pathlib import PurePosixPath
from typing import NamedTuple

from kodo.syntax.graph.links import Link, reachable
from kodo.syntax.graph.tags import FileTags

_DAMPING = 0.85
_ROUNDS = 20
_TOUCHED_SHARE = 4.0
_WORDS_SHARE = 4.0
_TEST_WEIGHT = 0.2
_PRIVATE_WEIGHT = 0.4
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TEST_FOLDERS = {"test", "tests", "spec", "specs", "testing", "__tests__", "fixtures"}
_TEST_FILE = re.compile(r"(^|[_.-])(test|tests|spec)([_.-]|$)|(?<=[a-z])Tests?$")


class Focus(NamedTuple):
    """Where the attention is: words of the task, and paths that were touched lately."""

    words: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


class Ranks(NamedTuple):
    """`files` adds up to 1. `definitions` is by path and number; what nobody uses has little."""

    files: dict[str, float]
    definitions: dict[tuple[str, int], float]


def name_parts(name: str) -> list[str]:
    """Return the words inside an identifier or a path, in lower case."""
    return [part.lower() for part in _PART.findall(name)]


def rank(files: Mapping[str, FileTags], found: Sequence[Link], focus: Focus) -> Ranks:
    """Return the ranks of all files and definitions."""
    paths = sorted(files)
    weights = {path: _TEST_WEIGHT if is_test(path) else 1.0 for path in paths}
    attention = _attention(files, paths, focus)
    out: defaultdict[str, float] = defaultdict(float)
    edges: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for link in found:
        edges[link.user][link.owner] += link.weight
        out[link.user] += link.weight
    total = sum(attention.files[path] * weights[path] for path in paths) or 1.0
    start = {path: attention.files[path] * weights[path] / total for path in paths}
    ranks = _pagerank(start, edges, out)
    scores: defaultdict[tuple[str, int], float] = defaultdict(float)
    for link in found:
        scores[link.owner, link.definition] += ranks[link.user] * link.weight / out[link.user]
    for path in paths:
        # What no file uses still stands in order: early and public first, with a small share.
        tags = files[path].definitions
        for number, item in enumerate(tags):
            score = scores[path, number] + 0.05 * ranks[path] / (number + 2)
            if item.name.startswith("_") or not reachable(item):
                score *= _PRIVATE_WEIGHT
            scores[path, number] = score * weights[path] * attention.boost(item.name)
    return Ranks(ranks, dict(scores))


def _pagerank(
    start: Mapping[str, float],
    edges: Mapping[str, Mapping[str, float]],
    out: Mapping[str, float],
) -> dict[str, float]:
    ranks = dict(start)
    for _ in range(_ROUNDS):
        following = dict.fromkeys(start, 0.0)
        resting = 0.0
        for path, value in ranks.items():
            targets = edges.get(path)
            if not targets:
                resting += value
                continue
            share = value / out[path]
            for target, weight in targets.items():
                following[target] += share * weight
        ranks = {
            path: (1 - _DAMPING) * share + _DAMPING * (following[path] + resting * share)
            for path, share in start.items()
        }
    return ranks


class _Attention(NamedTuple):
    files: dict[str, float]
    words: dict[str, float]

    def boost(self, name: str) -> float:
        """Return by how much the words of the task raise a name: 1 to about 10."""
        if not self.words:
            return 1.0
        return 1.0 + 2.0 * sum(self.words.get(part, 0.0) for part in set(name_parts(name)))


def _attention(files: Mapping[str, FileTags], paths: list[str], focus: Focus) -> _Attention:
    """Return a start weight for each file, and for each word of the task how rare it is (0 to 1).

    Each share is relative to what all files together have at first, so a large project drowns
    neither the words nor the touched files.
    """
    weights = dict.fromkeys(paths, 1.0)
    wanted = {part for word in focus.words for part in name_parts(word) if len(part) > 2}
    rarity: dict[str, float] = {}
    if wanted:
        in_file = {path: _words_of(path, files[path]) & wanted for path in paths}
        spread = Counter(word for words in in_file.values() for word in words)
        rarity = {
            word: log(1 + len(paths) / count) / log(1 + len(paths))
            for word, count in spread.items()
        }
        scores = {path: sum(rarity[word] for word in in_file[path]) ** 2 for path in paths}
        _share_out(weights, scores, _WORDS_SHARE * len(paths))
    touched = {path: 1.0 for path in focus.paths if path in weights}
    _share_out(weights, touched, _TOUCHED_SHARE * len(paths))
    return _Attention(weights, rarity)


def _share_out(weights: dict[str, float], scores: Mapping[str, float], amount: float) -> None:
    total = sum(scores.values())
    for path, score in scores.items():
        if total and score:
            weights[path] += amount * score / total


def _words_of(path: str, tags: FileTags) -> set[str]:
    words = set(name_parts(path))
    for item in tags.definitions:
        words.update(name_parts(item.name))
    return words


def is_test(path: str) -> bool:
    """Whether a file is a test or a fixture, by its path alone."""
    pure = PurePosixPath(path)
    return bool(_TEST_FOLDERS & set(pure.parts[:-1])) or bool(_TEST_FILE.search(pure.stem))
