"""`kodo scan`: paths, changes, formats, exit codes, baselines, repairs."""

import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from kodo.scan.report.summary import Summary

from .conftest import Kodo

BAD = """\
import sqlite3
from flask import request


def view():
    name = request.args.get("name")
    cursor = sqlite3.connect("a.db").cursor()
    cursor.execute("SELECT * FROM t WHERE name = '" + name + "'")
    return "done"
"""
GOOD = BAD.replace('"SELECT * FROM t WHERE name = \'" + name + "\'"', '"SELECT 1 WHERE ?", (name,)')
WARNING = 'API_TOKEN = "q8Jd0fKz2mNvB7xLpWs5TgYh3RcUeA9iOkQjMn1Z"\n'


def git(folder: Path, *words: str) -> None:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    env = {**os.environ, **dict.fromkeys(names, "t@localhost")}
    subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def repository(kodo: Kodo) -> Path:
    """Return the workspace as a repository with one commit, whose app.py is bad already."""
    git(kodo.folder, "init", "-q", "-b", "main")
    (kodo.folder / "app.py").write_text(BAD)
    git(kodo.folder, "add", ".")
    git(kodo.folder, "commit", "-q", "-m", "first")
    return kodo.folder


def rules(kodo: Kodo, *words: str) -> list[tuple[str, str]]:
    ran = kodo("scan", *words, "--format", "json")
    found = msgspec.json.decode(ran.out, type=Summary)
    return [(one.path, one.rule) for one in found.findings]


SQL = "python.sql-injection"


def test_findings_end_with_1_and_the_report_tells_the_way(kodo: Kodo) -> None:
    (kodo.folder / "app.py").write_text(BAD)
    ran = kodo("scan")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0] == "app.py"
    assert f"[{SQL}] CWE-89" in lines[1]
    assert "        6: " in ran.out
    assert lines[-1].startswith("1 error in 1 file (9 lines, ")
    assert "\x1b" not in ran.out


def test_clean_code_ends_with_0_and_the_threshold_decides(kodo: Kodo) -> None:
    (kodo.folder / "app.py").write_text(GOOD)
    ran = kodo("scan")
    assert (ran.code, ran.out.splitlines()[-1][:11]) == (0, "no findings")
    (kodo.folder / "settings.py").write_text(WARNING)
    assert kodo("scan").code == 0
    assert kodo("scan", "--fail-on", "warning").code == 1
    assert kodo("scan", "app.py", "--fail-on", "note").code == 0
    assert kodo("scan", "--fail-on", "none").code == 0


def test_several_paths_are_scanned_together_each_file_once(kodo: Kodo) -> None:
    for name in ("one", "two", "three"):
        (kodo.folder / name).mkdir()
        (kodo.folder / name / "app.py").write_text(BAD)
    assert rules(kodo, "one", "two/app.py", "two") == [("one/app.py", SQL), ("two/app.py", SQL)]
    assert rules(kodo) == [(f"{name}/app.py", SQL) for name in ("one", "three", "two")]


