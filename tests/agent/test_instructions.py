"""AGENTS.md: from the root to the working folder, capped, never from elsewhere."""

from pathlib import Path

import pytest

from kodo.agent.instructions import (
    MAX_NOTES_BYTES,
    NOTES_SHARE,
    compose_instructions,
    find_notes,
    fit_notes,
)


@pytest.fixture
def inner(workspace: Path) -> Path:
    (workspace / ".git").mkdir()
    inner = workspace / "app" / "core"
    inner.mkdir(parents=True)
    return inner


def test_notes_go_from_the_root_to_the_working_folder(workspace: Path, inner: Path) -> None:
    (workspace.parent / "AGENTS.md").write_text("outside")
    (workspace / "AGENTS.md").write_text("root notes\n")
    (workspace / "app" / "AGENTS.md").write_text("app notes\n")
    (inner / "AGENTS.md").write_text("core notes\n")
    assert find_notes(inner, workspace) == (
        "# AGENTS.md\nroot notes\n\n# app/AGENTS.md\napp notes\n\n# app/core/AGENTS.md\ncore notes"
    )


def test_without_a_project_only_the_folder_itself_counts(workspace: Path) -> None:
    (workspace.parent / "AGENTS.md").write_text("outside")
    assert find_notes(workspace, None) == ""
    (workspace / "AGENTS.md").write_text("mine")
    assert find_notes(workspace, None) == "# AGENTS.md\nmine"


def test_all_notes_together_are_capped(workspace: Path, inner: Path) -> None:
    (workspace / "AGENTS.md").write_text("a" * (MAX_NOTES_BYTES - 10))
    (workspace / "app" / "AGENTS.md").write_text("b" * 100)
    (inner / "AGENTS.md").write_text("c" * 100)
    notes = find_notes(inner, workspace)
    assert notes.count("a") >= MAX_NOTES_BYTES - 10
    assert "b" * 10 + "\n[cut: AGENTS.md files may have 32768 bytes in all]" in notes
    assert "b" * 11 not in notes
    assert "ccc" not in notes


def test_a_cut_in_the_middle_of_a_character_is_repaired(workspace: Path) -> None:
    (workspace / "AGENTS.md").write_text("é" * MAX_NOTES_BYTES, "utf-8")
    notes = find_notes(workspace, workspace)
    assert "[cut: " in notes
    notes.encode("utf-8")


def test_a_symlink_out_of_its_folder_is_not_followed(workspace: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the key")
    (workspace / "AGENTS.md").symlink_to(secret)
    assert find_notes(workspace, workspace) == ""


def test_a_symlink_within_its_folder_is_followed(workspace: Path) -> None:
    (workspace / "CLAUDE.md").write_text("shared notes")
    (workspace / "AGENTS.md").symlink_to("CLAUDE.md")
    assert "shared notes" in find_notes(workspace, workspace)


def test_what_cannot_be_read_is_passed_over(workspace: Path, inner: Path) -> None:
    (workspace / "AGENTS.md").mkdir()
    (workspace / "app" / "AGENTS.md").write_bytes(b"caf\xe9 notes")
    (inner / "AGENTS.md").write_text("  \n")
    assert find_notes(inner, workspace) == "# app/AGENTS.md\ncaf\ufffd notes"


def test_braces_in_notes_and_folder_names_are_kept() -> None:
    text = compose_instructions(Path("/work/{x}"), "use {braces}")
    assert "Workspace: /work/{x}\n" in text
    assert text.endswith("The project's own notes:\n\nuse {braces}\n")
    assert "own notes" not in compose_instructions(Path("/w"), "")


def test_memory_and_map_stand_before_the_notes() -> None:
    text = compose_instructions(Path("/w"), "Use tabs.", "a.py: f, g", remembers=True)
    memory, found, notes = (
        text.index(words) for words in ("recall(ref)", "a.py: f, g", "Use tabs.")
    )
    assert memory < found < notes
    assert "recall(ref)" not in compose_instructions(Path("/w"), "")


def test_long_notes_keep_their_rules_and_say_how_the_rest_is_had() -> None:
    story = "".join(f"It is so since day {number}.\n" for number in range(400))
    notes = (
        f"# AGENTS.md\nBe kind.\n{story}You must run make check.\n{story}"
        f"\n\n# app/AGENTS.md\n{story}Never edit gen/.\n{story}"
    )
    short = fit_notes(notes, 8_192)
    assert len(short) < 8_192 * NOTES_SHARE * 4 * 1.15
    for words in ("# AGENTS.md\nBe kind.", "You must run make check.", "Never edit gen/."):
        assert words in short
    assert 'recall("f:AGENTS.md", 1, 802)' in short
    assert 'recall("f:app/AGENTS.md", 1, 801)' in short
    assert fit_notes(notes, 400_000) == notes
    assert fit_notes("", 8_192) == ""
