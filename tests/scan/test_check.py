"""The edit check with the real engine: only new findings gate, by severity and confidence."""

from pathlib import Path

import pytest

from kodo.core.check import Change, Verdict
from kodo.scan.check import MANY_FILES, Ceiling, ScanCheck

from .engines import BAD, GOOD, make_engine

pytestmark = pytest.mark.anyio


def change(after: str | None, before: str | None = None, path: str = "app.py") -> Change:
    return Change(
        path,
        None if before is None else before.encode(),
        None if after is None else after.encode(),
    )


async def judge(*changes: Change, ceiling: Ceiling = "block", root: Path | None = None) -> Verdict:
    return await ScanCheck(make_engine, root, ceiling=ceiling, deadline_s=60).run(changes)


async def test_a_new_weakness_blocks_and_the_model_hears_way_fix_and_what_to_do() -> None:
    verdict = await judge(change(BAD))
    assert verdict.decision == "block"
    [found] = verdict.findings
    assert (found.path, found.line, found.rule) == ("app.py", 8, "python.sql-injection")
    assert "app.py:6:" in found.message
    assert "fix: " in found.message
    assert "kodo: ignore python.sql-injection -- reason" in found.message


async def test_clean_code_passes_in_silence() -> None:
    assert await judge(change(GOOD), change("# words", path="notes.md")) == Verdict("pass")


async def test_what_was_there_before_does_not_block() -> None:
    assert (await judge(change("# moved\n\n" + BAD, BAD))).decision == "pass"
    assert (await judge(change(BAD.replace("def view", "def look"), BAD))).decision == "pass"
    moved = [change(None, BAD, "old.py"), change(BAD, None, "new.py")]
    assert (await judge(*moved)).decision == "pass"
    assert (await judge(change(GOOD, BAD))).decision == "pass"


async def test_an_old_weakness_that_is_edited_is_noted() -> None:
    verdict = await judge(change(BAD.replace("SELECT *", "SELECT id"), BAD))
    assert verdict.decision == "note"
    assert "still there" in verdict.findings[0].message


async def test_a_second_one_beside_an_old_one_blocks() -> None:
    more = BAD.replace("    return", "    cursor.execute('DELETE ' + name)\n    return")
    verdict = await judge(change(more, BAD))
    assert verdict.decision == "block"
    assert [found.line for found in verdict.findings] == [9]


@pytest.mark.parametrize("ceiling", ["ask", "note"])
async def test_the_ceiling_is_the_strongest_answer(ceiling: Ceiling) -> None:
    assert (await judge(change(BAD), ceiling=ceiling)).decision == ceiling


async def test_an_edit_that_silences_itself_asks_and_says_so() -> None:
    silent = BAD.replace(' + "\'")', ' + "\'")  # kodo: ignore python.sql-injection -- it is fine')
    verdict = await judge(change(silent))
    assert verdict.decision == "ask"
    assert "this edit silences" in verdict.findings[0].message
    assert (await judge(change(silent, BAD))).decision == "pass"  # somebody judged an old one


async def test_a_reason_is_needed() -> None:
    silent = BAD.replace(' + "\'")', ' + "\'")  # kodo: ignore python.sql-injection')
    assert (await judge(change(silent))).decision == "block"


async def test_an_edit_cannot_call_itself_generated() -> None:
    assert (await judge(change("# @generated\n" + BAD))).decision == "block"


async def test_half_written_code_is_scanned_and_told_as_partial() -> None:
    verdict = await judge(change(BAD + "\n\ndef broken(:\n    (\n"))
    assert verdict.decision == "block"
    assert verdict.partial
    assert any(found.rule == "scan.partial" for found in verdict.findings)
    broken = GOOD + "\n\ndef broken(:\n    (\n"
    verdict = await judge(change(broken))
    assert (verdict.decision, verdict.partial) == ("note", True)
    again = await judge(change(broken + "# more\n", broken))
    assert (again.decision, again.partial, again.findings) == ("pass", True, ())


async def test_past_the_deadline_it_is_partial_never_a_silent_pass() -> None:
    head, _, body = BAD.partition("\n\n\n")
    long = head + "".join(f"\n\n\n{body.replace('view', f'view{n}')}" for n in range(300))
    check = ScanCheck(make_engine, None, deadline_s=-1e9)
    verdict = await check.run([change(long)])
    assert verdict.partial
    assert verdict.decision != "pass"
    assert any("deadline" in found.message for found in verdict.findings)


async def test_a_file_that_is_too_large_is_partial_too() -> None:
    verdict = await judge(change("x = 1\n" * 400_000))
    assert (verdict.decision, verdict.partial) == ("note", True)


async def test_other_files_of_the_same_change_are_read_as_they_will_be(tmp_path: Path) -> None:
    user = (
        "import sqlite3\nfrom flask import request\nfrom helper import run\n\n\ndef view():\n"
        "    run(sqlite3.connect('a').cursor(), 'SELECT ' + request.args['q'])\n"
    )
    helper = "def run(cursor, text):\n    cursor.execute(text)\n"
    (tmp_path / "helper.py").write_text("def run(cursor, text):\n    return None\n")
    assert (await judge(change(user, path="user.py"), root=tmp_path)).decision == "pass"
    verdict = await judge(
        change(helper, path="helper.py"), change(user, path="user.py"), root=tmp_path
    )
    assert verdict.decision == "block"


async def test_a_secret_that_proves_itself_by_its_format_blocks() -> None:
    line = "key = 'sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc'\n"
    assert (await judge(change(line))).decision == "block"
    assert (await judge(change(line, path="tests/test_a.py"))).decision == "pass"


async def test_a_command_that_brings_in_many_files_is_noted_not_blocked() -> None:
    many = [
        Change(f"lib/f{number}.py", None, BAD.encode(), "shell") for number in range(MANY_FILES + 1)
    ]
    assert (await judge(*many)).decision == "note"
    few = [Change("f.py", None, BAD.encode(), "shell")]
    assert (await judge(*few)).decision == "block"


@pytest.mark.parametrize("path", ["tests/test_app.py", "examples/app.py", "src/app_test.py"])
async def test_in_tests_it_is_a_note(path: str) -> None:
    assert (await judge(change(BAD, path=path))).decision == "note"
