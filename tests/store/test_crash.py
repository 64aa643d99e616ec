"""Killed at any instant, a store opens again and holds every entry that was acknowledged."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kodo.core.thread import Thread
from kodo.store.store import open_store

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("crash_child.py")


def start(path: Path, thread_id: str) -> "subprocess.Popen[bytes]":
    """Start a child and return when it is about to open the store."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(path), thread_id], stdout=subprocess.PIPE
    )
    assert read_until(child, 1) == [b"begin\n"]
    return child


def read_until(child: "subprocess.Popen[bytes]", count: int) -> list[bytes]:
    assert child.stdout is not None
    return [child.stdout.readline() for _ in range(count)]


def kill(child: "subprocess.Popen[bytes]", lines: list[bytes]) -> dict[int, str]:
    """Kill the child and return what it acknowledged: seq and blob."""
    assert child.stdout is not None
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().splitlines(keepends=True)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    found: dict[int, str] = {}
    for line in (*lines, *rest):
        if line.endswith(b"\n"):  # an acknowledgement that was itself cut does not count
            seq, blob = line.decode().split()
            found[int(seq)] = blob
    return found


async def check(path: Path, acknowledged: dict[str, dict[int, str]]) -> None:
    async with open_store(path) as store:
        assert (await store.log.verify()).damages == ()
        assert await store.blobs.verify() == []
        for thread_id, entries in acknowledged.items():
            header, found = await store.log.load(thread_id)
            thread = Thread(header, iter(found))
            assert len(thread.path()) == len(found)
            assert {entry.event.seq for entry in found} >= entries.keys()
            assert len(found) <= max(entries, default=0) + 1  # one may be in, and not yet told
            for blob in entries.values():
                await store.blobs.get(blob)


async def crash(path: Path, seed: int, kills: int) -> None:
    """Kill one child after the other at random instants, each going on with the same thread."""
    chance = random.Random(seed)
    known: dict[int, str] = {}
    for _ in range(kills):
        child = start(path, "thread-1")
        lines = read_until(child, chance.randrange(1, 12))
        # A random spin moves the kill to any instant between two acknowledgements.
        sum(range(chance.randrange(60_000)))
        known.update(kill(child, lines))
        await check(path, {"thread-1": known})


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_acknowledged_entry_survives_kill(store_path: Path, seed: int) -> None:
    await crash(store_path, seed, kills=5)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(10, 20))
async def test_every_acknowledged_entry_survives_many_kills(store_path: Path, seed: int) -> None:
    await crash(store_path, seed, kills=5)


@pytest.mark.parametrize("spin", [0, 30_000, 100_000, 300_000])
async def test_killed_while_the_file_is_made_the_store_opens(store_path: Path, spin: int) -> None:
    child = start(store_path, "thread-1")
    sum(range(spin))
    acknowledged = kill(child, [])
    async with open_store(store_path) as store:
        assert (await store.log.verify()).damages == ()
    if acknowledged:
        await check(store_path, {"thread-1": acknowledged})


async def test_two_processes_write_to_one_store(store_path: Path) -> None:
    one, two = start(store_path, "thread-1"), start(store_path, "thread-2")
    lines = [read_until(one, 25), read_until(two, 25)]
    acknowledged = {"thread-1": kill(one, lines[0]), "thread-2": kill(two, lines[1])}
    assert all(len(entries) >= 25 for entries in acknowledged.values())
    await check(store_path, acknowledged)
