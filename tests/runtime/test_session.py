"""Sessions: a scripted run from settings to store; new, resumed, forked, and closed in order."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.spies import KeptFetch

from kodo.base.errors import ConfigError, ModelError, StoreError
from kodo.core.events import Event, RunEnded, RunStarted, ToolStarted
from kodo.core.messages import user
from kodo.runtime.build import Opening, make_tools, open_session
from kodo.runtime.config import Settings, load_settings, read_environment
from kodo.runtime.registry import TOOLS
from kodo.store.store import open_store

pytestmark = pytest.mark.anyio


class Desk:
    """A workspace with scripts, opened again and again."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.workspace = root / "workspace"
        self.workspace.mkdir()
        self._scripts = 0

    def settings(self, *replies: dict[str, Any], more: tuple[str, ...] = ()) -> Settings:
        self._scripts += 1
        script = self.workspace.parent / f"{self._scripts}.jsonl"
        script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        environment = {"HOME": str(self.home), "KODO_HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        assignments = (f"model=scripted/{script}", "rung=local", *more)
        return load_settings(read_environment(environment), self.workspace, assignments=assignments)

    async def run(
        self, text: str, *replies: dict[str, Any], opening: Opening | None = None
    ) -> tuple[str, RunEnded, list[Event]]:
        """Carry one task out in a session of its own; returns its thread, its end, its events."""
        heard: list[Event] = []
        async with open_session(self.settings(*replies), opening) as session:
            session.subscribe(lambda item: heard.append(item) if isinstance(item, Event) else None)
            ended = await session.run(user(text))
            return session.thread.header.id, ended, heard

    async def texts(self, thread_id: str) -> list[str]:
        async with open_store(self.settings().paths.store(self.workspace)) as store:
            _, entries = await store.log.load(thread_id)
        return [
            entry.event.body.task for entry in entries if isinstance(entry.event.body, RunStarted)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_run_edits_checks_and_is_told_as_it_is_stored(desk: Desk) -> None:
    settings = desk.settings(
        {"calls": [{"name": "write", "arguments": {"path": "a.txt", "content": "x\n"}}]},
        {"text": "made"},
        more=('checks=["test -f a.txt"]',),
    )
    heard: list[Event] = []
    async with open_session(settings) as session:
        session.subscribe(lambda item: heard.append(item) if isinstance(item, Event) else None)
        ended = await session.run(user("make a.txt"))
        assert [entry.event for entry in session.thread.path()] == heard
        assert session.outcome == "verified"
    assert (ended.outcome, ended.summary, ended.changed) == ("verified", "made", ("a.txt",))
    started = heard[0].body
    assert isinstance(started, RunStarted)
    assert (started.strategy, started.sandbox) == ("tools", "local")
    assert started.cwd == str(desk.workspace)


async def test_a_session_carries_out_one_task_after_another(desk: Desk) -> None:
    settings = desk.settings({"text": "one"}, {"text": "two", "expect": "^second$"})
    async with open_session(settings) as session:
        first = await session.run(user("first"))
        second = await session.run(user("second"))
    assert (first.summary, second.summary) == ("one", "two")
    assert second.spent.model_calls == 1  # each task has a budget of its own


async def test_what_is_said_before_a_run_is_heard_in_it(desk: Desk) -> None:
    settings = desk.settings({"text": "ok", "expect": "^and use tabs$"})
    async with open_session(settings) as session:
        session.steer(user("and use tabs"))
        assert (await session.run(user("go"))).summary == "ok"


async def test_last_and_resume_go_on_with_the_thread(desk: Desk) -> None:
    thread, _, _ = await desk.run("one", {"text": "1"})
    same, _, events = await desk.run("two", {"text": "2"}, opening=Opening("resume"))
    assert same == thread
    assert events[0].seq > 1
    again, _, _ = await desk.run("three", {"text": "3"}, opening=Opening("resume", thread[:12]))
    assert again == thread
    assert await desk.texts(thread) == ["one", "two", "three"]


async def test_a_fork_leaves_the_thread_alone(desk: Desk) -> None:
    thread, _, _ = await desk.run("one", {"text": "1"})
    forked, _, _ = await desk.run("other", {"text": "2"}, opening=Opening("fork", thread))
    assert forked != thread
    assert await desk.texts(thread) == ["one"]
    assert await desk.texts(forked) == ["one", "other"]
    newest, _, _ = await desk.run("go on", {"text": "3"}, opening=Opening("resume"))
    assert newest == forked


async def test_a_thread_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no earlier session"):
        await desk.run("x", {"text": "1"}, opening=Opening("resume"))
    thread, _, _ = await desk.run("one", {"text": "1"})
    await desk.run("two", {"text": "2"})
    for wrong in ("abc", "0000000000", thread[:3]):
        with pytest.raises(ConfigError, match="no thread"):
            await desk.run("x", {"text": "1"}, opening=Opening("resume", wrong))


async def test_a_damaged_thread_is_the_stores_fault(desk: Desk) -> None:
    thread, _, _ = await desk.run("one", {"text": "1"})
    async with open_store(desk.settings().paths.store(desk.workspace)) as store:
        await store.database.write(
            lambda connection: connection.execute(
                "UPDATE entries SET body = x'00', packing = 0 WHERE seq = 2"
            )
        )
    with pytest.raises(StoreError, match="damaged at entry 2"):
        await desk.run("x", {"text": "1"}, opening=Opening("resume", thread))


async def test_a_thread_is_made_with_its_first_run_only(desk: Desk) -> None:
    async with open_session(desk.settings({"text": "never"})):
        pass
    with pytest.raises(ConfigError, match="no earlier session"):
        await desk.run("x", {"text": "1"}, opening=Opening("resume"))


async def test_lines_that_were_not_played_are_an_error_of_a_finished_run_only(desk: Desk) -> None:
    with pytest.raises(ModelError, match="1 of its 2 lines were not used"):
        await desk.run("one", {"text": "1"}, {"text": "never"})
    with pytest.raises(ConfigError, match="no thread"):  # and hide nothing else
        await desk.run("x", {"text": "never"}, opening=Opening("resume", "0000000000"))
    settings = desk.settings(
        {"calls": [{"name": "list"}]}, {"text": "never"}, more=("limits.model_calls=1",)
    )
    async with open_session(settings) as session:
        assert (await session.run(user("x"))).outcome == "limit"


async def test_the_network_tool_is_offered_only_where_it_may_be_used(desk: Desk) -> None:
    for more, offered in ((), False), (('allow_hosts=["*"]',), True):
        settings = desk.settings({"text": "1"}, more=more)
        async with open_session(settings) as session:
            agent, strategy = session.make_run()
        assert ("fetch" in agent.tools) is offered
        assert strategy.name == "tools"
        assert agent.allow_net is offered


async def test_the_strategy_can_be_forced(desk: Desk) -> None:
    settings = desk.settings({"text": "1"}, more=("strategy=search",))
    async with open_session(settings) as session:
        assert session.make_run()[1].name == "search"


async def test_notes_of_the_project_reach_the_model(desk: Desk) -> None:
    (desk.workspace / "AGENTS.md").write_text("Use tabs.\n")
    async with open_session(desk.settings({"text": "1"})) as session:
        agent, _ = session.make_run()
    assert agent.project_notes == "# AGENTS.md\nUse tabs."
    assert "Use tabs." in agent.instructions
    assert str(desk.workspace) in agent.instructions


async def test_a_reader_that_has_gone_ends_the_run_with_every_call_answered(desk: Desk) -> None:
    settings = desk.settings(
        {"calls": [{"name": "list"}, {"name": "shell", "arguments": {"command": "true"}}]},
        {"text": "never"},
    )
    told: list[Event] = []

    def leaves(happening: object) -> None:
        if isinstance(happening, Event) and isinstance(happening.body, ToolStarted):
            raise BrokenPipeError

    async with open_session(settings) as session:
        session.subscribe(leaves)
        session.subscribe(lambda item: told.append(item) if isinstance(item, Event) else None)
        with pytest.raises(BrokenPipeError):
            await session.run(user("x"))
        assert session.thread.open_calls() == []
    last = told[-1].body
    assert isinstance(last, RunEnded)
    assert last.outcome == "interrupted"


async def test_fetch_goes_through_the_proxy_and_trusts_the_bundle_of_the_environment(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOOLS, "fetch", "tests.runtime.spies:KeptFetch")
    settings = desk.settings()
    assert "fetch" not in [tool.name for tool in make_tools(None, settings, 100_000)]
    environment = {
        **settings.environment.variables,
        "HTTPS_PROXY": "http://127.0.0.1:3128",
        "NO_PROXY": "inside.example",
        "SSL_CERT_FILE": "/ca.pem",
    }
    settings = load_settings(
        read_environment(environment), desk.workspace, assignments=['allow_hosts=["x"]']
    )
    assert make_tools(None, settings, 100_000)[-1].name == "fetch"
    assert KeptFetch.ca_file == "/ca.pem"
    assert KeptFetch.proxy("https://far.example/") == "http://127.0.0.1:3128"
    assert KeptFetch.proxy("https://inside.example/") is None
