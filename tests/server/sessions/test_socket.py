"""The session API over real sockets: runs, readers, questions, numbers, files, refusals."""

from pathlib import Path

import pytest
from tests.server.sessions.conftest import House, serving, shell, write
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kodo.base.clock import monotonic_s, utc_now
from kodo.server.access.guard import Door
from kodo.server.access.tokens import TokenFile, TokenKeeper, new_token

pytestmark = pytest.mark.anyio
ASKED = "git clean -fdx"  # a rule asks about it on every rung


async def test_a_run_is_told_as_it_is_stored(house: House) -> None:
    async with house.session(write("a.txt", "x\n"), {"text": "made it"}) as (face, session):
        taken = await face.ask("send", session=session, text="make a.txt", unknown_field=1)
        assert (taken["type"], taken.get("how", "run")) == ("taken", "run")
        ended = await face.ended()
        assert ended["changed"] == ["a.txt"]
        assert face.seqs == list(range(1, len(face.seqs) + 1))
        assert "".join(
            told["delta"]["text"]
            for told in face.heard
            if told["type"] == "delta" and told["delta"]["kind"] == "text"
        ).endswith("made it")
        listed = await face.ask("list")
        assert [one["header"]["id"] for one in listed["sessions"]] == [session]
        assert listed["open"] == [session]
    assert (house.workspace / "a.txt").read_text() == "x\n"


async def test_a_face_that_comes_back_reads_on_after_the_number_it_has(house: House) -> None:
    async with house.session({"text": "one"}, {"text": "two"}) as (face, session):
        await face.ask("send", session=session, text="first")
        await face.ended()
        seen = face.seqs[-1]
    async with house.face() as again, house.face() as other, house.face() as late:
        opened = await again.ask("open", mode="resume", thread=session, after_seq=seen - 2)
        assert (opened["session"], opened["last_seq"]) == (session, seen)
        await other.ask("open", mode="resume")  # the last one here, from its beginning
        await late.ask("open", mode="resume", thread=session[:10], after_seq=None)
        await other.ask("send", session=session, text="second")
        for face in (again, other, late):
            await face.ended()
        last = again.seqs[-1]
        assert again.seqs == list(range(seen - 1, last + 1))
        assert other.seqs == list(range(1, last + 1))
        assert late.seqs == list(range(seen + 1, last + 1))


async def test_a_question_is_asked_of_all_and_the_first_answer_counts(house: House) -> None:
    lines = (
        shell(f"{ASKED}; touch made"),
        {"text": "ok"},
        shell(f"{ASKED}; touch again"),
        {"text": "no"},
    )
    async with house.session(*lines) as (one, session), house.face() as two:
        await two.ask("open", mode="resume", thread=session)
        await one.ask("send", session=session, text="go")
        asked = await one.until(lambda told: told["type"] == "question")
        assert "touch made" in asked["text"]
        same = await two.until(lambda told: told["type"] == "question")
        assert same["question"] == asked["question"]
        async with house.face() as three:  # who comes later finds it waiting
            opened = await three.ask("open", mode="resume", thread=session)
            assert [item["question"] for item in opened["questions"]] == [asked["question"]]
        answer = {"session": session, "question": asked["question"]}
        assert (await two.ask("answer", choice="yes", **answer))["type"] == "done"
        told = await one.until(lambda told: told["type"] == "answered")
        assert told["choice"] == "yes"
        late = await one.ask("answer", choice="no", **answer)
        assert (late["type"], late["code"]) == ("failed", "already_answered")
        await one.ended()
        assert (house.workspace / "made").exists()
        await one.ask("send", session=session, text="again")
        asked = await one.until(lambda told: told["type"] == "question")
        await one.ask("interrupt", session=session)
        told = await two.until(lambda told: told.get("withdrawn", False))
        assert told["question"] == asked["question"]
        assert (await one.ended())["outcome"] == "interrupted"
        assert not (house.workspace / "again").exists()


async def test_what_is_said_during_a_run_steers_it(house: House) -> None:
    lines = (shell(ASKED), {"expect": "and b", "text": "both"})
    async with house.session(*lines) as (face, session):
        await face.ask("send", session=session, text="do a")
        asked = await face.until(lambda told: told["type"] == "question")
        taken = await face.ask("send", session=session, text="and b")
        assert taken["how"] == "steer"
        for command in ("undo", "redo", "rewind"):
            refused = await face.ask(command, session=session)
            assert refused["code"] == "working"
        await face.ask("answer", session=session, question=asked["question"], choice="yes")
        assert (await face.ended())["summary"] == "both"


async def test_undo_redo_diff_rewind_and_fork(house: House) -> None:
    path = house.workspace / "a.txt"
    lines = (write("a.txt", "x\n"), {"text": "1"}, write("b.txt", "y\n"), {"text": "2"})
    async with house.session(*lines) as (face, session):
        nothing = await face.ask("diff", session=session)
        assert (nothing["type"], nothing["code"]) == ("failed", "cannot_be_done")
        await face.ask("send", session=session, text="make a")
        await face.ended()
        first_end = face.seqs[-1]
        shown = await face.ask("diff", session=session)
        assert [(one["path"], one["kind"]) for one in shown["files"]] == [("a.txt", "new")]
        assert "+x" in shown["files"][0]["diff"]
        dry = await face.ask("undo", session=session, dry_run=True)
        assert dry["dry_run"]
        assert path.exists()
        await face.ask("undo", session=session)
        assert not path.exists()
        await face.ask("redo", session=session)
        assert path.read_text() == "x\n"
        path.write_text("mine\n")
        refused = await face.ask("undo", session=session)
        assert (refused["code"], "a.txt" in refused["message"]) == ("files_changed", True)
        path.write_text("x\n")
        await face.ask("send", session=session, text="make b")
        await face.ended()
        model = {"model": house.script()}
        fork = {"mode": "fork", "thread": session, "entry": first_end}
        forked = await face.ask("open", options=model, **fork)
        assert forked["session"] != session
        assert forked["last_seq"] == first_end
        back = await face.ask("rewind", session=session, to=first_end)
        assert (house.workspace / "b.txt").exists() is False
        assert back["back"] > first_end
        await face.until(lambda told: "rewound" in str(told))
        mine = [
            t["event"]["seq"] for t in face.heard if t.get("session") == session and "event" in t
        ]
        assert mine == list(range(1, len(mine) + 1))  # what undo and rewind recorded is told, too