def test_what_was_not_seen_whole_ends_with_5_and_is_named(kodo: Kodo) -> None:
    (kodo.folder / "half.py").write_text(GOOD + "def broken(:\n    (\n")
    ran = kodo("scan")
    assert ran.code == 5
    assert "partial: half.py: syntax errors" in ran.out
    (kodo.folder / "app.py").write_text(BAD)
    assert kodo("scan").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "there is no file or folder 'nowhere' to scan"),
        (("requirements.txt", "nowhere"), "there is no file or folder 'nowhere' to scan"),
        (("--baseline", "no.json"), "there is no baseline 'no.json'"),
        (("--staged", "--fix"), "--fix repairs files as they are on disk"),
        (("--osv", "no.zip"), "there is no OSV export 'no.zip'"),
        (("--jobs", "0"), "--jobs is 0"),
        (("-c", "scan.rules=no-folder"), "is no folder"),
        (("-c", "scan.edit=maybe"), "choose from block, ask, note, off"),
        (("explain", "python.no-such"), "no rule and no finding"),
    ],
)
def test_wrong_usage_is_one_line_and_2(kodo: Kodo, words: tuple[str, ...], said: str) -> None:
    (kodo.folder / "requirements.txt").write_text("flask==0.1\n")
    ran = kodo("scan", *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_rule_file_with_an_error_names_file_and_line(kodo: Kodo, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.yaml").write_text("languages: [python]\nrules:\n  - id: a.b\n    kinds: x\n")
    (kodo.folder / "app.py").write_text(BAD)
    ran = kodo("scan", "-c", f"scan.rules={folder}")
    assert ran.code == 2
    assert "own.yaml" in ran.err


def test_diff_and_staged_tell_only_what_is_new(kodo: Kodo, repository: Path) -> None:
    assert rules(kodo) == [("app.py", SQL)]
    assert rules(kodo, "--diff", "HEAD") == []
    (repository / "app.py").write_text("# moved\n" + BAD)
    (repository / "other.py").write_text(BAD)
    assert rules(kodo, "--diff", "HEAD") == [("other.py", SQL)]
    assert rules(kodo, "--staged") == []
    git(repository, "add", "other.py")
    (repository / "other.py").write_text(GOOD)  # what counts is the index
    assert rules(kodo, "--staged") == [("other.py", SQL)]
    assert kodo("scan", "--staged").code == 1
    assert kodo("scan", "--diff", "HEAD").code == 0


def test_staged_works_before_the_first_commit_and_tells_renames_apart(
    kodo: Kodo, workspace: Path
) -> None:
    git(workspace, "init", "-q")
    (workspace / "app.py").write_text(BAD)
    git(workspace, "add", ".")
    assert rules(kodo, "--staged") == [("app.py", SQL)]
    git(workspace, "commit", "-q", "-m", "first")
    git(workspace, "mv", "app.py", "moved.py")
    assert rules(kodo, "--staged") == []


def test_git_that_cannot_help_is_one_line(kodo: Kodo, repository: Path) -> None:
    ran = kodo("scan", "--diff", "no-such-revision")
    assert (ran.code, "git knows no revision 'no-such-revision'" in ran.err) == (2, True)
    assert kodo("scan", "--diff", "--output=x").code == 2
    ran = kodo("scan", "-C", str(repository.parent), "--staged")
    assert ran.code == 2
    assert "git cannot tell what has changed" in ran.err


def test_no_filter_of_the_repository_is_run(kodo: Kodo, repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    git(repository, "config", "filter.evil.clean", f"touch {mark}")
    git(repository, "config", "diff.evil.textconv", f"touch {mark}")
    git(repository, "config", "core.fsmonitor", f"touch {mark}")
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (repository / "app.py").write_text(BAD + "# x\n")
    kodo("scan", "--diff", "HEAD")
    kodo("scan", "--staged")
    assert not mark.exists()


def test_a_baseline_takes_away_what_is_known(kodo: Kodo) -> None:
    (kodo.folder / "app.py").write_text(BAD)
    assert kodo("scan", "--write-baseline", "known.json").code == 0
    ran = kodo("scan", "--baseline", "known.json")
    assert ran.code == 0
    assert "1 known" in ran.out
    (kodo.folder / "other.py").write_text(BAD)
    assert rules(kodo, "--baseline", "known.json") == [("other.py", SQL)]


def test_ids_do_not_depend_on_where_one_stands(kodo: Kodo, repository: Path) -> None:
    (repository / "src").mkdir()
    (repository / "src" / "deep.py").write_text(BAD)
    from_root = kodo("scan", "src", "--format", "json")
    from_below = kodo("scan", "-C", str(repository / "src"), "--format", "json")
    first, second = (
        msgspec.json.decode(ran.out, type=Summary).findings[0] for ran in (from_root, from_below)
    )
    assert (first.id, first.path) == (second.id, "src/deep.py")


def test_sarif_and_json_are_whole_and_explain_takes_their_ids(kodo: Kodo) -> None:
    (kodo.folder / "app.py").write_text(BAD)
    log = json.loads(kodo("scan", "--format", "sarif").out)
    [result] = log["runs"][0]["results"]
    assert result["codeFlows"]
    ran = kodo("scan", "explain", result["properties"]["id"])
    assert ran.code == 0
    assert ">     8      cursor.execute(" in ran.out
    assert "bad:" in ran.out
    ran = kodo("scan", "explain", SQL)
    assert (ran.code, ran.out.splitlines()[0]) == (0, f"{SQL}  error  CWE-89  python")


def test_known_vulnerable_dependencies_come_from_an_offline_export(
    kodo: Kodo, tmp_path: Path
) -> None:
    osv = tmp_path / "osv"
    osv.mkdir()
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Flask"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.12.3"}]}],
    }
    advisory = {"id": "GHSA-1", "affected": [affected], "database_specific": {"severity": "HIGH"}}
    (osv / "1.json").write_text(json.dumps(advisory))
    (kodo.folder / "requirements.txt").write_text("six==1.0\nflask==0.12\n")
    assert rules(kodo, "--osv", str(osv)) == [("requirements.txt", "dependency.GHSA-1")]
    assert rules(kodo) == []
    (kodo.folder / "requirements.txt").write_text("flask==0.12.4\n")
    assert rules(kodo, "--osv", str(osv)) == []


def script(folder: Path, *replies: object) -> str:
    path = folder / "script.jsonl"
    path.write_text("\n".join(json.dumps(reply) for reply in replies))
    return f"scripted/{path}"


def fix(kodo: Kodo, tmp_path: Path, content: str) -> tuple[int, str]:
    (kodo.folder / "app.py").write_text(BAD)
    model = script(
        tmp_path,
        {
            "expect": "app.py:8: ",
            "calls": [{"name": "write", "arguments": {"path": "app.py", "content": content}}],
        },
        {"text": "done"},
    )
    ran = kodo("scan", "--fix", "-m", model, "-c", "scan.edit=off", "--strategy", "tools")
    return ran.code, ran.err + ran.out


def test_fix_keeps_a_repair_that_proves_itself(kodo: Kodo, tmp_path: Path) -> None:
    code, said = fix(kodo, tmp_path, GOOD)
    assert code == 0, said
    assert "fixed: proved by the scan alone" in said
    assert (kodo.folder / "app.py").read_text() == GOOD


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BAD + "# a comment\n", "the finding is still there"),
        (BAD.replace(' + "\'")', ' + "\'")  # kodo: ignore * -- fine'), "it was silenced"),
        (BAD.replace("SELECT *", "SELECT id"), "the repair has python.sql-injection itself"),
    ],
)
def test_fix_takes_back_what_is_no_repair(
    kodo: Kodo, tmp_path: Path, content: str, why: str
) -> None:
    code, said = fix(kodo, tmp_path, content)
    assert code == 1
    assert why in said
    assert (kodo.folder / "app.py").read_text() == BAD
