"""Whole runs over real HTTP on loopback: the three wires, keys, retries, and who is asked."""

import json
from pathlib import Path

import pytest
from benchmarks.scripted_server import Script, ScriptedServer

from .conftest import Kodo, check_results, outcomes
from .providers import Provider

pytestmark = pytest.mark.anyio


def configure(kodo: Kodo, text: str) -> None:
    kodo.home.mkdir(parents=True, exist_ok=True)
    (kodo.home / "config.toml").write_text(text)


def lab(kodo: Kodo, provider: Provider, wire: str, *, path: str = "/v1", more: str = "") -> None:
    """Let `lab/…` be served by `provider`."""
    configure(
        kodo,
        f'[providers.lab]\nbase_url = "{provider.url}{path}"\nwire = "{wire}"\n{more}',
    )


async def test_shell_and_patch_over_the_responses_wire(kodo: Kodo) -> None:
    (kodo.workspace / "hello.txt").write_text("hello\n")
    with ScriptedServer(Script()) as server:
        ran = kodo.run(
            "exec",
            "--json",
            *("-m", "openai/gpt-5", "-c", 'checks=["grep -q world hello.txt"]'),
            "greet the world",
            env={"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.base_url},
        )
        assert server.script.requests == 3
    assert ran.code == 0, ran.out + ran.err
    assert ran.end["outcome"] == "verified"
    assert (kodo.workspace / "hello.txt").read_text() == "hello, world\n"
    (entries,) = (await kodo.threads()).values()
    assert [result.name for result in check_results(entries)] == ["shell", "apply_patch"]
    assert ran.lines[-1]["usage"]["output_tokens"] == 60


@pytest.mark.parametrize(("wire", "path"), [("chat", "/v1"), ("messages", "")])
async def test_a_call_and_a_message_over(kodo: Kodo, wire: str, path: str) -> None:
    replies = [("write", {"path": "a.txt", "content": "made\n"}), "done"]
    with Provider(wire, replies) as provider:
        lab(kodo, provider, wire, path=path, more='headers = { x-team = "blue" }\n')
        ran = kodo.run("exec", "--json", "-m", "lab/any-model", "write a.txt")
    assert ran.code == 0, ran.out + ran.err
    assert (kodo.workspace / "a.txt").read_text() == "made\n"
    first, second = provider.asked
    assert first.path == Provider.PATHS[wire]
    assert (first.body["model"], first.body["stream"]) == ("any-model", True)
    assert first.headers["x-team"] == "blue"
    assert "authorization" not in first.headers  # no env_key, so no key
    assert "write a.txt" in json.dumps(first.body["messages"])
    assert len(second.body["messages"]) > len(first.body["messages"])
    assert ran.lines[-1]["usage"]["output_tokens"] == 6


def test_the_key_goes_where_the_wire_wants_it_and_nowhere_else(kodo: Kodo) -> None:
    for wire, path, header, value in (
        ("chat", "/v1", "authorization", "Bearer sk-lab-0123456789"),
        ("messages", "", "x-api-key", "sk-lab-0123456789"),
    ):
        with Provider(wire, ["done"]) as provider:
            lab(kodo, provider, wire, path=path, more='env_key = "LAB_KEY"\n')
            key = {"LAB_KEY": "sk-lab-0123456789\n", "OPENAI_API_KEY": "sk-other"}
            ran = kodo.run("exec", "-m", "lab/m", "hi", env=key)
        assert ran.code == 0, ran.err
        assert provider.asked[0].headers[header] == value
        assert "sk-other" not in str(provider.asked)
        assert "0123456789" not in ran.out + ran.err


def test_a_base_url_of_ones_own_falls_back_to_chat_after_one_404(kodo: Kodo) -> None:
    with Provider("chat", [("shell", {"command": "true"}), "done"]) as provider:
        ran = kodo.run(
            *("exec", "-m", "openai/some-model", "hi"),
            env={"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": f"{provider.url}/v1"},
        )
    assert ran.code == 0, ran.err
    assert [asked.path for asked in provider.asked] == [
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]


def test_what_passes_is_tried_again_and_told(kodo: Kodo) -> None:
    with Provider("chat", [429, "done"]) as provider:
        lab(kodo, provider, "chat")
        ran = kodo.run("exec", "--json", "-m", "lab/m", "hi")
    assert ran.code == 0, ran.err
    assert len(provider.asked) == 2
    notes = [line["item"] for line in ran.lines if line["type"] == "item.completed"]
    assert any(item.get("kodo", {}).get("note") == "retry" for item in notes)


@pytest.mark.parametrize(
    ("status", "way_out"), [(401, "set a key"), (404, "check the base_url and the model's name")]
)
def test_what_does_not_pass_is_told_at_once(kodo: Kodo, status: int, way_out: str) -> None:
    with Provider("chat", [status]) as provider:
        lab(kodo, provider, "chat")
        ran = kodo.run("exec", "--json", "-m", "lab/m", "hi")
    assert ran.code == 4
    assert len(provider.asked) == 1
    message = ran.lines[-1]["error"]["message"]
    assert "provider 'lab'" in message
    assert way_out in message


async def test_a_thread_moves_from_one_provider_to_another(kodo: Kodo) -> None:
    with Provider("chat", [("shell", {"command": "echo one"}), "first"]) as provider:
        lab(kodo, provider, "chat")
        assert kodo.run("exec", "-m", "lab/m", "begin").code == 0
    with Provider("messages", ["second"]) as provider:
        lab(kodo, provider, "messages", path="")
        ran = kodo.run("exec", "--json", "-m", "lab/n", "--last", "go on")
    assert ran.code == 0, ran.out + ran.err
    sent = json.dumps(provider.asked[0].body["messages"])
    for text in ("begin", "echo one", "first", "go on"):
        assert text in sent
    (entries,) = (await kodo.threads()).values()
    check_results(entries)
    assert outcomes(entries) == ["unverified", "unverified"]


def test_the_proxy_of_the_environment_is_not_asked_for_loopback(kodo: Kodo) -> None:
    with Provider("chat", ["done"]) as provider:
        lab(kodo, provider, "chat")
        closed = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
        assert kodo.run("exec", "-m", "lab/m", "hi", env=closed).code == 0


@pytest.mark.full
async def test_five_hundred_calls_in_bounded_memory(kodo: Kodo, tmp_path: Path) -> None:
    (kodo.workspace / "hello.txt").write_text("hello\n")
    peaks: list[int] = []
    for turns in (50, 500):
        with ScriptedServer(Script(turns, 16 << 10)) as server:
            (kodo.workspace / "hello.txt").write_text("hello\n")
            peak = tmp_path / "peak"
            ran = kodo.run(
                *("exec", "--json", "-m", "openai/gpt-5", "go"),
                env={"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.base_url},
                prefix=["/usr/bin/env", "python3", "-c", PEAK, str(peak)],
            )
        assert ran.code == 0, ran.err
        peaks.append(int(peak.read_text()))
    assert len(await kodo.threads()) == 2
    assert peaks[1] - peaks[0] < 30 << 10


PEAK = """\
import os, sys
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
