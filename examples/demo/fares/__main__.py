"""Print the charges of a day of journeys from a CSV file."""

import csv
import sys
from datetime import datetime
from pathlib import Path

from fares.day import charges
from fares.journey import Journey


def read_journeys(path: Path) -> list[Journey]:
    """Read journeys from a CSV file with the columns start, end, tapped_in, tapped_out."""
    with path.open(newline="") as stream:
        return [
            Journey(
                row["start"],
                row["end"],
                datetime.fromisoformat(row["tapped_in"]),
                datetime.fromisoformat(row["tapped_out"]),
            )
            for row in csv.DictReader(stream)
        ]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m fares FILE.csv", file=sys.stderr)
        return 2
    journeys = sorted(read_journeys(Path(arguments[0])), key=lambda item: item.tapped_in)
    amounts = charges(journeys)
    for journey, amount in zip(journeys, amounts):
        print(f"{journey.tapped_in:%H:%M}  {journey.start} → {journey.end}: {amount / 100:.2f}")
    print(f"total {sum(amounts) / 100:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
