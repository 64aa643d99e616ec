"""benchmarks/recall/endtoend.py with the smallest real model: that it runs, not how well."""

import os
from pathlib import Path

import pytest
from benchmarks.recall.endtoend import Answers, Reader, Report, measure

from kodo.engine.catalog import find
from kodo.engine.llama import LlamaEngine, Settings

pytestmark = pytest.mark.anyio

# Read before the tests move HOME away.
_MODELS = os.environ.get("KODO_TEST_MODELS", "")
WINDOW = 768


def _model() -> Path:
    file = Path(_MODELS) / find("smollm2-135m").filename
    if not (_MODELS and file.is_file()):
        pytest.skip("KODO_TEST_MODELS names no folder with the file of smollm2-135m")
    return file


@pytest.mark.full
async def test_three_ways_answer_in_one_window(tmp_path: Path) -> None:
    engine = await LlamaEngine.load(_model(), Settings(context_tokens=WINDOW))
    try:
        report = await measure(engine, tmp_path, count=1, tokens=700)
    finally:
        await engine.aclose()
    assert len(report.answers) == 1
    assert report.parts >= 1


@pytest.mark.full
async def test_what_is_cut_fits_the_window_and_is_the_end(tmp_path: Path) -> None:
    engine = await LlamaEngine.load(_model(), Settings(context_tokens=WINDOW))
    try:
        history = "".join(f"line {number} of a long session\n" for number in range(2000))
        newest = await Reader(engine).newest(history, "something beside it")
        assert history.endswith(newest)
        assert 200 < len(await engine.tokens(newest)) < WINDOW
    finally:
        await engine.aclose()


def test_the_gain_is_paired() -> None:
    rows = (Answers(0, truncated=False, summarised=True, recalled=True),) * 3
    lines = Report(rows, 1, 0.0).lines()
    assert any("against truncation: +100.0 points" in line for line in lines)
    assert any("against summary compaction: +0.0 points" in line for line in lines)
