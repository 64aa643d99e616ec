"""apply_patch through a sandbox: atomic, checked, and helpful on a miss."""

from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest
from tests.tools.bench import Bench, changed, text_of

from kodo.base.errors import ToolError
from kodo.core.check import Change, Finding, Verdict
from kodo.core.events import CheckRun, FindingRaised
from kodo.tools.apply_patch import ApplyPatch
from kodo.tools.edit import EditDetails

pytestmark = pytest.mark.anyio
TOOL = ApplyPatch()


class Judge:
    """An edit check that always decides the same."""

    name = "judge"
    when = "edit"

    def __init__(self, decision: str) -> None:
        self.decision = decision
        self.seen: list[Change] = []

    async def run(self, changes: Sequence[Change]) -> Verdict:
        self.seen += changes
        finding = Finding("a.py", 1, "looks wrong", "rule-1")
        return Verdict(self.decision, (finding,))  # pyright: ignore[reportArgumentType]


def patch(*lines: str) -> str:
    """Return a patch with these lines between the markers."""
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch"])


async def test_add_update_move_and_delete(bench: Bench, tree: Callable[..., None]) -> None:
    tree({"a.py": "one\ntwo\nthree\n", "old.txt": "x\n", "name.py": "a\nb\n"})
    output = await bench.run(
        TOOL,
        patch=patch(
            "*** Add File: new/deep.py", "+fresh",
            "*** Update File: a.py", "@@ one", "-two", "+TWO",
            "*** Update File: name.py", "*** Move to: sub/renamed.py", "@@", "-b", "+B",
            "*** Delete File: old.txt",
        ),
    )  # fmt: skip
    assert text_of(output).splitlines() == [
        "Success. Updated the following files:",
        "A new/deep.py",
        "M a.py",
        "M sub/renamed.py",
        "D old.txt",
    ]
    files = {
        path.relative_to(bench.workspace).as_posix(): path.read_text()
        for path in bench.workspace.rglob("*")
        if path.is_file()
    }
    assert files == {
        "new/deep.py": "fresh\n",
        "a.py": "one\nTWO\nthree\n",
        "sub/renamed.py": "a\nB\n",
    }
    assert set(changed(output)) == {"new/deep.py", "a.py", "name.py", "sub/renamed.py", "old.txt"}
    details = msgspec.json.decode(output.details, type=EditDetails)
    assert {file.path: file.kind for file in details.files}["old.txt"] == "D"
    assert "-two\n+TWO\n" in next(file.diff for file in details.files if file.path == "a.py")


async def test_nothing_is_written_where_one_part_does_not_fit(
    bench: Bench, tree: Callable[..., None]
) -> None:
    tree({"a.py": "one\n", "b.py": "def run():\n    value = compute(1)\n    return value\n"})
    with pytest.raises(ToolError) as caught:
        await bench.run(
            TOOL,
            patch=patch(
                "*** Update File: a.py", "@@", "-one", "+1", "*** Add File: c.py", "+c",
                "*** Update File: b.py", "@@", "-    value = compute(2)", "+    value = 3",
            ),
        )  # fmt: skip
    assert "failed to find expected lines in 'b.py'" in str(caught.value)
    assert "     2\t    value = compute(1)" in str(caught.value)
    assert (bench.workspace / "a.py").read_text() == "one\n"
    assert not (bench.workspace / "c.py").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one\r\ntwo\r\n", b"one\r\nTWO\r\n"),
        (b"\xef\xbb\xbftwo\n", b"\xef\xbb\xbfTWO\n"),
        (b"caf\xe9\ntwo\n", b"caf\xe9\nTWO\n"),
        (b"one\ntwo", b"one\nTWO\n"),
        (b"one\n  two  \n", b"one\nTWO\n"),
        (b"a\ntwo\n\n\n", b"a\nTWO\n\n\n"),
    ],
)
async def test_what_is_not_changed_stays_byte_for_byte(
    bench: Bench, tree: Callable[..., None], before: bytes, after: bytes
) -> None:
    tree({"f": before})
    await bench.run(TOOL, patch=patch("*** Update File: f", "@@", "-two", "+TWO"))
    assert (bench.workspace / "f").read_bytes() == after


async def test_quotes_and_dashes_of_a_word_processor_are_found(
    bench: Bench, tree: Callable[..., None]
) -> None:
    tree({"f": "say “hello” — now\n\u00a0x\n"})
    await bench.run(
        TOOL, patch=patch("*** Update File: f", "@@", '-say "hello" - now', "+bye", " x")
    )
    assert (bench.workspace / "f").read_text() == "bye\n\u00a0x\n"


async def test_end_of_file_marker_takes_the_last_place(
    bench: Bench, tree: Callable[..., None]
) -> None:
    tree({"f": "x\ny\nx\n"})
    await bench.run(TOOL, patch=patch("*** Update File: f", "@@", "-x", "+z", "*** End of File"))
    assert (bench.workspace / "f").read_text() == "x\ny\nz\n"


