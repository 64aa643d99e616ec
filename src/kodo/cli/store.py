"""`kodo store`: prove what is kept, count, collect garbage, export, purge, make the index again."""

import argparse
import os
import pwd
import sys
from pathlib import Path

import anyio
import msgspec

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, KodoError
from kodo.base.hashing import file_sha256
from kodo.cli.earlier import open_project
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import confirm, print_json, print_table
from kodo.runtime.config import Settings
from kodo.runtime.meaning import find_meaning
from kodo.store.index.recall import SqliteRecall
from kodo.store.store import Store
from kodo.store.upkeep.collect import collect
from kodo.store.upkeep.export import export
from kodo.store.upkeep.purge import Order, PurgeReport, drop_index, purge, scrub
from kodo.store.upkeep.refs import Target, find, find_text
from kodo.store.upkeep.stats import StoreStats, count
from kodo.store.upkeep.verify import Proof, verify
from kodo.tui.ansi import one_line
from kodo.tui.words import size

EXAMPLES = """\
examples:
  kodo store verify
  kodo store stats --json
  kodo store gc
  kodo store export history.jsonl
  kodo store purge 01jc8v:e42 --why "a key was printed"
  kodo store purge f:config/prod.env@2
  kodo store purge --text-from leaked.txt
  kodo store reindex

REF is e42 (entry 42 of the last session), SESSION:e42, f:PATH or f:PATH@2 (a version of a file), or
the name of a blob. A purge takes what belongs to the same call with it and cannot be undone; who
purged, when and why stays on record. --text-from FILE (`-` is stdin) purges every text and every
content that holds what is in FILE.
"""

SHORTEST_TEXT = 6


class Purged(msgspec.Struct, frozen=True):
    """`kodo store purge --json`. `still_in` are files of the workspace that hold it today."""

    entries: list[str]
    blobs: list[str]
    files: list[str]
    sessions: list[str]
    still_in: list[str]


class Reindexed(msgspec.Struct, frozen=True):
    """`kodo store reindex --json`: what the index was made of, and what it takes in the file."""

    entries: int
    file_versions: int
    index_bytes: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the six."""
    actions = parser.add_subparsers(
        dest="action", metavar="verify|stats|gc|export|purge|reindex", required=True
    )
    verifying = actions.add_parser("verify", help="read everything and prove it, name what is not")
    stats = actions.add_parser("stats", help="how much of what is kept, and what it takes")
    gc = actions.add_parser("gc", help="remove what nothing names any more, free the space")
    exporting = actions.add_parser("export", help="write everything to FILE as JSON lines")
    exporting.add_argument("file", metavar="FILE", help="a file that is not there yet")
    purging = actions.add_parser("purge", help="take a secret out for good")
    purging.add_argument("refs", metavar="REF", nargs="*", help="what to purge, see below")
    purging.add_argument("--text-from", metavar="FILE", help="purge wherever this text is")
    purging.add_argument("--why", default="", metavar="TEXT", help="goes on record")
    purging.add_argument("--yes", action="store_true", help="do not ask")
    reindex = actions.add_parser("reindex", help="make the index for recall again")
    for action in (verifying, stats, gc, exporting, purging, reindex):
        add_json(action)
        add_common(action)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of the six; `verify` returns 1 for damage. Raises ConfigError, StoreError."""
    settings = load(arguments)
    if arguments.action == "purge" and bool(arguments.refs) == bool(arguments.text_from):
        raise ConfigError("name what to purge by a REF, or a file with the text by --text-from")
    act = {
        "verify": _verify,
        "stats": _stats,
        "gc": _gc,
        "export": _export,
        "purge": _purge,
        "reindex": _reindex,
    }[arguments.action]
    return anyio.run(act, settings, arguments)


