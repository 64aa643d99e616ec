"""The extra `semantic`: found where it is installed, learned from and asked through the memory."""

from pathlib import Path

import pytest

from kodo.core.recall import Query
from kodo.runtime import registry
from kodo.runtime.meaning import Meaning, find_meaning
from kodo.store.index.recall import SqliteRecall


def test_without_the_extra_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.EXTRAS_NEED, "meaning", ("no_such_module_of_kodo",))
    assert find_meaning() is None


@pytest.mark.anyio
async def test_a_memory_learns_and_is_asked_by_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.EXTRAS, "meaning", "tests.runtime.spies:Nearby")
    workspace = tmp_path / "project"
    workspace.mkdir()
    (workspace / "greet.py").write_text('def salute(name):\n    """Say hello to a person."""\n')
    (workspace / "sums.py").write_text('def total(rows):\n    """Add up the rows."""\n')
    recall = SqliteRecall(tmp_path / "store.db", workspace, near=Meaning())
    await recall.catch_up()
    assert await recall.learn()
    assert not await recall.learn()
    hits = await recall.search(Query("hello person"))
    await recall.aclose()
    assert [hit.path for hit in hits][:1] == ["greet.py"]


@pytest.mark.anyio
async def test_a_memory_without_the_extra_has_nothing_to_learn(tmp_path: Path) -> None:
    recall = SqliteRecall(tmp_path / "store.db", tmp_path)
    assert not await recall.learn()
    await recall.aclose()