@pytest.mark.parametrize(
    "wrapped",
    ["<<'EOF'\n{}\nEOF", "<<EOF\n{}\nEOF\n", "apply_patch <<'PATCH'\n{}\nPATCH", "\n {}\n"],
)
async def test_heredocs_and_spaces_are_tolerated(bench: Bench, wrapped: str) -> None:
    text = wrapped.format(patch("*** Add File: n", "+n"))
    await bench.run(TOOL, patch=text)
    assert (bench.workspace / "n").read_text() == "n\n"
    raw = patch("*** Add File: free", "+form").encode()
    await TOOL.run(raw, bench.context())
    assert (bench.workspace / "free").read_text() == "form\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "the first line must be"),
        ("*** Begin Patch\n*** Add File: a\n+b", "the last line must be"),
        (patch(), "the patch is empty"),
        (patch("*** Rename File: a"), "line 2: expected"),
        (patch("*** Update File: f"), "holds no change"),
        (patch("*** Update File: f", "@@"), "got the end of the patch"),
        (patch("*** Update File: f", "@@", "junk"), "line 4: expected a line that starts with"),
        (patch("*** Update File: f", "@@", "-a", "junk"), "line 5: expected a line that starts"),
        (patch("*** Update File: missing", "@@", "-a"), "it does not exist"),
        (patch("*** Delete File: missing"), "it does not exist"),
        (patch("*** Delete File: folder"), "folder"),
        (patch("*** Add File: ../x", "+a"), "outside the workspace"),
        (patch("*** Add File: /etc/x", "+a"), "outside the workspace"),
        (patch("*** Add File: out/x", "+a"), "outside the workspace"),
        (
            patch("*** Update File: f", "*** Move to: ../x", "@@", "-a", "+b"),
            "outside the workspace",
        ),
        (patch("*** Add File: .git/hooks/x", "+a"), "protected"),
        (patch("*** Update File: f", "@@ nowhere", "-a"), "failed to find context"),
    ],
)
async def test_what_cannot_be_applied_is_named(
    bench: Bench, tree: Callable[..., None], text: str, message: str
) -> None:
    tree({"f": "a\n", "folder/x": ""})
    (bench.workspace / "out").symlink_to("..")
    with pytest.raises(ToolError, match=message):
        await bench.run(TOOL, patch=text)
    assert (bench.workspace / "f").read_text() == "a\n"


async def test_a_blocking_check_keeps_the_file_as_it_was(
    bench: Bench, tree: Callable[..., None]
) -> None:
    tree({"a.py": "one\n"})
    judge = Judge("block")
    bench.checks = (judge,)  # pyright: ignore[reportAttributeAccessIssue]
    output = await bench.run(TOOL, patch=patch("*** Update File: a.py", "@@", "-one", "+1"))
    assert output.failed
    assert output.changes == ()
    assert text_of(output).splitlines() == [
        "Not written: a check blocks this edit.",
        "a.py:1: warning: looks wrong [rule-1]",
    ]
    assert judge.seen == [Change("a.py", b"one\n", b"1\n")]
    assert (bench.workspace / "a.py").read_text() == "one\n"
    assert [type(event) for event in bench.events] == [CheckRun, FindingRaised]


@pytest.mark.parametrize("answer", [True, False])
async def test_an_asking_check_leaves_it_to_the_person(
    bench: Bench, tree: Callable[..., None], *, answer: bool
) -> None:
    tree({"a.py": "one\n"})
    bench.checks = (Judge("ask"),)  # pyright: ignore[reportAttributeAccessIssue]
    bench.answer = answer
    output = await bench.run(TOOL, patch=patch("*** Update File: a.py", "@@", "-one", "+1"))
    assert "a.py:1: warning: looks wrong" in bench.asked[0]
    assert output.failed is not answer
    assert (bench.workspace / "a.py").read_text() == ("1\n" if answer else "one\n")


async def test_a_write_that_fails_half_way_is_taken_back(
    bench: Bench, tree: Callable[..., None]
) -> None:
    tree({"a": "one\n", "file": "x\n"})
    with pytest.raises(ToolError, match="cannot"):
        await bench.run(
            TOOL,
            patch=patch("*** Update File: a", "@@", "-one", "+1", "*** Add File: file/below", "+x"),
        )
    assert (bench.workspace / "a").read_text() == "one\n"


async def test_an_interrupt_half_way_is_taken_back(bench: Bench, tree: Callable[..., None]) -> None:
    tree({"a": "one\n", "b": "one\n"})

    class Interrupted:
        """The sandbox of the bench, at whose second write the run is interrupted."""

        writes = 0

        def __getattr__(self, name: str) -> object:
            return getattr(sandbox, name)

        async def write(self, path: Path, data: bytes | None) -> None:
            self.writes += 1
            await anyio.lowlevel.checkpoint()
            await sandbox.write(path, data)
            if self.writes == 2:
                scope.cancel()
                await anyio.lowlevel.checkpoint()

    sandbox = bench.sandbox
    bench.sandbox = Interrupted()  # pyright: ignore[reportAttributeAccessIssue]
    with anyio.CancelScope() as scope:
        await bench.run(
            TOOL,
            patch=patch(
                *("*** Update File: a", "@@", "-one", "+1"),
                *("*** Update File: b", "@@", "-one", "+1"),
            ),
        )
    assert scope.cancelled_caught
    assert (bench.workspace / "a").read_text() == "one\n"
    assert (bench.workspace / "b").read_text() == "one\n"


async def test_a_patch_in_the_jail(jailed_bench: Bench, tree: Callable[..., None]) -> None:
    tree({"a.py": "one\n"})
    await jailed_bench.run(TOOL, patch=patch("*** Update File: a.py", "@@", "-one", "+1"))
    assert (await jailed_bench.sandbox.exec("cat a.py")).output == b"1\n"
