"""The child of the crash test: appends scripted entries and prints each acknowledgement.

Run as `crash_child.py STORE THREAD`; prints `begin` before it touches the store, and goes on with a
thread that is there already.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import anyio

from kodo.base.errors import StoreError
from kodo.core.events import Event, MessageAdded, Noted, Stored
from kodo.core.messages import Text, ToolResult, user
from kodo.core.thread import Entry, ThreadHeader
from kodo.store.store import open_store

AT = datetime(2026, 1, 2, tzinfo=UTC)


def body(seq: int, blob: str) -> Stored:
    if seq % 7 == 0:
        return MessageAdded(user(f"text {seq}"))
    if seq % 3 == 0:
        return MessageAdded(ToolResult(f"call-{seq}", "shell", (Text(f"{blob}\n" * 200),)))
    return Noted(f"step {seq} {blob}")


async def main(path: Path, thread_id: str) -> None:
    os.write(1, b"begin\n")
    async with open_store(path) as store:
        try:
            await store.log.create(ThreadHeader(thread_id, AT, "/work"))
        except StoreError:
            start = len((await store.log.load(thread_id))[1]) + 1
        else:
            start = 1
        for seq in range(start, 1_000_000):
            blob = await store.blobs.put(f"content {seq} ".encode() * 2000)
            parent = f"entry-{seq - 1}" if seq > 1 else None
            entry = Entry(f"entry-{seq}", parent, Event(seq, "run", AT, body(seq, blob)))
            await store.log.append(thread_id, entry)
            os.write(1, f"{seq} {blob}\n".encode())


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2])
