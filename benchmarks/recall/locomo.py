"""LoCoMo: are the turns that answer a question about long conversations found again?

The data is that of snap-research/locomo (ten conversations, for tests only, never kept here): each
goes into a store of its own, its turns as messages, and its questions through the ordinary search.
A found turn counts with the one before and the one behind it. Reports the mean share of evidence
turns among the first 10, 20 and 50 hits by category; 4 is the one with a single answering turn. Of
the conversations every second one is held out: ranking was chosen on the others.

Run: python -m benchmarks.recall.locomo FOLDER   (the one with the conversations' .json files)
"""

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from time import process_time
from typing import Any, cast

import anyio
import msgspec

from kodo.core.events import Event, MessageAdded
from kodo.core.messages import Assistant, Message, Text, user
from kodo.core.recall import Query
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.index.recall import SqliteRecall
from kodo.store.store import open_store

DEPTHS = (10, 20, 50)
ADVERSARIAL = 5
SINGLE_HOP = 4
NAMES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop"}
THREAD = "conversation"

_TURN = re.compile(r"D(\d+):(\d+)")
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Asked(msgspec.Struct):
    """A question with the turns that answer it, as `D3:7`."""

    question: str
    category: int
    evidence: list[str] = []


class Turn(msgspec.Struct):
    """What one of the two said, and what the picture shows that came with it."""

    speaker: str
    dia_id: str
    text: str = ""
    blip_caption: str = ""
    at: datetime = _BEGAN


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    files = sorted(options.folder.rglob("*.json"))
    if not files:
        parser.error(f"{str(options.folder)!r} has no .json file")
    anyio.run(_run, files)


async def _run(files: Sequence[Path]) -> None:
    shares: defaultdict[int, list[list[float]]] = defaultdict(list)
    halves: defaultdict[str, list[list[float]]] = defaultdict(list)
    cpu_ms: list[float] = []
    turns = 0
    for at, file in enumerate(files):
        conversation = cast("dict[str, Any]", msgspec.json.decode(file.read_bytes()))
        said = read_turns(conversation)
        turns += len(said)
        asked = msgspec.convert(conversation["qa"], list[Asked])
        with tempfile.TemporaryDirectory() as folder:
            for category, found, cost_ms in await _ask(Path(folder), said, asked):
                shares[category].append(found)
                if category == SINGLE_HOP:
                    halves["held-out" if at % 2 else "development"].append(found)
                cpu_ms.append(cost_ms)
    print(f"{len(files)} conversations, {turns} turns; CPU ms a question p50 {median(cpu_ms):.1f}")
    for category in sorted(shares):
        _print(f"category {category} ({NAMES[category]})", shares[category])
    for half, rows in halves.items():
        _print(f"single-hop, {half} half", rows)
    _print("all", [row for rows in shares.values() for row in rows])


def _print(name: str, rows: Sequence[Sequence[float]]) -> None:
    cells = ", ".join(
        f"@{depth} {100 * mean(row[at] for row in rows):.1f}" for at, depth in enumerate(DEPTHS)
    )
    print(f"{name:<26} n={len(rows):<5} {cells}")


def read_turns(conversation: dict[str, Any]) -> list[Turn]:
    """Return all turns of a conversation in order."""
    numbers = sorted(
        int(name.removeprefix("session_"))
        for name, value in conversation.items()
        if name.removeprefix("session_").isdigit() and isinstance(value, list)
    )
    return [
        msgspec.structs.replace(turn, at=_date(conversation, number) + timedelta(minutes=minute))
        for number in numbers
        for minute, turn in enumerate(
            msgspec.convert(conversation[f"session_{number}"], list[Turn])
        )
    ]


def _date(conversation: dict[str, Any], number: int) -> datetime:
    """Return when a session began, as in `1:56 pm on 8 May, 2023`."""
    told = str(conversation[f"session_{number}_date_time"])
    return datetime.strptime(told, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)


async def _ask(
    folder: Path, said: Sequence[Turn], asked: Sequence[Asked]
) -> list[tuple[int, list[float], float]]:
    """Return for each question its category, its shares by depth, and its CPU milliseconds."""
    places = {turn.dia_id: number for number, turn in enumerate(said, 1)}
    found: list[tuple[int, list[float], float]] = []
    async with open_store(folder / "store.sqlite") as store:
        await store.log.create(ThreadHeader(THREAD, _BEGAN, str(folder)))
        first = said[0].speaker
        for number, turn in enumerate(said, 1):
            await store.log.append(THREAD, _entry(number, turn.at, _message(turn, first)))
        recall = SqliteRecall(store.database.path, folder, thread=THREAD)
        await recall.catch_up()
        for one in asked:
            answers = [
                f"D{int(a)}:{int(b)}" for text in one.evidence for a, b in _TURN.findall(text)
            ]
            wanted = {places[answer] for answer in answers if answer in places}
            if one.category == ADVERSARIAL or not wanted:
                continue
            started = process_time()
            hits = await recall.search(Query(one.question, k=DEPTHS[-1]))
            cost_ms = (process_time() - started) * 1000
            shares: list[float] = []
            for depth in DEPTHS:
                shown = {hit.entry + step for hit in hits[:depth] for step in (-1, 0, 1)}
                shares.append(len(wanted & shown) / len(wanted))
            found.append((one.category, shares, cost_ms))
        await recall.aclose()
    return found


def _message(turn: Turn, first: str) -> Message:
    text = f"{turn.speaker}: {turn.text}"
    if turn.blip_caption:
        text += f" [picture: {turn.blip_caption}]"
    return user(text) if turn.speaker == first else Assistant((Text(text),), "person")


def _entry(number: int, at: datetime, message: Message) -> Entry:
    parent = f"turn-{number - 1}" if number > 1 else None
    return Entry(f"turn-{number}", parent, Event(number, "run", at, MessageAdded(message)))


if __name__ == "__main__":
    main()
