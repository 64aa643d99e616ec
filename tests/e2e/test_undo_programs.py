"""Random programs of shell and edit steps: undo to any point gives the very tree of that point.

The steps go through the real tools, the real jail and the dispatch of the loop; what a snapshot
does not cover must lie there untouched afterwards.
"""

import ast
import json
import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kodo.agent.agent import Agent
from kodo.agent.dispatch import run_call
from kodo.agent.journal import Journal
from kodo.base.clock import utc_now
from kodo.base.errors import ToolError
from kodo.base.hashing import new_id
from kodo.core.events import Event, Passing, RunStarted, SnapshotTaken
from kodo.core.messages import ToolCall
from kodo.core.thread import Thread, ThreadHeader
from kodo.runtime.build import open_session, open_watch
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.undoing import RunFiles, redo, run_files, undo
from kodo.store.snapshots import WorkspaceSnapshots
from kodo.store.store import Store, open_store
from kodo.store.tree.coverage import Coverage

CAP_BYTES = 1 << 20
MOST = int(os.environ.get("KODO_UNDO_PROGRAMS", "1000"))
PARTS = ("a", "b c", "-x", "ü", r"nl\nx", r"caf\351", "d", "log.log")
Tree = dict[str, tuple[str, int, bytes]]


def quoted(path: str) -> str:
    """Return a path for bash; a name in which a backslash stands is given by escapes."""
    return f"$'./{path}'" if "\\" in path else shlex.quote(f"./{path}")


PATHS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join)
NAMES = PATHS.map(quoted)
DATA = st.text("xyz01 ", max_size=12)
MODES = st.sampled_from(["644", "755", "600", "700", "4755", "1777", "2755", "000", "555"])


def made(template: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return commands of one form."""
    return st.fixed_dictionaries(parts).map(lambda found: template.format(**found))


COMMANDS = st.one_of(
    made("mkdir -p $(dirname {p}) && printf %s '{d}' > {p}", p=NAMES, d=DATA),
    made('mkdir -p "$(dirname {p})"; printf "%s" "{d}" >> {p}', p=NAMES, d=DATA),
    made("mkdir -p {p}", p=NAMES),
    made("rm -rf {p}", p=NAMES),
    made("rmdir {p}", p=NAMES),
    made("mv -T {p} {q}", p=NAMES, q=NAMES),
    made("mv {p} {q}", p=NAMES, q=NAMES),
    made("cp -a {p} {q}", p=NAMES, q=NAMES),
    made("chmod {m} {p}", m=MODES, p=NAMES),
    made("chmod -R u+rwX .; chmod {m} {p}", m=MODES, p=NAMES),
    made("ln -sfn {p} {q}", p=NAMES, q=NAMES),
    made("ln -sfn {p} {q}", p=st.sampled_from(["/etc/passwd", "..", ".", r"$'\377'"]), q=NAMES),
    made("ln {p} {q}", p=NAMES, q=NAMES),
    made("ln {p} {q}; printf changed > {q}", p=NAMES, q=NAMES),
    made("head -c 70000 /dev/urandom > {p}", p=NAMES),
    made("truncate -s 2M {p}", p=NAMES),
    made("mkfifo {p}", p=NAMES),
    made("git init -q {p}; echo z > {p}/tracked; git -C {p} add -A", p=NAMES),
    made("echo '*.log' > .gitignore; echo {d} > log.log", d=DATA.map(shlex.quote)),
    # The same size, and the times put back.
    made(
        "printf one > {p}; cp -p {p} .ref; printf two > {p}; touch -r .ref {p}; rm -f .ref",
        p=NAMES,
    ),
    made(
        "test -f {p} && cp -p {p} .r && tr xyz yzx < .r > {p}; touch -r .r {p}; rm -f .r", p=NAMES
    ),
    made("mkdir -p node_modules/m && echo {d} > node_modules/m/i.js", d=DATA.map(shlex.quote)),
    made("rm -rf -- * .[!.]*"),
)
SHELL = st.lists(COMMANDS, min_size=1, max_size=4).map(
    lambda found: ("shell", {"command": "; ".join(found)})
)
EDIT = st.tuples(st.sampled_from(["a", "d/a", "ü", "d/b c", "log.log"]), DATA).map(
    lambda found: ("write", {"path": found[0], "content": found[1] + "\n"})
)
PROGRAMS = st.lists(st.one_of(SHELL, SHELL, EDIT), min_size=1, max_size=6)


def look(root: Path) -> tuple[Tree, Tree]:
    """Return what lies in a folder: what a snapshot covers, and what it does not."""
    covered: Tree = {}
    other: Tree = {}

    def enter(folder: str, into: Tree) -> None:
        for entry in os.scandir(folder):
            name = os.path.relpath(entry.path, root)
            status = entry.stat(follow_symlinks=False)
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                into[name] = ("link", 0, os.fsencode(os.readlink(entry.path)))  # noqa: PTH115
            elif stat.S_ISDIR(status.st_mode):
                skipped = entry.name in (".git", "node_modules")
                (other if skipped else into)[name] = ("folder", mode, b"")
                enter(entry.path, other if skipped else into)
            elif not stat.S_ISREG(status.st_mode):
                other[name] = ("special", mode, b"")
            else:
                into_which = other if status.st_size > CAP_BYTES else into
                into_which[name] = ("file", mode, Path(entry.path).read_bytes())

    enter(str(root), covered)
    return covered, other


def alike(one: Tree, two: Tree, ignored: set[str]) -> None:
    """Assert that two trees are the same, save what was uncovered at some time, or holds such."""
    left = {path: it for path, it in one.items() if path not in ignored}
    right = {path: it for path, it in two.items() if path not in ignored}
    assert left == right


def names_in(refusal: str) -> set[str]:
    """Return the files that a refusal names as changed by somebody else, or as in the way."""
    if found := re.search(r"step: (.*?)( and \d+ more)?; nothing was touched", refusal, re.S):
        return set(ast.literal_eval(f"[{found[1]}]"))
    if found := re.match(r"cannot restore .*: ('.*'|\".*\") stands in its place", refusal, re.S):
        return {ast.literal_eval(found[1])}
    return set()


class Bench:
    """A workspace in which programs run, one after another, through the real dispatch."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        base = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="kodo-undo-")))
        self.root = base / "workspace"
        self.root.mkdir()
        script = base / "script.jsonl"
        script.write_text("")
        environment = {
            "HOME": str(base),
            "KODO_HOME": str(base / "home"),
            "PATH": os.environ["PATH"],
        }
        config = load_settings(
            read_environment(environment), self.root, assignments=(f"model=scripted/{script}",)
        )
        portal = self.stack.enter_context(start_blocking_portal())
        self.call = portal.call
        self.session = self.stack.enter_context(
            portal.wrap_async_context_manager(open_session(config))
        )
        self.store: Store = self.stack.enter_context(
            portal.wrap_async_context_manager(open_store(base / "kept" / "store.db"))
        )

    def clear(self) -> None:
        """Empty the workspace."""
        for folder, _, _ in os.walk(self.root):
            Path(folder).chmod(0o755)
        for path in self.root.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def snapshots(self, *, watched: bool) -> WorkspaceSnapshots:
        """Return snapshots with a small cap, with a watch or without."""
        return WorkspaceSnapshots(
            self.store.database,
            self.store.blobs,
            self.root,
            coverage=Coverage(max_file_bytes=CAP_BYTES),
            open_watch=open_watch if watched else None,
            watched_from_files=0,
        )


class Program:
    """One run of steps, and the trees before each of them."""

    def __init__(self, bench: Bench, snapshots: WorkspaceSnapshots) -> None:
        self.bench = bench
        self.snapshots = snapshots
        self.thread = Thread(ThreadHeader(new_id(), utc_now(), str(bench.root)))
        self.journal = Journal(self.thread, bench.store.log, "run", utc_now, new_id, _nobody)
        self.trees: list[Tree] = []
        self.ignored: set[str] = set()

    async def run(self, steps: Sequence[tuple[str, dict[str, str]]]) -> None:
        agent: Agent = self.bench.session.make_run()[0]
        agent.snapshots = self.snapshots
        agent.blobs = self.bench.store.blobs
        agent.book = None  # what a rule would deny must be undone as well
        await self.bench.store.log.create(self.thread.header)
        await self.journal.record(RunStarted("t", "m", "tools", str(self.bench.root), "bwrap", "0"))
        await self.journal.record(SnapshotTaken(await self.snapshots.take(), "before"))
        for number, (tool, arguments) in enumerate(steps):
            self.note()
            await run_call(agent, self.journal, ToolCall(f"c{number}", tool, json.dumps(arguments)))
            assert agent.steps == number + 1, "every call is a step"
        self.note()
        await self.journal.record(SnapshotTaken(await self.snapshots.take(), "after"))

    def note(self) -> None:
        """Remember the tree, and what of it no snapshot covers."""
        covered, other = look(self.bench.root)
        self.trees.append(covered)
        for path in other:
            parts = path.split("/")
            self.ignored |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}

    @property
    def files(self) -> RunFiles:
        return run_files(self.thread.path())[-1]

    async def undo(self, first: int) -> None:
        log = self.bench.store.log
        await undo(
            *(self.files, self.thread, log, self.snapshots, utc_now, new_id),
            force=False,
            first=first,
        )

    async def redo(self) -> None:
        log = self.bench.store.log
        await redo(self.files, self.thread, log, self.snapshots, utc_now, new_id, force=False)


