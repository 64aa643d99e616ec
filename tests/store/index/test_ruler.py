"""A small slice of benchmarks/recall/ruler.py: all that an answer needs is brought back."""

from pathlib import Path

import pytest
from benchmarks.recall.ruler import measure

pytestmark = pytest.mark.anyio


async def test_everything_an_answer_needs_is_brought_back(tmp_path: Path) -> None:
    found = await measure(tokens=8_000, count=2, seed=5, folder=tmp_path)
    assert found == dict.fromkeys(found, 1.0)
    assert len(found) == 5
