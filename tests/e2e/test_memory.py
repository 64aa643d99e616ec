"""Nothing is forgotten: long sessions in small windows, other sessions, steps back, replays."""

import json

import pytest

from kodo.core.events import Evicted, PromptSent, RunEnded

from .conftest import Kodo, Line, calls, says, shell, write
from .providers import Provider, Refusal, Reply

pytestmark = pytest.mark.anyio

GOAL = "GOAL-7731: mend the parser. Rules: never touch vendor/."


def lab(kodo: Kodo, provider: Provider, wire: str, context_tokens: int) -> None:
    """Let `lab/m` be a model with a window of so many tokens."""
    kodo.home.mkdir(parents=True, exist_ok=True)
    path = "/v1" if wire == "chat" else ""
    (kodo.home / "config.toml").write_text(
        f'[providers.lab]\nbase_url = "{provider.url}{path}"\nwire = "{wire}"\n'
        f'[providers.lab.models."m"]\ncontext_tokens = {context_tokens}\noutput_tokens = 2000\n'
    )


@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_goal_and_rules_go_over_the_wire_with_every_call(kodo: Kodo, wire: str) -> None:
    (kodo.workspace / "AGENTS.md").write_text("RULE-55: indent with tabs.\n")
    rows = "seq -f 'row %g of the output' 60"
    replies: list[Reply] = [*(("shell", {"command": f"echo {n}; {rows}"}) for n in range(40)), "ok"]
    with Provider(wire, replies) as provider:
        lab(kodo, provider, wire, 8_192)
        ran = kodo.run("exec", "--json", "-m", "lab/m", GOAL)
    assert ran.code == 0, ran.out + ran.err
    assert len(provider.asked) == 41
    for asked in provider.asked:
        body = json.dumps(asked.body)
        for words in ("GOAL-7731", "never touch vendor/", "RULE-55"):
            assert words in body
        assert len(body) < 8_192 * 4.5
    (entries,) = (await kodo.threads()).values()
    assert any(isinstance(entry.event.body, Evicted) for entry in entries)


async def test_an_overflow_is_repaired_without_the_user_noticing(kodo: Kodo) -> None:
    count = {"n": 0}

    def step() -> Reply:
        count["n"] += 1
        command = f"echo {count['n']}; seq -f 'row %g of the output' 900"
        return ("shell", {"command": command})

    said = "This model's maximum context length is 16384 tokens. You asked for 17012 tokens."
    replies: list[Reply] = [step(), step(), step(), Refusal(400, said), "all done"]
    with Provider("chat", replies) as provider:
        lab(kodo, provider, "chat", 100_000)
        ran = kodo.run("exec", "--json", "-m", "lab/m", GOAL)
    assert ran.code == 0, ran.out + ran.err
    assert ran.end["summary"] == "all done"
    assert "context length" not in ran.out + ran.err
    refused, repaired = provider.asked[-2:]
    assert len(json.dumps(repaired.body)) < 0.7 * len(json.dumps(refused.body))
    assert "it left the window, get it back with recall(" in json.dumps(repaired.body)
    (entries,) = (await kodo.threads()).values()
    (evicted,) = [entry.event.body for entry in entries if isinstance(entry.event.body, Evicted)]
    assert evicted.window_tokens == 16_384
    replayed = kodo.run("replay", "--last")
    assert replayed.code == 0, replayed.out
    assert replayed.out.startswith("identical: 5 prompts made again from 4 replies and 3 results")


async def test_a_new_session_answers_from_an_old_one(kodo: Kodo) -> None:
    first = kodo.exec(
        shell("echo 'error: port 48213 is taken by zorbax-daemon'"),
        says("Port 48213 is taken by zorbax-daemon; the staging proxy gets 48999."),
        task="find a port for the staging proxy",
    )
    assert first.code == 0, first.err
    # By itself, in the newest message of the first prompt ...
    answer = "48999"
    second = kodo.exec(
        {"expect": f"(?s)staging proxy gets {answer}.*zorbax-daemon took", "text": answer},
        task="which port did we take because zorbax-daemon took 48213?",
    )
    assert second.code == 0, second.err
    # ... and through the tools.
    third = kodo.exec(
        calls(("search", {"query": "staging proxy port"})),
        {"expect": "the staging proxy gets 48999", **calls(("history", {"subject": "48213"}))},
        {"expect": "48213", "text": "as I said"},
        task="look it up",
    )
    assert third.code == 0, third.err