async def test_bad_commands_are_answered_and_not_fatal(house: House) -> None:
    outside = house.workspace.parent
    async with house.session(options={}) as (face, session):
        for text in (
            "{",
            "[]",
            '{"type":"dance","id":"c9"}',
            '{"type":"open","id":"c9","entry":"x"}',
        ):
            await face.socket.send(text)
            told = await face.until(lambda told: told["type"] == "failed")
            assert told["code"] == "bad_command"
        assert told["id"] == "c9"
        for command, code in (
            ({"kind": "send", "session": "no", "text": "x"}, "not_open"),
            ({"kind": "send", "session": session, "text": " "}, "invalid_value"),
            ({"kind": "open", "folder": str(outside)}, "folder_not_allowed"),
            ({"kind": "open", "folder": "../.."}, "folder_not_allowed"),
            ({"kind": "open", "folder": "nothing"}, "no_folder"),
            ({"kind": "open", "folder": "nul\0"}, "no_folder"),
            ({"kind": "open", "mode": "resume", "thread": "abcdefgh"}, "cannot_be_done"),
            ({"kind": "open", "options": {"sandbox": "full"}}, "sandbox_not_allowed"),
            ({"kind": "open", "options": {"model": "nobody/x"}}, "cannot_be_done"),
            ({"kind": "open", "options": {"budget_tokens": -1}}, "cannot_be_done"),
            ({"kind": "blob", "session": session, "name": "zz"}, "store"),
            ({"kind": "answer", "session": session, "question": "q"}, "already_answered"),
            ({"kind": "rewind", "session": session, "to": 99}, "cannot_be_done"),
        ):
            kind = str(command.pop("kind"))
            told = await face.ask(kind, **command)
            assert (told["type"], told.get("code")) == ("failed", code), told
        assert (await face.ask("close", session=session))["type"] == "done"


async def test_images_go_in_and_blobs_come_out(house: House) -> None:
    async with house.session({"text": "a cat"}) as (face, session):
        image = {"media_type": "image/png", "data": "aGVsbG8="}
        await face.ask("send", session=session, text="what is it?", images=[image])
        told = await face.until(lambda told: '"image"' in str(told).replace("'", '"'))
        name = told["event"]["body"]["message"]["parts"][1]["blob"]
        await face.ended()
        assert (await face.ask("blob", session=session, name=name))["data"] == "aGVsbG8="


async def test_only_a_token_for_sessions_opens_them(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "tokens.json"
    now = utc_now()
    good, record = new_token("web", now, days=None, scopes=("sessions",))
    plain, plain_record = new_token("plain", now, days=None)
    for one in (record, plain_record):
        TokenFile(path).add(one)
    keeper = TokenKeeper(path, utc_now, monotonic_s)
    async with serving(tmp_path, workspace, door=Door(), tokens=keeper) as house:
        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer sk-any"}, 401),
            ({"authorization": f"Bearer {plain}"}, 403),
            ({"authorization": f"Bearer {good}", "origin": "https://evil.test"}, 403),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with house.face(**headers):
                    pass
            assert refused.value.response.status_code == status, headers
        async with house.face(authorization=f"Bearer {good}") as face:
            assert (await face.ask("list"))["type"] == "listed"
        async with house.face("kodo.sessions.v1", f"bearer.{good}") as face:  # as browsers have to
            assert face.socket.subprotocol == "kodo.sessions.v1"
            assert (await face.ask("list"))["type"] == "listed"


async def test_who_was_shut_out_does_and_hears_no_more(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "tokens.json"
    token, record = new_token("web", utc_now(), days=None, scopes=("sessions",))
    TokenFile(path).add(record)
    keeper = TokenKeeper(path, utc_now, monotonic_s)
    async with (
        serving(tmp_path, workspace, door=Door(), tokens=keeper) as house,
        house.face(authorization=f"Bearer {token}") as face,
    ):
        opened = await face.ask("open", options={"model": house.script(write("a", "b"))})
        TokenFile(path).revoke("web", utc_now())
        await face.tell("undo", session=opened["session"])
        with pytest.raises(ConnectionClosed):
            await face.until(lambda told: told["type"] == "never")
        assert face.socket.close_code == 1008
        assert "revoked" in (face.socket.close_reason or "")
        assert face.heard == [opened]


async def test_who_was_shut_out_may_not_even_list(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "tokens.json"
    token, record = new_token("web", utc_now(), days=None, scopes=("sessions",))
    TokenFile(path).add(record)
    keeper = TokenKeeper(path, utc_now, monotonic_s)
    async with (
        serving(tmp_path, workspace, door=Door(), tokens=keeper) as house,
        house.face(authorization=f"Bearer {token}") as face,
    ):
        TokenFile(path).revoke("web", utc_now())
        told = await face.ask("list")
        assert (told["type"], told["code"]) == ("failed", "invalid_api_key")
