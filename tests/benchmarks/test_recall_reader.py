"""The reader's answers are kept one by one: what was stopped goes on, under the same conditions."""

from pathlib import Path

import msgspec
import pytest
from benchmarks.recall.answers import read_answers
from benchmarks.recall.reader import Answered, Conditions, facts, report

CONDITIONS = Conditions("qwen2.5-coder-1.5b", 200, 400_000)


def _line(answer: Answered) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


def test_answers_go_on_where_they_were_stopped(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    assert read_answers(file, CONDITIONS, Answered) == []
    answers = [
        Answered(0, 0, recalled_right=True, gold_right=True, was_recalled=True),
        Answered(1, 1, recalled_right=False, gold_right=True, was_recalled=False),
    ]
    with file.open("ab") as stream:
        stream.writelines(map(_line, answers))
        stream.write(b'{"number":2,"dep')
    assert read_answers(file, CONDITIONS, Answered) == answers
    with file.open("ab") as stream:
        stream.write(_line(Answered(2, 2, recalled_right=True, gold_right=True, was_recalled=True)))
    assert [one.number for one in read_answers(file, CONDITIONS, Answered)] == [0, 1, 2]


def test_answers_of_other_conditions_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    read_answers(file, CONDITIONS, Answered)
    with pytest.raises(ValueError, match=r"was begun with .*1\.5b.* and not .*0\.5b"):
        read_answers(file, Conditions("qwen2.5-coder-0.5b", 200, 400_000), Answered)
    file.write_text("something else\n")
    with pytest.raises(ValueError, match="holds no answers"):
        read_answers(file, CONDITIONS, Answered)


def test_the_report_is_paired(capsys: pytest.CaptureFixture[str]) -> None:
    same = [
        Answered(at, at % 20, recalled_right=at % 2 == 0, gold_right=at % 2 == 0, was_recalled=True)
        for at in range(200)
    ]
    report(same)
    told = capsys.readouterr().out
    assert "right with recalled text 50.0 %, with the gold chunk 50.0 %" in told
    assert "difference +0.0 points, 95 % interval +0.0 to +0.0" in told
    assert "no loss above 5 points: holds" in told
    report([])
    assert "no question was asked" in capsys.readouterr().out


def test_no_lookalike_contradicts_a_fact() -> None:
    asked = facts(200)
    lines = {fact.line for fact in asked}
    assert len({fact.question for fact in asked}) == len(lines) == 200
    assert not any(one in lines for fact in asked for one in fact.lookalikes)
