"""What an allow list opens around hidden places."""

from pathlib import Path

from kodo.sandboxes.jail import Jail
from kodo.sandboxes.landlock_rules import open_around, readable


def test_the_largest_trees_without_anything_hidden_are_opened(tmp_path: Path) -> None:
    for name in ("a/deep", "b/hidden", "b/open"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b/file").touch()
    (tmp_path / "b/link").symlink_to(tmp_path / "b/hidden")
    found = sorted(open_around(tmp_path, [tmp_path / "b/hidden", tmp_path / "missing/x"]))
    assert found == [tmp_path / name for name in ("a", "b/file", "b/open")]
    assert list(open_around(tmp_path / "b/hidden", [tmp_path / "b/hidden"])) == []
    assert list(open_around(tmp_path / "a", [tmp_path / "b/hidden"])) == [tmp_path / "a"]


def test_no_opened_tree_holds_a_hidden_place(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in (".ssh", ".config/gh", "src/app", ".gem"):
        (home / name).mkdir(parents=True)
    (home / ".gem/credentials").touch()
    (home / "shortcut").symlink_to(home / ".ssh")
    jail = Jail(home / "src/app", home, {"PATH": f"{home}/.config/gh:/usr/bin"})
    opened = list(readable(jail, tmp_path))
    for name in (".ssh", ".config/gh", ".gem/credentials"):
        hidden = home / name
        assert not [path for path in opened if path == hidden or path in hidden.parents]
    assert jail.workspace in opened
    assert home / "src" in opened
    assert Path("/usr") in opened
    assert not {Path("/"), Path("/dev"), Path("/run"), Path("/tmp"), Path("/etc")} & set(opened)
