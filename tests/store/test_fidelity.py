"""A small slice of benchmarks/recall/fidelity.py: killed writers, and every byte re-read."""

from pathlib import Path

import pytest
from benchmarks.recall.fidelity import measure_fidelity, measure_ingest


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_told_is_there_to_the_byte(tmp_path: Path, seed: int) -> None:
    line = measure_fidelity(tokens=60_000, kills=3, seed=seed, folder=tmp_path)
    assert "3 kills -9" in line
    assert "all identical, the chain is proved" in line


def test_ingest_is_measured(tmp_path: Path) -> None:
    assert "tokens a CPU second" in measure_ingest(tokens=20_000, seed=3, folder=tmp_path)


@pytest.mark.full
def test_a_million_tokens_and_many_kills(tmp_path: Path) -> None:
    assert "all identical" in measure_fidelity(1_000_000, kills=20, seed=4, folder=tmp_path)
