"""Hooks end to end: the examples of docs/hooks.md, faults, and whose hooks count."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "hooks.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)

Call = tuple[str, dict[str, object]]
PATCH = "*** Begin Patch\n*** Add File: a.py\n+x = 1   \n*** End Patch\n"


class Kodo(msgspec.Struct):
    """What the tests read of an item's `kodo`."""

    note: str = ""
    decision: str = ""
    message: str = ""
    outcome: str = ""


class Item(msgspec.Struct):
    """What the tests read of an item."""

    kodo: Kodo = msgspec.field(default_factory=Kodo)


class Failure(msgspec.Struct):
    """Why a turn failed."""

    message: str = ""


class Line(msgspec.Struct):
    """What the tests read of a line of JSON."""

    type: str
    item: Item | None = None
    error: Failure | None = None
    kodo: Kodo = msgspec.field(default_factory=Kodo)


class Runs:
    """Runs `kodo exec --json` with hooks and a script of calls."""

    def __init__(self, workspace: Path, config: Path, script: Path) -> None:
        self.workspace = workspace
        self.config = config
        self.script = script
        self.stderr = ""

    def __call__(
        self, hooks: str, *calls: Call, options: tuple[str, ...] = (), ends: int = 1
    ) -> list[Line]:
        """Return the lines; `ends` is how often the model says that it is done."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(hooks)
        replies = [
            *({"calls": [{"name": name, "arguments": arguments}]} for name, arguments in calls),
            *({"text": "Done."} for _ in range(ends)),
        ]
        self.script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "kodo", "exec", "--json", "-m", f"scripted/{self.script}"),
                *("--strategy", "tools", "--rung", "local", *options, "go"),
            ],
            cwd=self.workspace,
            capture_output=True,
            text=True,
            check=False,
        )
        self.stderr = ran.stderr
        return [msgspec.json.decode(line, type=Line) for line in ran.stdout.splitlines()]


@pytest.fixture
def runs(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    home = tmp_path / "kodo"
    monkeypatch.setenv("KODO_HOME", str(home))
    return Runs(workspace, home / "config.toml", tmp_path / "script.jsonl")


def hook(on: str, command: str, more: str = "") -> str:
    return f"[[hooks]]\nname = 'h'\non = '{on}'\n{more}\ncommand = '''{command}'''\n"


def said(lines: list[Line]) -> list[str]:
    """Return what the hooks did, as `moment decision: message`."""
    found: list[str] = []
    for line in lines:
        if line.item is not None and (kodo := line.item.kodo).note.startswith("hook "):
            found.append(f"{kodo.note.split()[1]} {kodo.decision}: {kodo.message}")
    return found


def test_the_first_example_denies_what_it_names_and_nothing_else(runs: Runs) -> None:
    lines = runs(
        EXAMPLES[0],
        ("shell", {"command": "echo shipped > out; deploy now"}),
        ("shell", {"command": "echo fine > fine"}),
    )
    assert said(lines) == [
        "before_tool deny: deploying is for people: ask in the team's channel",
        "before_tool pass: ",
    ]
    assert not (runs.workspace / "out").exists()
    assert (runs.workspace / "fine").exists()
    assert lines[-1].kodo.outcome == "denied"


def test_the_second_example_tidies_and_tells_the_model(runs: Runs) -> None:
    lines = runs(EXAMPLES[1], ("apply_patch", {"patch": PATCH}))
    assert said(lines) == ["after_tool text: trailing spaces were removed"]
    assert (runs.workspace / "a.py").read_text() == "x = 1\n"
    undone = subprocess.run(
        [sys.executable, "-m", "kodo", "undo"],
        cwd=runs.workspace,
        capture_output=True,
        text=True,
        check=False,
    )
    assert undone.returncode == 0, undone.stderr
    assert not (runs.workspace / "a.py").exists()


def test_the_third_example_holds_the_end_up_until_there_is_a_line(runs: Runs) -> None:
    written: Call = ("write", {"path": "CHANGES.md", "content": "- all new\n"})
    lines = runs(EXAMPLES[2], written)
    assert said(lines) == ["before_finish pass: "]
    (runs.workspace / "CHANGES.md").unlink()
    lines = runs(EXAMPLES[2], ends=4)
    assert said(lines) == ["before_finish deny: say in CHANGES.md what has changed"] * 4
    assert "refused 4 times" in str(lines[-1].error)


def test_a_hook_replaces_the_arguments_and_the_policy_judges_the_new_ones(runs: Runs) -> None:
    answer = '{"arguments": {"command": "echo replaced > out"}, "text": "I chose another"}'
    lines = runs(hook("before_tool", f"echo '{answer}'"), ("shell", {"command": "echo a > out"}))
    assert said(lines) == ["before_tool replace: I chose another"]
    assert (runs.workspace / "out").read_text() == "replaced\n"
    answer = '{"arguments": {"command": "git push origin main"}}'
    lines = runs(hook("before_tool", f"echo '{answer}'"), ("shell", {"command": "true"}))
    assert "rule 'git-push" in str(lines[-1].error)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo no; exit 7", "failed with exit code 7: no message"),
        ("echo nope >&2; exit 1", "failed with exit code 1: nope"),
        ("echo not json", "did not answer as docs/schema/hook-answer.json says"),
        ("""echo '{"descision": "deny"}'""", "did not answer as docs/schema/hook-answer.json says"),
        ("sleep 60", "gave no answer within 0.5 s"),
        ("head -c 400000 /dev/zero", "answered more than 262144 bytes"),
        ("nonexistent-program-x", "failed with exit code 127"),
    ],
)
def test_a_failure_is_named_and_is_what_on_error_says(
    runs: Runs, command: str, reason: str
) -> None:
    on_error = "deny" if "exit" in command else "ignore"
    more = f"on_error = '{on_error}'\ntimeout_s = 0.5" if "sleep" in command else (
        f"on_error = '{on_error}'"
    )  # fmt: skip
    lines = runs(hook("before_tool", command, more), ("write", {"path": "w", "content": "x"}))
    (told,) = said(lines)
    decision = "deny" if on_error == "deny" else "failed"
    assert told.startswith(f"before_tool {decision}: ")
    assert reason in told
    assert (runs.workspace / "w").exists() == (on_error == "ignore")


def test_a_hook_hears_what_happens(runs: Runs) -> None:
    every = "".join(
        f"[[hooks]]\nname = '{moment}'\non = '{moment}'\ncommand = 'cat >> heard.jsonl'\n"
        for moment in ("session_start", "before_tool", "after_tool", "before_finish", "session_end")
    )
    runs(every, ("shell", {"command": "echo loud"}))
    heard = [json.loads(line) for line in (runs.workspace / "heard.jsonl").read_text().splitlines()]
    assert [line["moment"] for line in heard] == [
        "session_start",
        "before_tool",
        "after_tool",
        "before_finish",
        "session_end",
    ]
    assert heard[1]["call"]["arguments"] == {"command": "echo loud"}
    assert "loud" in heard[2]["result"]["text"]
    assert heard[3]["summary"] == "Done."


def test_session_start_speaks_to_the_model_or_stops_the_run(runs: Runs) -> None:
    lines = runs(hook("session_start", """echo '{"text": "mind the gap"}'"""))
    assert said(lines) == ["session_start text: mind the gap"]
    lines = runs(hook("session_start", "echo not today >&2; exit 2"), ends=0)
    assert "not today" in str(lines[-1].error)
    assert lines[-1].kodo.outcome == "denied"


def test_a_projects_hooks_count_only_once_it_is_trusted(runs: Runs) -> None:
    folder = runs.workspace / ".kodo"
    folder.mkdir()
    (folder / "hooks.toml").write_text(hook("session_start", "echo ran > ran"))
    runs("")
    assert not (runs.workspace / "ran").exists()
    runs("", options=("--trust",))
    assert (runs.workspace / "ran").exists()
    (folder / "hooks.toml").write_text(hook("session_start", "true", "network = true"))
    runs("", options=("--trust",), ends=0)
    assert "network = true" in runs.stderr


def test_a_projects_config_may_never_set_hooks(runs: Runs) -> None:
    (runs.workspace / ".kodo").mkdir()
    (runs.workspace / ".kodo/config.toml").write_text(hook("session_start", "true"))
    runs("", options=("--trust",), ends=0)
    assert "may not set 'hooks'" in runs.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (hook("before_tool", " "), "its command is empty"),
        (hook("before_tool", "true", "timeout_s = -1"), "timeout_s is -1"),
        (hook("session_end", "true", "tool = 'shell'"), "has no meaning for 'session_end'"),
        (hook("before_lunch", "true"), "before_lunch"),
        ("[[hooks]]\non = 'session_end'\n", "command"),
    ],
)
def test_a_hook_that_cannot_be_meant_stops_kodo(runs: Runs, text: str, message: str) -> None:
    assert runs(text, ends=0) == []
    assert message in runs.stderr