async def test_a_session_is_shown_stepped_back_and_run_again(kodo: Kodo) -> None:
    assert kodo.exec(write("a.py", "x = 1\n"), says("made"), task="make a.py").code == 0
    model = kodo.script(write("a.py", "x = 2\n"), write("b.py", "y = 1\n"), says("changed"))
    assert kodo.run("exec", "--json", "-m", model, "--last", "change it").code == 0
    shown = json.loads(kodo.run("context", "--json").out)
    assert shown["used_tokens"] == sum(part["tokens"] for part in shown["parts"])
    assert {part["part"] for part in shown["parts"]} >= {"instructions", "tools", "transcript"}
    assert "pinned: the task" in kodo.run("context").out
    places = json.loads(kodo.run("rewind", "--last", "--json").out)["points"]
    (place,) = places
    assert place["said"] == "change it"

    before = kodo.run("rewind", "--to", f"e{place['entry']}")
    assert before.code == 1
    assert "changed a.py" in before.out
    assert "removed b.py" in before.out
    assert (kodo.workspace / "a.py").read_text() == "x = 2\n"
    done = json.loads(kodo.run("rewind", "--to", f"e{place['entry']}", "--yes", "--json").out)
    assert done["done"]
    assert done["said"] == ["change it"]
    assert (kodo.workspace / "a.py").read_text() == "x = 1\n"
    assert not (kodo.workspace / "b.py").exists()
    model = kodo.script({"expect": "^say it$", "text": "hello"})
    again = kodo.run("exec", "--json", "-m", model, "--last", "say it")
    assert again.code == 0, again.err

    replayed = json.loads(kodo.run("replay", "--last", "--json").out)
    assert (replayed["identical"], replayed["prompts"]) == (True, 3)
    back = kodo.run("rewind", "--to", done["back"], "--yes")
    assert back.code == 0, back.err
    assert (kodo.workspace / "a.py").read_text() == "x = 2\n"
    assert (kodo.workspace / "b.py").exists()
    assert kodo.run("replay", "--last").code == 0


async def test_files_that_somebody_changed_since_are_not_stepped_back_over(kodo: Kodo) -> None:
    assert kodo.exec(write("a.py", "x = 1\n"), says("made"), task="make a.py").code == 0
    model = kodo.script(write("a.py", "x = 2\n"), says("changed"))
    assert kodo.run("exec", "-m", model, "--last", "change it").code == 0
    (kodo.workspace / "a.py").write_text("x = 3  # mine\n")
    place = json.loads(kodo.run("rewind", "--json").out)["points"][0]["entry"]
    refused = kodo.run("rewind", "--to", f"e{place}", "--yes")
    assert refused.code == 2
    assert "'a.py'" in refused.error()
    assert (kodo.workspace / "a.py").read_text() == "x = 3  # mine\n"
    only = kodo.run("rewind", "--to", f"e{place}", "--yes", "--messages")
    assert only.code == 0
    assert (kodo.workspace / "a.py").read_text() == "x = 3  # mine\n"


async def test_another_model_goes_on_from_an_entry(kodo: Kodo) -> None:
    replies: list[Line] = [shell("echo one"), shell("echo two"), says("first way")]
    assert kodo.exec(*replies, task="count").code == 0
    (entries,) = (await kodo.threads()).values()
    prompts = [entry.event.seq for entry in entries if isinstance(entry.event.body, PromptSent)]
    other = kodo.script(shell("echo two"), says("second way"))
    ran = kodo.run("replay", "--last", "--from", f"e{prompts[1] - 1}", "-m", other, "--json")
    assert ran.code == 0, ran.err
    compared = json.loads(ran.out)
    assert (compared["same"], compared["first"]) == (1, 2)
    assert compared["after"]["steps"][1]["said"] == "second way"
    threads = await kodo.threads()
    fork = threads[compared["fork"]]
    assert isinstance(fork[-1].event.body, RunEnded)
    assert not any("first way" in str(entry) for entry in fork)


async def test_what_is_no_entry_or_no_session_is_said(kodo: Kodo) -> None:
    for command in ("context", "rewind", "replay"):
        assert "there are no sessions" in kodo.run(command).error()
    assert kodo.exec(says("hello")).code == 0
    assert "'e99' is no entry of this session" in kodo.run("rewind", "--to", "e99").error()
    assert "no state of the files is kept" in kodo.run("rewind", "--to", "e1").error()
    assert "give --from ENTRY too" in kodo.run("replay", "-m", "scripted/x").error()
    assert "'zzzzzz'" in kodo.run("context", "zzzzzz").error()


@pytest.mark.full
def test_goal_and_rules_are_in_call_500_of_a_window_of_8k(kodo: Kodo) -> None:
    (kodo.workspace / "AGENTS.md").write_text("RULE-55: indent with tabs.\n")
    rows = "".join(f"row {number} of the table, and nothing else\n" for number in range(1, 30_001))
    (kodo.workspace / "table.txt").write_text(rows)
    parts = (
        {"path": "table.txt", "start_line": 60 * at + 1, "end_line": 60 * at + 60}
        for at in range(499)
    )
    replies: list[Reply] = [*(("read", part) for part in parts), "ok"]
    with Provider("chat", replies) as provider:
        lab(kodo, provider, "chat", 8_192)
        process = kodo.start("exec", "--json", "-m", "lab/m", GOAL)
        out, err = process.communicate()
    assert process.returncode == 0, out[-2000:] + err
    assert len(provider.asked) == 500
    for number, asked in enumerate(provider.asked):
        body = json.dumps(asked.body)
        for words in ("GOAL-7731", "never touch vendor/", "RULE-55"):
            assert words in body, number
        assert len(body) < 8_192 * 4.5
    assert "row 29880 of the table" in json.dumps(provider.asked[-1].body)
