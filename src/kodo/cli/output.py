"""What commands print in common: JSON, tables, and yes-or-no questions on a terminal."""

import sys
from collections.abc import Sequence

import msgspec

from kodo.tui.ansi import columns


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header, columns as wide as their widest cell. Cells are safe already."""
    widths = [max(columns(row[at]) for row in (header, *rows)) for at in range(len(header))]
    for row in (header, *rows):
        cells = [
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def confirm(question: str, *, assume_yes: bool = False) -> bool:
    """Ask on the terminal; without one the answer is no, and nothing waits."""
    if assume_yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
