"""Markdown in blocks, and files named with @."""

from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from kodo.tui.mentions import MAX_ATTACHED_BYTES, ChatCompleter, attach_mentions
from kodo.tui.prose import MarkdownProse, last_block_end


def test_blocks_end_at_blank_lines_outside_of_fences() -> None:
    assert last_block_end("one") == 0
    assert last_block_end("one\n\ntwo") == 5
    assert last_block_end("```py\n\nx\n") == 0
    assert last_block_end("```py\n\nx\n```\n\nrest") == len("```py\n\nx\n```\n\n")


def test_prose_comes_out_block_by_block_and_safe() -> None:
    prose = MarkdownProse(colour=False, width=60)
    assert prose.feed("# Head\n") == []
    assert any("Head" in line for line in prose.feed("\nThe **bold** \x1b[31m "))
    lines = prose.finish()
    assert lines[0] == "The bold \\x1b[31m"
    assert prose.finish() == []


def test_mentions_attach_small_files_of_the_workspace_only(workspace: Path) -> None:
    (workspace / "a.py").write_text("x = 1\n")
    (workspace / "big.txt").write_text("y" * (MAX_ATTACHED_BYTES + 1))
    (workspace.parent / "secret").write_text("no")
    (workspace / "link").symlink_to(workspace.parent / "secret")
    text = attach_mentions("look at @a.py, @big.txt @../secret @link me@x.org", workspace)
    assert "a.py:\n```\nx = 1\n```" in text
    assert "big.txt is large or binary" in text
    assert "no" not in text.split()


def test_completion_of_files_and_commands(workspace: Path) -> None:
    (workspace / "src").mkdir()
    (workspace / "src" / "parser.py").write_text("")
    (workspace / "node_modules").mkdir()
    (workspace / "node_modules" / "parser.js").write_text("")
    completer = ChatCompleter(workspace, [("/diff", "show"), ("/undo", "back")])

    def offered(text: str) -> list[str]:
        found = completer.get_completions(Document(text), CompleteEvent())
        return [item.text for item in found]

    assert offered("see @pars") == ["src/parser.py"]
    assert offered("/d") == ["/diff"]
    assert offered("mail me@pars") == []
