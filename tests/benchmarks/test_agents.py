"""The comparison of agents: its intervals, its grading, and that a run can be gone on with."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from benchmarks.agents.__main__ import Agent, compare, main, read_agent
from benchmarks.agents.commands import run
from benchmarks.agents.report import lines, read_results
from benchmarks.agents.statistics import Pairs, pair, wilson
from benchmarks.agents.tasks import fault, read_tasks

CHECK = f"{sys.executable} test_sign.py"
TEST = "from sign import sign\nassert [sign(-2), sign(0), sign(3)] == [-1, 0, 1]\n"
WRONG = "def sign(n): return 1 if n >= 0 else -1\n"
RIGHT = "def sign(n): return (n > 0) - (n < 0)\n"


def write_task(folder: Path, name: str, files: Mapping[str, str], **fields: object) -> Path:
    task = folder / name
    for path, text in files.items():
        place = task / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    told = {"id": name, "prompt": "Mend sign().", "check": CHECK, "kind": "bug", **fields}
    (task / "task.json").write_text(json.dumps(told))
    return task


def write_sound_task(folder: Path, name: str = "sign") -> Path:
    files = {"workspace/sign.py": WRONG, "hidden/test_sign.py": TEST, "reference/sign.py": RIGHT}
    return write_task(folder, name, files)


def writer(name: str, text: str) -> Agent:
    script = f"import sys; open('sign.py', 'w').write({text!r}); print(sys.argv[1])"
    return Agent(name, (sys.executable, "-c", script, "{prompt} in {workspace}"))


@pytest.mark.parametrize(
    ("solved", "tried", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (21, 30, 0.5212, 0.8334), (0, 0, 0.0, 1.0)],
)
def test_wilson_gives_the_published_interval(
    solved: int, tried: int, low: float, high: float
) -> None:
    interval = wilson(solved, tried)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-4)


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="solved 4 of 3"):
        wilson(4, 3)


def test_a_paired_difference_turns_its_sign_with_the_agents() -> None:
    one = Pairs(both=20, first=12, second=2, neither=2).difference()
    other = Pairs(both=20, first=2, second=12, neither=2).difference()
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
    assert one.value == pytest.approx(10 / 36)
    assert one.low < one.value < one.high


def test_a_paired_difference_is_that_of_newcombes_example() -> None:
    """36, 12, 2, 0 of 50 (Newcombe 1998, table II, method 10): 0.2 from 0.0569 to 0.3404."""
    interval = Pairs(both=36, first=12, second=2, neither=0).difference()
    told = (interval.value, interval.low, interval.high)
    assert told == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-4)


def test_an_even_split_says_nothing_and_an_uneven_one_something() -> None:
    assert Pairs(5, 4, 4, 5).chance() == 1.0
    assert Pairs(0, 0, 0, 9).chance() == 1.0
    assert Pairs(10, 10, 0, 10).chance() == pytest.approx(2 / 1024)


def test_pairs_need_the_same_tasks() -> None:
    assert pair([True, True, False], [True, False, False]) == Pairs(1, 1, 0, 1)
    with pytest.raises(ValueError, match="3 outcomes beside 2"):
        pair([True] * 3, [True] * 2)


def test_a_sound_task_fails_untouched_and_passes_with_its_reference(tmp_path: Path) -> None:
    write_sound_task(tmp_path / "tasks")
    (folder,) = read_tasks(tmp_path / "tasks")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert fault(folder, scratch) == ""


@pytest.mark.parametrize(
    ("files", "check", "why"),
    [
        ({"workspace/sign.py": RIGHT, "hidden/test_sign.py": TEST}, CHECK, "nothing was done"),
        ({"workspace/sign.py": WRONG, "hidden/test_sign.py": TEST}, CHECK, "no folder 'reference'"),
        ({"workspace/sign.py": WRONG, "reference/sign.py": RIGHT}, "exit 1", "reference was"),
    ],
)
def test_a_task_whose_check_proves_nothing_is_named(
    tmp_path: Path,
    files: Mapping[str, str],
    check: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_task(tmp_path, "vain", files, check=check)
    assert main([str(tmp_path), "--validate"]) == 1
    said = capsys.readouterr().out
    assert "vain: " in said
    assert why in said
    assert "0 of 1 tasks are sound" in said


def test_an_agent_is_graded_by_files_it_could_not_change(tmp_path: Path) -> None:
    files = {"workspace/sign.py": WRONG, "workspace/test_sign.py": TEST, "workspace/keep.txt": ""}
    task = write_task(tmp_path / "tasks", "sign", files, protect=["test_sign.py"])
    cheat = "open('test_sign.py', 'w').write('')"
    agent = Agent("cheat", (sys.executable, "-c", cheat, "{prompt}"))
    out = tmp_path / "out.jsonl"
    compare([agent], read_tasks(task.parent), 60, out)
    (result,) = read_results(out)
    assert (result.solved, result.exit_code) == (False, 0)
    assert (task / "workspace/test_sign.py").read_text() == TEST


def test_agents_are_compared_on_the_same_tasks(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sound_task(tmp_path / "tasks", name)
    out = tmp_path / "out.jsonl"
    agents = [writer("able", RIGHT), writer("idle", WRONG)]
    compare(agents, read_tasks(tmp_path / "tasks"), 60, out)
    results = read_results(out)
    assert [(one.task, one.agent, one.solved) for one in results] == [
        ("one", "able", True),
        ("one", "idle", False),
        ("two", "idle", False),
        ("two", "able", True),
    ]
    assert results[0].tail.startswith("Mend sign(). in /")
    told = list(lines(results))
    assert told[0].split()[:3] == ["all", "able", "2/2"]
    assert any(
        "able - idle: 100.0 %" in line and "on 2 tasks, alone 2 : 0" in line for line in told
    )


def test_a_run_goes_on_after_a_line_that_was_cut(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sound_task(tmp_path / "tasks", name)
    folders, out = read_tasks(tmp_path / "tasks"), tmp_path / "out.jsonl"
    compare([writer("able", RIGHT)], folders[:1], 60, out)
    first = out.read_bytes()
    out.write_bytes(first + b'{"task":"two","agent":"ab')
    compare([writer("able", WRONG)], folders, 60, out)
    assert out.read_bytes().startswith(first)
    assert [(one.task, one.solved) for one in read_results(out)] == [("one", True), ("two", False)]


def test_the_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ending = run(("bash", "-c", "sleep 600 & wait"), cwd=tmp_path, limit_s=0.2, log=log)
    assert ending.exit_code is None


def test_a_command_that_cannot_start_is_named(tmp_path: Path) -> None:
    ending = run(("no-such-agent",), cwd=tmp_path, limit_s=1, log=tmp_path / "log")
    assert ending.exit_code == 127
    assert "'no-such-agent'" in (tmp_path / "log").read_text()


def test_bad_input_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--agent", "kodo=kodo exec"])
    assert "{prompt} in it" in capsys.readouterr().err
    write_sound_task(tmp_path)
    assert main([str(tmp_path), "--only", "other"]) == 2
    assert "no task 'other'" in capsys.readouterr().err
    (tmp_path / "sign/task.json").write_text("{}")
    assert main([str(tmp_path), "--validate"]) == 2
    assert "task.json' is no task" in capsys.readouterr().err


def test_an_agent_is_a_name_and_a_command_without_a_shell() -> None:
    agent = read_agent("kodo=kodo exec -C {workspace} '{prompt}'")
    expected = ["kodo", "exec", "-C", "/w", "Mend 'it'; $(x)"]
    assert agent.arguments(Path("/w"), "Mend 'it'; $(x)") == expected
