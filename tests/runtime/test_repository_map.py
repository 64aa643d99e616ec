"""The repository map: made in the background, kept for the next session, frozen within one."""

from pathlib import Path

import pytest

from kodo.agent.instructions import compose_instructions
from kodo.runtime.repository_map import RepositoryMap

pytestmark = pytest.mark.anyio


@pytest.fixture
def project(workspace: Path) -> Path:
    (workspace / "lib.py").write_text("def parse_header(line):\n    return line\n")
    (workspace / "app.py").write_text(
        "from lib import parse_header\n\ndef main():\n    parse_header('x')\n"
    )
    (workspace / ".gitignore").write_text("gen/\n")
    (workspace / "gen").mkdir()
    (workspace / "gen" / "made.py").write_text("def generated():\n    pass\n")
    (workspace / "notes.txt").write_text("def not_code(): pass\n")
    return workspace


async def test_it_is_there_for_the_next_session(project: Path, tmp_path: Path) -> None:
    fresh = RepositoryMap(tmp_path, project)
    assert fresh.text(100_000) == ""
    assert await fresh.refresh()
    text = RepositoryMap(tmp_path, project).text(100_000)
    assert "lib.py\n  1: def parse_header(line)" in text
    assert "generated" not in text
    assert "not_code" not in text
    assert "def parse_header" in compose_instructions(project, "", text)
    assert fresh.text(8_192) == ""


async def test_what_changed_is_taken_in(project: Path, tmp_path: Path) -> None:
    kept = RepositoryMap(tmp_path, project)
    await kept.refresh()
    before = kept.text(100_000)
    await kept.refresh()
    assert kept.text(100_000) == before
    (project / "lib.py").write_text("def parse_line(line):\n    return line\n")
    await RepositoryMap(tmp_path, project).refresh()
    assert "parse_line" in kept.text(100_000)


async def test_workspaces_of_one_project_have_maps_of_their_own(
    project: Path, tmp_path: Path
) -> None:
    await RepositoryMap(tmp_path, project).refresh()
    assert RepositoryMap(tmp_path, tmp_path).text(100_000) == ""


async def test_what_cannot_be_kept_or_read_does_no_harm(project: Path, tmp_path: Path) -> None:
    (tmp_path / "maps").write_text("in the way")
    kept = RepositoryMap(tmp_path, project)
    assert await kept.refresh()
    assert kept.text(100_000) == ""
    gone = RepositoryMap(tmp_path / "other", tmp_path / "nowhere")
    assert await gone.refresh()
    assert gone.text(100_000) == ""


async def test_a_damaged_file_of_tags_is_made_anew(project: Path, tmp_path: Path) -> None:
    kept = RepositoryMap(tmp_path, project)
    await kept.refresh()
    (tags,) = tmp_path.glob("maps/*/tags.bin")
    tags.write_bytes(b"\xc1 not ours")
    assert await RepositoryMap(tmp_path, project).refresh()
    assert "parse_header" in kept.text(100_000)