async def _verify(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_project(settings) as store:
        proof = await verify(store.database)
    if arguments.json:
        print_json(proof)
    else:
        _print_proof(proof)
    return 1 if proof.faults else 0


def _print_proof(proof: Proof) -> None:
    for fault in proof.faults:
        print(f"damaged {fault.kind} {one_line(fault.name, 120)}: {one_line(fault.reason, 300)}")
    if proof.purged_entries or proof.purged_blobs:
        print(f"purged on purpose: {proof.purged_entries} entries, {proof.purged_blobs} blobs")
    read = f"{proof.threads} sessions, {proof.entries} entries, {proof.blobs} blobs"
    if proof.faults:
        print(f"{read}: {len(proof.faults)} damages; what is not named here is whole")
    else:
        print(f"{read}: every byte is what was written")


async def _stats(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_project(settings) as store:
        stats = await count(store.database)
    if arguments.json:
        print_json(stats)
    else:
        _print_stats(stats)
    return 0


def _print_stats(stats: StoreStats) -> None:
    waiting = f", {size(stats.waiting_bytes)} waiting" if stats.waiting_bytes else ""
    free = f", {size(stats.free_bytes)} free" if stats.free_bytes else ""
    print(f"{stats.path}: {size(stats.file_bytes)}{waiting}{free}, format {stats.format}")
    index = "" if stats.index_bytes is None else size(stats.index_bytes)
    rows = [
        ("sessions", str(stats.threads), ""),
        ("entries", str(stats.entries), size(sum(kind.packed_bytes for kind in stats.kinds))),
        *((f"  {kind.kind}", str(kind.entries), size(kind.packed_bytes)) for kind in stats.kinds),
        ("blobs", str(stats.blobs), size(stats.blob_packed_bytes)),
        ("files", str(stats.files), ""),
        ("  versions", str(stats.file_versions), ""),
        ("purges", str(stats.purges), ""),
        ("index", "", index),
    ]
    print_table(("WHAT", "COUNT", "BYTES"), rows)


async def _gc(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_project(settings) as store:
        found = await collect(store.database)
    if arguments.json:
        print_json(found)
        return 0
    print(f"removed {found.blobs} blobs that nothing names, {found.unfinished} unfinished ones")
    print(f"the store takes {size(found.bytes_after)}, before {size(found.bytes_before)}")
    return 0


async def _export(settings: Settings, arguments: argparse.Namespace) -> int:
    to = Path(arguments.file)
    if to.exists():
        raise ConfigError(f"{arguments.file!r} is there already: name a file that is not")
    async with open_project(settings) as store:
        written = await export(store.database, to)
    if arguments.json:
        print_json(written)
    else:
        print(
            f"{arguments.file}: {written.threads} sessions, {written.entries} entries, "
            f"{written.blobs} blobs, {size(written.written_bytes)}"
        )
    return 0


async def _purge(settings: Settings, arguments: argparse.Namespace) -> int:
    text = _read_text(arguments.text_from) if arguments.text_from else ""
    async with open_project(settings) as store:
        target = await _find(settings, store, arguments.refs, text)
        what = ", ".join(arguments.refs) or f"whatever holds the text of {arguments.text_from}"
        if not confirm(f"purge {what} for good?", assume_yes=arguments.yes):
            print("nothing was purged; to purge without a question: --yes", file=sys.stderr)
            return 1
        order = Order(_who(), arguments.why or "no reason given", utc_now())
        report = await purge(store.database, target, order)
        # What the index holds of it goes with all of the index, which is made again below.
        await drop_index(store.database)
        try:
            await scrub(store.database)
        except KodoError as error:
            raise type(error)(f"purged, but old bytes are still in the file: {error}") from error
    await _make_index(settings)
    _tell_purged(report, arguments)
    return 0


async def _find(settings: Settings, store: Store, refs: list[str], text: str) -> Target:
    if text:
        return await store.database.read(lambda connection: find_text(connection, text))
    cwd = str(settings.cwd)
    thread = await store.log.latest(cwd) or await store.log.latest()
    found = [
        await store.database.read(
            lambda connection, ref=ref: find(connection, ref, thread=thread, folder=cwd)
        )
        for ref in refs
    ]
    return Target(
        frozenset(number for one in found for number in one.entries),
        frozenset(key for one in found for key in one.blobs),
    )


def _read_text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the text in {name!r}: {error}") from error
    if len(text) < SHORTEST_TEXT:
        raise ConfigError(
            f"the text in {name!r} has {len(text)} characters, too few to purge all that holds it; "
            f"at least {SHORTEST_TEXT} are needed"
        )
    return text


def _who() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _tell_purged(report: PurgeReport, arguments: argparse.Namespace) -> None:
    still_in = [path for path in report.files if _holds(Path(path), report.blobs)]
    if arguments.json:
        print_json(
            Purged(
                list(report.entries),
                list(report.blobs),
                list(report.files),
                list(report.threads),
                still_in,
            )
        )
        return
    for place in report.entries:
        print(f"  purged texts of {place}")
    for name in report.blobs:
        print(f"  purged blob {name[:16]}")
    for path in report.files:
        print(f"  a version of {one_line(path, 200)} is gone")
    print(f"purged {len(report.entries)} entries and {len(report.blobs)} blobs; it is on record")
    for path in still_in:
        print(f"kodo: note: {one_line(path, 200)} still holds it today", file=sys.stderr)


def _holds(path: Path, names: tuple[str, ...]) -> bool:
    try:
        return path.is_file() and file_sha256(path) in names
    except OSError:
        return False


async def _reindex(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_project(settings):
        pass  # nothing is made where nothing was done
    await _make_index(settings)
    async with open_project(settings) as store:
        stats = await count(store.database)
    if arguments.json:
        print_json(Reindexed(stats.entries, stats.file_versions, stats.index_bytes))
    else:
        taken = "" if stats.index_bytes is None else f", {size(stats.index_bytes)}"
        print(f"indexed {stats.entries} entries, {stats.file_versions} versions of files{taken}")
    return 0


async def _make_index(settings: Settings) -> None:
    recall = SqliteRecall(settings.paths.store(settings.cwd), settings.cwd, near=find_meaning())
    try:
        await recall.rebuild()
        while await recall.learn():
            pass
    finally:
        await recall.aclose()
