"""Labelled cases and how well a tool tells them apart: rates by category, Youden, its mean.

Knows no tool and no data set. A case counts as flagged only by a finding whose CWE belongs to its
category.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FAMILIES: dict[str, frozenset[int]] = {
    "buffer": frozenset(
        (
            *(118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 129, 131),
            *(193, 242, 467, 680, 787, 788, 805, 806),
        )
    ),
    "format": frozenset((134,)),
    "doublefree": frozenset((415, 1341)),
    "useafterfree": frozenset((416, 672, 825)),
    "null": frozenset((476, 690)),
    "unchecked": frozenset((252, 253, 273, 391, 690)),
    "leak": frozenset((401, 771, 772, 775, 404)),
    "wrongfree": frozenset((590, 761, 762, 763)),
    "overflow": frozenset((190, 191, 680)),
    "cmdi": frozenset((77, 78, 88)),
    "pathtraver": frozenset((22, 23, 36, 73, 35, 98)),
    "xss": frozenset((79, 80, 83, 87, 116)),
    "sqli": frozenset((89, 564, 943)),
    "ldapi": frozenset((90,)),
    "xpathi": frozenset((643, 91)),
    "nosqli": frozenset((943, 89)),
    "codei": frozenset((94, 95, 470, 913)),
    "ssti": frozenset((94, 95, 96, 1336)),
    "ssrf": frozenset((918,)),
    "redirect": frozenset((601,)),
    "xxe": frozenset((611, 776, 827)),
    "deser": frozenset((502,)),
    "logi": frozenset((117, 93)),
    "header": frozenset((93, 113)),
    "proto": frozenset((1321, 915)),
    "redos": frozenset((400, 730, 1333, 625, 185)),
    "massassign": frozenset((915,)),
    "hash": frozenset((327, 328, 916, 759, 760)),
    "crypto": frozenset((327, 326, 328, 780)),
    "weakrand": frozenset((330, 331, 335, 336, 337, 338)),
    "tls": frozenset((295, 297, 326, 327, 599)),
    "cookie": frozenset((614, 1004, 1275)),
    "secret": frozenset((259, 321, 798)),
    "unsafe": frozenset((119, 125, 129, 704, 787, 758, 843, 1285, 20, 908, 457, 176, 416, 825)),
}
"""Category → the CWE numbers that name it, parents and children included."""


class Case(NamedTuple):
    """One labelled piece of code: lines of a file (1-based, inclusive), and whether it is bad.

    `category` may be told more finely behind a colon, as in `buffer:CWE121`.
    """

    name: str
    path: str
    category: str
    vulnerable: bool
    first_line: int = 1
    last_line: int = 1 << 30


class Hit(NamedTuple):
    """What a tool reported: where, and which CWE numbers."""

    path: str
    line: int
    cwes: frozenset[int]


class Rates(NamedTuple):
    """Counts of one category; rates are None where there is no case of that kind."""

    true_positives: int
    positives: int
    false_positives: int
    negatives: int

    @property
    def tpr(self) -> float | None:
        """Share of the vulnerable cases that were flagged."""
        return self.true_positives / self.positives if self.positives else None

    @property
    def fpr(self) -> float | None:
        """Share of the safe cases that were flagged."""
        return self.false_positives / self.negatives if self.negatives else None

    @property
    def youden(self) -> float | None:
        """TPR minus FPR."""
        return None if self.tpr is None or self.fpr is None else self.tpr - self.fpr


def flagged(case: Case, hits: Sequence[Hit]) -> bool:
    """Tell whether a hit on the case's lines names a CWE of its category. `hits` are its file's."""
    family = FAMILIES[case.category.partition(":")[0]]
    return any(case.first_line <= hit.line <= case.last_line and hit.cwes & family for hit in hits)


def rate(cases: Iterable[Case], hits: Iterable[Hit]) -> dict[str, Rates]:
    """Return the counts by category, categories in order of their names."""
    by_path: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_path[hit.path].append(hit)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for case in cases:
        at = 0 if case.vulnerable else 2
        counts[case.category][at] += flagged(case, by_path.get(case.path, []))
        counts[case.category][at + 1] += 1
    return {name: Rates(*counts[name]) for name in sorted(counts)}


def print_wrong(cases: Iterable[Case], hits: Iterable[Hit], count: int) -> None:
    """Print up to `count` missed and as many wrongly flagged cases of each category."""
    by_path: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_path[hit.path].append(hit)
    told: Counter[tuple[str, bool]] = Counter()
    for case in cases:
        if flagged(case, by_path.get(case.path, [])) != case.vulnerable:
            told[case.category, case.vulnerable] += 1
            if told[case.category, case.vulnerable] <= count:
                print("missed " if case.vulnerable else "flagged", case.category, case.name)


def mean_youden(rates: Iterable[Rates]) -> float:
    """Return the mean over the categories that have both kinds of case."""
    known = [one.youden for one in rates if one.youden is not None]
    return sum(known) / len(known) if known else 0.0


def table(rates: dict[str, Rates]) -> str:
    """Return the rates as lines: category, TPR, FPR, Youden, and their mean at the end."""
    lines = [f"{'category':<14}{'TPR':>7}{'FPR':>7}{'Youden':>9}{'cases':>14}"]
    for name, one in rates.items():
        cells = ["   -   " if value is None else f"{value:7.3f}" for value in (one.tpr, one.fpr)]
        youden = "    -    " if one.youden is None else f"{one.youden:+9.3f}"
        lines.append(f"{name:<14}{''.join(cells)}{youden}{one.positives:>7}+{one.negatives}")
    total = Rates(*(sum(one[at] for one in rates.values()) for at in range(4)))
    macro = mean_youden(rates.values())
    lines.append(
        f"{'mean':<14}{'':14}{macro:+9.3f}   all: TPR {total.tpr or 0:.3f} FPR {total.fpr or 0:.3f}"
    )
    return "\n".join(lines)
