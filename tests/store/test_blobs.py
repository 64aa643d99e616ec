"""Blobs: whatever goes in comes back byte for byte, once, or not at all."""

import hashlib
import random
import sqlite3
from pathlib import Path

import pytest

from kodo.base.errors import StoreError
from kodo.store.store import Store, open_store

pytestmark = pytest.mark.anyio

MIB = 1 << 20
NOISE = random.Random(7).randbytes(9 * MIB)
CONTENTS = {
    "empty": b"",
    "one byte": b"\x00",
    "text": b"line\r\n\xff\xfe" * 5000,
    "noise": NOISE[: 3 * MIB],
    "one piece": NOISE[: 4 * MIB],
    "one piece and a byte": NOISE[: 4 * MIB + 1],
    "three pieces": NOISE,
}


@pytest.mark.parametrize("kind", CONTENTS)
async def test_bytes_come_back(store: Store, store_path: Path, kind: str) -> None:
    data = CONTENTS[kind]
    name = await store.blobs.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert await store.blobs.get(name) == data
    async with open_store(store_path) as again:
        assert await again.blobs.get(name) == data
        assert await again.blobs.verify() == []


def rows(path: Path) -> tuple[int, int]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT count(*), sum(length(data)) FROM pieces").fetchone()
    connection.close()
    return found


async def test_the_same_bytes_are_kept_once_and_compressed(store: Store, store_path: Path) -> None:
    data = b"the same again and again\n" * 10_000
    for _ in range(3):
        await store.blobs.put(data)
    count, size = rows(store_path)
    assert count == 1
    assert size < len(data) / 10


async def test_pieces_are_at_most_four_mebibytes(store: Store, store_path: Path) -> None:
    await store.blobs.put(NOISE)
    connection = sqlite3.connect(store_path)
    sizes = [row[0] for row in connection.execute("SELECT length(data) FROM pieces")]
    connection.close()
    assert sorted(sizes) == [MIB, 4 * MIB, 4 * MIB]


async def test_a_put_that_died_half_way_is_not_there_and_can_be_done_again(
    store: Store, store_path: Path
) -> None:
    name = await store.blobs.put(NOISE)
    connection = sqlite3.connect(store_path)
    connection.execute("DELETE FROM pieces WHERE piece = 0")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="no blob"):
        await store.blobs.get(name)
    await store.blobs.put(NOISE)
    assert await store.blobs.get(name) == NOISE


async def test_names_that_are_not_there_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match=f"no blob '{'0' * 64}'"):
        await store.blobs.get("0" * 64)
    with pytest.raises(StoreError, match="'zz' is not the name of a blob"):
        await store.blobs.get("zz")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pieces SET data = zeroblob(length(data)), packing = 0",
        "UPDATE pieces SET packing = 1, data = x'00'",
        "UPDATE pieces SET packing = 9",
        "DELETE FROM pieces WHERE piece = 1",
    ],
)
async def test_damage_is_found_on_reading(store: Store, store_path: Path, statement: str) -> None:
    name = await store.blobs.put(NOISE[: 5 * MIB])
    connection = sqlite3.connect(store_path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=f"blob '{name}' is damaged"):
        await store.blobs.get(name)
    assert await store.blobs.verify() == [name]


async def test_many_are_read_at_once(store: Store) -> None:
    contents = [str(number).encode() * 100 for number in range(250)]
    names = [await store.blobs.put(data) for data in contents]
    found = await store.blobs.get_many([*names, names[0]])
    assert [found[name] for name in names] == contents
    with pytest.raises(StoreError, match="no blob"):
        await store.blobs.get_many([names[0], "1" * 64])