def _nobody(happening: Event | Passing) -> None:
    return None


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.stack.close()


def check(bench: Bench, steps: Sequence[tuple[str, dict[str, str]]], *, watched: bool) -> None:
    """Run a program, then undo to every point and redo, and look."""
    bench.clear()
    program = Program(bench, bench.snapshots(watched=watched))
    bench.call(program.run, steps)
    end, kept = look(bench.root)
    numbers = [step.number for step in program.files.standing]
    for first in (*numbers, *reversed(numbers)):
        if first not in [step.number for step in program.files.standing]:
            continue
        before = look(bench.root)
        try:
            bench.call(program.undo, first)
        except ToolError as error:
            # Refused whole: something uncovered is in the way, or a file has grown past the cap.
            named = names_in(str(error))
            if not named or not named <= program.ignored:
                raise
            assert look(bench.root) == before
            continue
        covered, other = look(bench.root)
        alike(covered, program.trees[first - 1], program.ignored)
        assert other == kept
        if first in numbers[::2]:
            bench.call(program.redo)
            assert look(bench.root) == before
    while program.files.undos:
        bench.call(program.redo)
    assert look(bench.root) == (end, kept)


SLICE = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)


@SLICE
@given(steps=PROGRAMS, watched=st.booleans())
def test_undo_to_any_point(
    bench: Bench, steps: list[tuple[str, dict[str, str]]], watched: bool
) -> None:
    check(bench, steps, watched=watched)


@pytest.mark.full
@settings(SLICE, max_examples=MOST)
@given(steps=PROGRAMS, watched=st.booleans())
def test_undo_to_any_point_of_many_programs(
    bench: Bench, steps: list[tuple[str, dict[str, str]]], watched: bool
) -> None:
    check(bench, steps, watched=watched)
