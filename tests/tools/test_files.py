"""read, list, find, grep, write and plan."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pathspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tools.bench import Bench, changed, text_of

from kodo.base.errors import ToolError
from kodo.base.ignoring import is_ignored, parse_rules
from kodo.core.messages import Image
from kodo.tools.find import Find
from kodo.tools.grep import Grep
from kodo.tools.listing import List
from kodo.tools.plan import Plan
from kodo.tools.read import Read
from kodo.tools.write import Write

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def project(bench: Bench, tree: Callable[..., None]) -> Bench:
    """Return a bench on a small project."""
    tree(
        {
            "src/app.py": "import os\n\ndef main():\n    return os.name  # MAIN\n",
            "src/deep/util.js": "function main() {}\n",
            "README.md": "main text\n",
            "build/out.py": "main\n",
            "a.log": "main\n",
            "src/noise.log": "main\n",
            ".gitignore": "build/\n*.log\n!keep.log\n",
            "keep.log": "main\n",
            ".git/config": "main\n",
            "bin.dat": b"main\0\0",
        }
    )
    return bench


@pytest.mark.anyio
async def test_read_numbers_the_lines(project: Bench) -> None:
    assert await project.text(Read(), path="src/app.py", start_line=3, end_line=3) == (
        "     3\tdef main():\n[lines 3 to 3 of 4]"
    )
    whole = await project.text(Read(), path=str(project.workspace / "src/app.py"))
    assert whole.splitlines()[-1] == "     4\t    return os.name  # MAIN"


@pytest.mark.anyio
async def test_read_goes_on_where_it_stopped(project: Bench, tree: Callable[..., None]) -> None:
    tree({"long.txt": "".join(f"{n}\n" for n in range(1, 2001)), "wide.txt": "x" * 5000})
    text = await project.text(Read(), path="long.txt")
    assert text.endswith("   800\t800\n[lines 1 to 800 of 2000; go on with start_line 801]")
    assert "[… 4000 characters left out …]" in await project.text(Read(), path="wide.txt")
    with pytest.raises(ToolError, match="has 2000 lines"):
        await project.run(Read(), path="long.txt", start_line=3000)
    with pytest.raises(ToolError, match="before start_line"):
        await project.run(Read(), path="long.txt", start_line=9, end_line=3)


@pytest.mark.anyio
async def test_read_tells_what_is_not_text(project: Bench, tree: Callable[..., None]) -> None:
    tree({"p.png": PNG, "latin.txt": b"caf\xe9\n", "empty": ""})
    assert await project.text(Read(), path="bin.dat") == "bin.dat is a binary file of 6 bytes."
    assert await project.text(Read(), path="latin.txt") == "     1\tcaf\ufffd"
    assert await project.text(Read(), path="empty") == "empty is empty."
    image = (await project.run(Read(), path="p.png")).parts[1]
    assert isinstance(image, Image)
    assert (image.media_type, project.blobs.kept[image.blob]) == ("image/png", PNG)


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "out/x", "missing", "src", " "])
async def test_read_refuses_what_is_no_file_inside(project: Bench, path: str) -> None:
    (project.workspace / "out").symlink_to("/etc")
    with pytest.raises(ToolError):
        await project.run(Read(), path=path)


@pytest.mark.anyio
async def test_list_shows_the_tree_without_what_is_ignored(project: Bench) -> None:
    assert (await project.text(List())).splitlines() == [
        ".gitignore",
        "README.md",
        "bin.dat",
        "keep.log",
        "src/",
        "  app.py",
        "  deep/",
        "    util.js",
    ]
    assert (await project.text(List(), path="src", depth=1)).splitlines() == ["app.py", "deep/"]
    assert "a.log" in await project.text(List(), ignored=True)
    with pytest.raises(ToolError, match="not a folder"):
        await project.run(List(), path="README.md")
    with pytest.raises(ToolError, match="outside the workspace"):
        await project.run(List(), path="..")
    with pytest.raises(ToolError, match="does not exist"):
        await project.run(List(), path="nowhere")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*.py", ["src/app.py"]),
        ("src/**/*.js", ["src/deep/util.js"]),
        ("src/*.js", []),
        ("*.{md,js}", ["README.md", "src/deep/util.js"]),
        ("**/util.*", ["src/deep/util.js"]),
        ("[!a]*.log", ["keep.log"]),
    ],
)
async def test_find_takes_globs(project: Bench, glob: str, found: list[str]) -> None:
    text = await project.text(Find(), glob=glob)
    assert (text.splitlines() if found else []) == found
    assert found or text == f"No file matches {glob!r}."


@pytest.mark.anyio
@pytest.mark.parametrize(
    "arguments",
    [
        {"pattern": "main"},
        {"pattern": "MAIN"},
        {"pattern": "MAIN", "ignore_case": True},
        {"pattern": r"def \w+\("},
        {"pattern": "main", "glob": "*.py"},
        {"pattern": "main", "glob": "src/**/*.js"},
        {"pattern": "main", "path": "src"},
        {"pattern": "main", "path": "src/app.py"},
        {"pattern": "-nothing-"},
    ],
)
async def test_grep_answers_the_same_with_and_without_ripgrep(
    project: Bench, arguments: dict[str, object]
) -> None:
    if (await project.sandbox.exec(["rg", "--version"])).exit_code == 127:
        pytest.skip("ripgrep is not installed")
    fast = await project.text(Grep(), **arguments)
    slow = await project.text(Grep(use_ripgrep=False), **arguments)
    assert fast == slow


@pytest.mark.anyio
async def test_grep_shows_path_line_and_text(project: Bench, tree: Callable[..., None]) -> None:
    tool = Grep(use_ripgrep=False)
    assert await project.text(tool, pattern="def main") == "src/app.py:3:def main():"
    for each in (tool, Grep()):
        with pytest.raises(ToolError, match="not a regular expression"):
            await project.run(each, pattern="(")
    tree({"many.txt": "hit\n" * 500, "wide.txt": "hit" + "x" * 900})
    for each in (tool, Grep()):
        lines = (await project.text(each, pattern="hit")).splitlines()
        assert len(lines) == 201
        assert lines[-1] == "[more than 200 lines; narrow the expression or the path]"


@pytest.mark.anyio
async def test_grep_does_without_ripgrep_where_there_is_none(project: Bench) -> None:
    only = project.workspace.parent / "programs"
    only.mkdir()
    (only / "sh").symlink_to("/bin/sh")

    class Poor:
        """The sandbox, without ripgrep in its PATH."""

        def __getattr__(self, name: str) -> object:
            return getattr(project_sandbox, name)

        async def exec(self, command: object, **options: object) -> object:
            return await project_sandbox.exec(command, env={"PATH": str(only)}, **options)  # pyright: ignore

    project_sandbox = project.sandbox
    project.sandbox = Poor()  # pyright: ignore[reportAttributeAccessIssue]
    assert await project.text(Grep(), pattern="def main") == "src/app.py:3:def main():"


@pytest.mark.anyio
async def test_write_makes_replaces_and_refuses(project: Bench) -> None:
    output = await project.run(Write(), path="new/file.txt", content="a\nb\n")
    assert text_of(output) == "Wrote new/file.txt (2 lines, 4 bytes)."
    assert changed(output) == ["new/file.txt"]
    output = await project.run(Write(), path="new/file.txt", content="c")
    assert text_of(output) == "Replaced new/file.txt (1 lines, 1 bytes)."
    assert output.changes[0].before == b"a\nb\n"
    same = await project.run(Write(), path="new/file.txt", content="c")
    assert same.changes == ()
    (project.workspace / "out").symlink_to(project.workspace.parent)
    for path in ("../x", "/tmp/x", "out/x", "src", ".git/config", ".kodo/rules", "", "a\0b", "."):
        with pytest.raises(ToolError):
            await project.run(Write(), path=path, content="x")


@pytest.mark.anyio
async def test_file_tools_in_the_jail(jailed_bench: Bench) -> None:
    await jailed_bench.run(Write(), path="a.py", content="needle\n")
    assert await jailed_bench.text(Read(), path="a.py") == "     1\tneedle"
    assert await jailed_bench.text(Grep(), pattern="needle") == "a.py:1:needle"
    assert (jailed_bench.workspace / "a.py").stat().st_uid == os.geteuid()


@pytest.mark.anyio
async def test_plan_shows_the_steps(bench: Bench) -> None:
    items = [
        {"step": "look", "status": "done"},
        {"step": "mend", "status": "in_progress"},
        {"step": "test"},
    ]
    output = await bench.run(Plan(), items=items)
    assert text_of(output) == "[x] look\n[>] mend\n[ ] test"
    assert '"status":"in_progress"' in output.details
    with pytest.raises(ToolError, match="at most one step"):
        await bench.run(Plan(), items=[items[1], items[1]])
    with pytest.raises(ToolError, match="Invalid enum value"):
        await bench.run(Plan(), items=[{"step": "a", "status": "later"}])


NAMES = st.sampled_from(["a", "b", "ab", "a.py", "b.log", "x y", "[a]", "a*b", ".hidden"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.one_of(
    st.sampled_from(
        ["a", "/a", "a/", "*.py", "**/a", "a/**", "a/**/b", "!a", "/*", "!/a", "*", "?", "a/*",
         "[ab]", "[!a]", "\\[a\\]", "#a", "\\#a", "a ", "\\!a", "*.*", ".*", "a*b", "/a/b", "a/b/"]
    ),
    PATHS,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PATTERNS, max_size=5), PATHS, st.booleans())
def test_ignore_rules_agree_with_the_library(patterns: list[str], path: str, folder: bool) -> None:
    said = is_ignored(parse_rules("\n".join(patterns)), path, is_folder=folder)
    spec = pathspec.GitIgnoreSpec.from_lines(patterns)
    parts = path.split("/")
    if any(spec.match_file("/".join(parts[:n]) + "/") for n in range(1, len(parts))):
        return  # below an ignored folder, which the walk never enters
    if bool(said) != spec.match_file(path + ("/" if folder else "")):
        # The library takes `!a` for everything below a; git does not, and git is what counts.
        assert bool(said) == _git_ignores(patterns, path, is_folder=folder)


def _git_ignores(patterns: list[str], path: str, *, is_folder: bool) -> bool:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        subprocess.run(["git", "init", "-q", name], check=True, capture_output=True)
        (root / ".gitignore").write_text("\n".join(patterns) + "\n")
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_folder:
            target.mkdir(exist_ok=True)
        else:
            target.write_text("")
        asked = ["git", "-C", name, "check-ignore", "-q", "--no-index", path]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0
