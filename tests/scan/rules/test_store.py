"""Compiled rules are found again until a source changes."""

from pathlib import Path

from kodo.scan.rules.decode import read_rules
from kodo.scan.rules.schema import RuleFile
from kodo.scan.rules.store import load_rules

TEXT = "languages: [python]\nmodels:\n  - {calls: [f], does: same}\n"


class Reader:
    """Counts how often YAML is read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, folder: Path) -> list[RuleFile]:
        self.count += 1
        return read_rules(folder)


def test_compiles_once(tmp_path: Path) -> None:
    """The second load reads no YAML; a changed file is read again."""
    folder, cache, read = tmp_path / "rules", tmp_path / "cache", Reader()
    folder.mkdir()
    (folder / "a.yaml").write_text(TEXT)
    first = load_rules(cache, read, folders=(folder,))
    assert load_rules(cache, read, folders=(folder,)) == first
    assert read.count == 1
    (folder / "a.yaml").write_text(TEXT.replace("same", "nothing"))
    assert load_rules(cache, read, folders=(folder,)) != first
    assert read.count == 2


def test_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    """Half a file in the cache is no error."""
    folder, cache, read = tmp_path / "rules", tmp_path / "cache", Reader()
    folder.mkdir()
    (folder / "a.yaml").write_text(TEXT)
    first = load_rules(cache, read, folders=(folder,))
    (compiled,) = cache.iterdir()
    compiled.write_bytes(compiled.read_bytes()[:-4])
    assert load_rules(cache, read, folders=(folder,)) == first


def test_works_without_a_cache(tmp_path: Path) -> None:
    """No folder, or one that cannot be written, is no error."""
    folder, read = tmp_path / "rules", Reader()
    folder.mkdir()
    (folder / "a.yaml").write_text(TEXT)
    (tmp_path / "file").write_text("")
    assert load_rules(None, read, folders=(folder,))
    assert load_rules(tmp_path / "file", read, folders=(folder,))
