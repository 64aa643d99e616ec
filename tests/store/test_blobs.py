"""Blobs: whatever goes in comes back byte for byte, once, or not at all."""

import hashlib
import random
import sqlite3
from collections.abc import AsyncIterator
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


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("size", [1 << 16, 5 * MIB])
async def test_a_content_that_comes_in_pieces_is_the_same_blob(
    store: Store, store_path: Path, kind: str, size: int
) -> None:
    data = CONTENTS[kind]
    name = await store.blobs.put_pieces(cut(data, size))
    assert name == hashlib.sha256(data).hexdigest()
    assert await store.blobs.get(name) == data
    found = [piece async for piece in store.blobs.pieces(name)]
    assert b"".join(found) == data
    assert max(map(len, found)) <= 4 * MIB
    count = rows(store_path)[0]
    assert await store.blobs.put_pieces(cut(data, size)) == name
    assert await store.blobs.put(data) == name
    assert rows(store_path)[0] == count


async def test_a_source_that_fails_leaves_nothing(store: Store, store_path: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield NOISE
        raise ValueError("the command was killed")

    with pytest.raises(ValueError, match="killed"):
        await store.blobs.put_pieces(failing())
    assert rows(store_path)[0] == 0


async def test_pieces_left_by_a_put_that_died_are_replaced(store: Store, store_path: Path) -> None:
    name = await store.blobs.put(NOISE)
    connection = sqlite3.connect(store_path)
    connection.execute("DELETE FROM pieces WHERE piece = 0")
    connection.execute("UPDATE pieces SET data = x'00'")
    connection.commit()
    connection.close()
    assert await store.blobs.put_pieces(cut(NOISE, MIB)) == name
    assert await store.blobs.get(name) == NOISE


async def test_damage_is_told_when_pieces_are_read(store: Store, store_path: Path) -> None:
    name = await store.blobs.put(NOISE)
    connection = sqlite3.connect(store_path)
    connection.execute("UPDATE pieces SET data = zeroblob(9), packing = 0 WHERE piece = 1")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="do not match its name"):
        async for _ in store.blobs.pieces(name):
            pass
    with pytest.raises(StoreError, match="no blob"):
        async for _ in store.blobs.pieces("0" * 64):
            pass
