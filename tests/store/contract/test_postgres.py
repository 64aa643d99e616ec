"""PostgreSQL alone: two writers, a connection that dies, damage, a server that is not there."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from kodo.base.errors import StoreError
from kodo.core.thread import Entry, ThreadHeader

pytestmark = pytest.mark.anyio

asyncpg = pytest.importorskip("asyncpg")
open_postgres: Callable[..., Any] = pytest.importorskip("kodo.store.postgres.store").open_postgres
MakeHeader = Callable[..., ThreadHeader]
MakeEntry = Callable[..., Entry]


async def test_of_two_writers_of_a_thread_one_is_refused(
    postgres_url: str, schema: str, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    async with (
        open_postgres(postgres_url, schema=schema) as one,
        open_postgres(postgres_url, schema=schema) as two,
    ):
        await one.log.create(make_header())
        await one.log.append("thread-1", make_entry(1))
        await two.log.append("thread-1", make_entry(2))
        with pytest.raises(StoreError, match="moved on without this process"):
            await one.log.append("thread-1", make_entry(2))
        outcomes: list[str] = []

        async def write(store: Any, seq: int) -> None:
            try:
                await store.log.append("thread-1", make_entry(seq))
                outcomes.append("kept")
            except StoreError:
                outcomes.append("refused")

        for seq in range(3, 23):  # at the very same time
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write, one, seq)
                tasks.start_soon(write, two, seq)
        assert outcomes.count("kept") == outcomes.count("refused") == 20
        assert [entry.event.seq for entry in (await one.log.load("thread-1"))[1]] == [*range(1, 23)]


async def test_a_connection_that_dies_leaves_nothing_half_done(
    postgres_url: str, schema: str, make_header: MakeHeader, make_entry: MakeEntry
) -> None:
    async with open_postgres(postgres_url, schema=schema, most_connections=1) as store:
        await store.log.create(make_header())
        await store.log.append("thread-1", make_entry(1))
        other = await asyncpg.connect(postgres_url)
        try:
            await other.execute(f"SET search_path TO {schema}")
            lock = other.transaction()
            await lock.start()
            await other.execute("LOCK TABLE entries IN SHARE MODE")  # holds the write in the middle
            async with anyio.create_task_group() as tasks:

                async def write() -> None:
                    with pytest.raises(StoreError, match="PostgreSQL"):
                        await store.log.extend("thread-1", [make_entry(2), make_entry(3)])

                tasks.start_soon(write)
                query = """SELECT pid FROM pg_stat_activity
                    WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO entries%'"""
                with anyio.fail_after(20):
                    while not (pid := await other.fetchval(query)):  # noqa: ASYNC110
                        await anyio.sleep(0.01)
                await other.execute("SELECT pg_terminate_backend($1)", pid)
            await lock.rollback()
        finally:
            await other.close()
        assert len((await store.log.load("thread-1"))[1]) == 1
        await store.log.extend("thread-1", [make_entry(2), make_entry(3)])
        assert len((await store.log.load("thread-1"))[1]) == 3


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE entries SET body = 'x' WHERE seq = 3", "entry 3 .*hash"),
        ("UPDATE entries SET chain = 'x' WHERE seq = 3", "entry 3 .*chain"),
        ("DELETE FROM entries WHERE seq = 3", "entry 4 .*entry 3 is missing"),
        ("UPDATE entries SET packing = 9 WHERE seq = 3", "entry 3 .*packing"),
        ("UPDATE threads SET header = '{}'", "its header"),
    ],
)
async def test_a_changed_row_is_named(
    postgres_url: str,
    schema: str,
    make_header: MakeHeader,
    make_entry: MakeEntry,
    statement: str,
    reason: str,
) -> None:
    async with open_postgres(postgres_url, schema=schema) as store:
        await store.log.create(make_header())
        for seq in range(1, 6):
            await store.log.append("thread-1", make_entry(seq))
        other = await asyncpg.connect(postgres_url)
        await other.execute(f"SET search_path TO {schema}")
        await other.execute(statement)
        await other.close()
        with pytest.raises(StoreError, match=f"damaged at {reason}"):
            await store.log.load("thread-1")
        assert [one.header.id for one in await store.log.list()] == ["thread-1"]


async def test_what_cannot_be_opened_is_said(postgres_url: str, schema: str) -> None:
    with pytest.raises(StoreError, match="no name for a schema"):
        async with open_postgres(postgres_url, schema="a; DROP"):
            pass
    with pytest.raises(StoreError, match="cannot open the PostgreSQL store"):
        async with open_postgres("postgresql://kodo@/postgres?host=/nowhere"):
            pass
    async with open_postgres(postgres_url, schema=schema):
        other = await asyncpg.connect(postgres_url)
        await other.execute(f"UPDATE {schema}.meta SET version = 99")
        await other.close()
    with pytest.raises(StoreError, match="of version 99"):
        async with open_postgres(postgres_url, schema=schema):
            pass
