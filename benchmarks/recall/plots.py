"""Draws the figures of needles and latency as SVG, by hand: no library is needed for a few lines.

Run: python -m benchmarks.recall.plots NEEDLES.jsonl LATENCY.jsonl docs/recall
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.recall.latency import Cost
from benchmarks.recall.needles import Figures

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 50, 60
COLOURS = ("#1668b8", "#c2571a", "#2e8540", "#7d3fa0", "#a8323e")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot, and how it is called at its end."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: its title, its ticks with their texts, and whether it is logarithmic."""

    title: str
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the first tick and 1 at the last."""
        low, high = self.ticks[0][0], self.ticks[-1][0]
        if self.logarithmic:
            value, low, high = math.log(max(value, 1e-9)), math.log(low), math.log(high)
        return (value - low) / (high - low)


def plot(title: str, across: Axis, up: Axis, lines: Sequence[Line]) -> str:
    """Return a line plot as SVG text."""
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + wide * across.place(value)

    def y(value: float) -> float:
        return TOP + high * (1 - up.place(value))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{title}</text>',
        *_grid(across, up, x, y),
        *_curves(lines, x, y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(
    across: Axis, up: Axis, x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts: list[str] = []
    for value, text in up.ticks:
        parts += [
            f'<line x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            'stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{text}</text>',
        ]
    for value, text in across.ticks:
        parts.append(
            f'<text x="{x(value):.1f}" y="{bottom + 20}" text-anchor="middle">{text}</text>'
        )
    middle = (LEFT + right) / 2
    parts += [
        f'<line x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#888"/>',
        f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{across.title}</text>',
        f'<text transform="translate(18 {(TOP + bottom) / 2}) rotate(-90)" '
        f'text-anchor="middle">{up.title}</text>',
    ]
    return parts


def _curves(
    lines: Sequence[Line], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    parts: list[str] = []
    below = 0.0
    ends = sorted(range(len(lines)), key=lambda at: y(lines[at].points[-1][1]))
    for number in ends:
        line = lines[number]
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up in line.points)
        dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        )
        if not line.dashed:
            parts += [
                f'<circle cx="{x(across):.1f}" cy="{y(up):.1f}" r="3" fill="{colour}"/>'
                for across, up in line.points
            ]
        # Names that would cover each other move down.
        at = max(y(line.points[-1][1]) + 4, below + 16)
        below = at
        parts.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{at:.1f}" fill="{colour}">{line.name}</text>'
        )
    return parts


def depth_plot(figures: Sequence[Figures]) -> str:
    """Return recall by depth, one line a size."""
    depths = Axis("depth in the haystack", [(at / 20, f"{at * 5} %") for at in range(0, 21, 4)])
    share = Axis("found among the first 10", [(at / 100, f"{at} %") for at in range(90, 101, 2)])
    lines = [
        Line(
            f"{_size(one.tokens)} tokens",
            [((at + 0.5) / 20, max(0.9, found)) for at, found in enumerate(one.found_by_depth)],
        )
        for one in figures
    ]
    return plot("Exact details by depth", depths, share, lines)


def latency_plot(costs: Sequence[Cost]) -> str:
    """Return CPU of a search by size, beside what linear growth would be."""
    ticks = [(at, f"{at} ms") for at in (5, 10, 20, 50, 100, 200, 500, 1000, 2000)]
    up = Axis("CPU of a search", ticks, logarithmic=True)
    lines = [
        Line("p99", [(one.tokens, one.search_p99_ms) for one in costs]),
        Line("median", [(one.tokens, one.search_p50_ms) for one in costs]),
        Line("linear growth", _linear(costs), dashed=True),
    ]
    return plot("A question's cost as the memory grows", _sizes(costs), up, lines)


def ingest_plot(costs: Sequence[Cost]) -> str:
    """Return CPU of taking everything in by size."""
    ticks = [(at, f"{at} s") for at in (0.1, 1, 10, 100)]
    up = Axis("CPU to take it in", ticks, logarithmic=True)
    lines = [
        Line("log, blobs, words", [(one.tokens, one.ingest_s) for one in costs]),
        Line("1M tokens a second", [(one.tokens, one.tokens / 1e6) for one in costs], dashed=True),
    ]
    return plot("Taking a memory in", _sizes(costs), up, lines)


def _linear(costs: Sequence[Cost]) -> list[tuple[float, float]]:
    """Return what the smallest median would grow to if it grew as the memory does."""
    first = costs[0]
    return [(one.tokens, first.search_p50_ms * one.tokens / first.tokens) for one in costs]


def _sizes(costs: Sequence[Cost]) -> Axis:
    return Axis(
        "tokens in the memory", [(one.tokens, _size(one.tokens)) for one in costs], logarithmic=True
    )


def _size(tokens: int) -> str:
    if tokens < 950_000:
        return f"{round(tokens / 1e5) * 100}K"
    return f"{tokens / 1e6:.0f}M"


def main() -> int:
    """Draw what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("needles", type=Path)
    parser.add_argument("latency", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    lines = arguments.needles.read_bytes().splitlines()
    figures = sorted((msgspec.json.decode(line, type=Figures) for line in lines), key=_tokens)
    lines = arguments.latency.read_bytes().splitlines()
    costs = sorted((msgspec.json.decode(line, type=Cost) for line in lines), key=_tokens)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("depth", depth_plot(figures)),
        ("latency", latency_plot(costs)),
        ("ingest", ingest_plot(costs)),
    ):
        (arguments.folder / f"{name}.svg").write_text(text)
    return 0


def _tokens(one: Figures | Cost) -> int:
    return one.tokens


if __name__ == "__main__":
    raise SystemExit(main())
