"""Who may come in: Host, Origin, tokens with their limits; and what is refused before a model."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.server.conftest import running, say, steps
from websockets.exceptions import InvalidStatus

from kodo.base.clock import monotonic_s, utc_now
from kodo.base.errors import ConfigError
from kodo.cli.main import main
from kodo.core.messages import Usage
from kodo.server.access.guard import Door
from kodo.server.access.tokens import TokenFile, TokenKeeper, new_token
from kodo.server.problem import RequestError
from kodo.server.run import Address, bind
from kodo.server.service import Bounds

pytestmark = pytest.mark.anyio
BODY = {"model": "m", "input": "hi"}


async def test_other_hosts_and_websites_are_refused_over_http_and_websocket() -> None:
    door = Door(origins=("https://ide.test",))
    async with running(steps({"text": "a"}), door=door) as server:
        for headers, status in (
            ({"host": "evil.test"}, 421),
            ({"origin": "https://evil.test"}, 403),
            ({"origin": "null"}, 403),
            ({"host": "LOCALHOST:99"}, 200),
            ({"origin": "https://ide.test"}, 200),
        ):
            answer = await server.http.get("/v1/models", headers=headers)
            assert answer.status_code == status, headers
        assert answer.headers["access-control-allow-origin"] == "https://ide.test"
        asked = await server.http.options("/v1/models", headers={"origin": "https://ide.test"})
        assert asked.status_code == 204
        with pytest.raises(InvalidStatus) as refused:
            async with server.socket(origin="https://evil.test"):
                pass
        assert refused.value.response.status_code == 403


async def test_tokens_open_end_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    now = utc_now()
    token, record = new_token("laptop", now, days=1, requests_per_minute=3)
    poor, poor_record = new_token("poor", now, days=None, budget_tokens=5)
    bound, bound_record = new_token("bound", now, days=None, models=("scripted/other",))
    old, old_record = new_token("old", now - timedelta(days=2), days=1)
    watch, watch_record = new_token("watch", now, days=None, scopes=("metrics",))
    for one in (record, poor_record, bound_record, old_record, watch_record):
        TokenFile(path).add(one)
    assert path.stat().st_mode & 0o777 == 0o600
    assert token not in path.read_text()
    usage = {"input_tokens": 4, "output_tokens": 2}
    model = steps(*[{"text": "a", "usage": usage}] * 4)
    keeper = TokenKeeper(path, utc_now, monotonic_s)
    async with running(model, door=Door(needs_token=True), tokens=keeper) as server:

        async def status(key: str, path: str = "/v1/responses") -> tuple[int, str]:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            if path != "/v1/responses":
                return (await server.http.get(path, headers=headers)).status_code, ""
            answer = await server.http.post(path, json=BODY, headers=headers)
            error: dict[str, str] = answer.json().get("error") or {}
            return answer.status_code, error.get("code", "")

        assert await status("") == (401, "invalid_api_key")
        assert await status("sk-other") == (401, "invalid_api_key")
        assert await status(f"{token}x") == (401, "invalid_api_key")
        assert await status(old) == (401, "invalid_api_key")
        assert await status(bound) == (403, "model_not_allowed")
        assert await status(watch) == (403, "missing_scope")
        assert await status(watch, "/metrics") == (200, "")
        assert await status("", "/healthz") == (200, "")
        assert await status(poor) == (200, "")
        assert await status(poor) == (429, "insufficient_quota")
        assert [await status(token) for _ in range(4)] == [
            *[(200, "")] * 3,
            (429, "rate_limit_exceeded"),
        ]
        with pytest.raises(InvalidStatus) as refused:
            async with server.socket():
                pass
        assert refused.value.response.status_code == 401
        TokenFile(path).revoke("laptop", utc_now())
        assert await status(token) == (401, "invalid_api_key")
    again = TokenKeeper(path, utc_now, monotonic_s).find(poor, "infer")
    assert again is not None
    with pytest.raises(RequestError, match="budget"):
        again.admit("scripted/m")


async def test_a_response_of_another_token_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    keys: list[str] = []
    for name in ("one", "two"):
        key, record = new_token(name, utc_now(), days=None)
        TokenFile(path).add(record)
        keys.append(key)
    keeper = TokenKeeper(path, utc_now, monotonic_s)
    model = steps({"text": "a"}, {"text": "b"})
    async with running(model, door=Door(needs_token=True), tokens=keeper) as server:
        headers = [{"x-api-key": key} for key in keys]
        first = await server.http.post("/v1/responses", json=BODY, headers=headers[0])
        chained = {**BODY, "previous_response_id": first.json()["id"]}
        other = await server.http.post("/v1/responses", json=chained, headers=headers[1])
        assert other.json()["error"]["code"] == "previous_response_not_found"
        own = await server.http.post("/v1/responses", json=chained, headers=headers[0])
        assert own.status_code == 200


def test_a_limit_by_money_and_an_unknown_scope(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    token, record = new_token("rich", moment, days=None, budget_usd=0.01)
    TokenFile(tmp_path / "t.json").add(record)
    caller = TokenKeeper(tmp_path / "t.json", lambda: moment, lambda: 0.0).find(token, "infer")
    assert caller is not None
    caller.admit("any")
    caller.charge(Usage(1, 0, 1, cost_usd=0.02))
    with pytest.raises(RequestError, match="budget"):
        caller.admit("any")
    with pytest.raises(ConfigError, match="no scope 'all'"):
        new_token("x", moment, days=None, scopes=("all",))
    with pytest.raises(ConfigError, match="no token 'nobody'"):
        TokenFile(tmp_path / "t.json").revoke("nobody", moment)


def test_a_token_revoked_while_its_connection_is_open_admits_no_more(tmp_path: Path) -> None:
    token, record = new_token("laptop", utc_now(), days=None)
    TokenFile(tmp_path / "t.json").add(record)
    caller = TokenKeeper(tmp_path / "t.json", utc_now, monotonic_s).find(token, "infer")
    assert caller is not None
    caller.admit("any")
    TokenFile(tmp_path / "t.json").revoke("laptop", utc_now())
    with pytest.raises(RequestError, match="revoked"):
        caller.admit("any")


def test_commands_at_the_same_time_lose_no_token(tmp_path: Path) -> None:
    file = tmp_path / "t.json"

    def add(number: int) -> None:
        TokenFile(file).add(new_token(f"t{number}", utc_now(), days=None)[1])

    def revoke(number: int) -> None:
        TokenFile(file).revoke(f"t{number}", utc_now())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
        list(threads.map(revoke, range(20)))
    found = {record.name: record.revoked_at for record in TokenFile(file).read()}
    assert sorted(found) == sorted(f"t{number}" for number in range(40))
    assert {name for name, at in found.items() if at} == {f"t{number}" for number in range(20)}


async def test_bodies_have_a_limit_however_they_come() -> None:
    async with running(steps(), bounds=Bounds(max_body_bytes=2000)) as server:
        big = {"model": "m", "input": "x" * 3000}
        answer = await server.post("/v1/responses", big)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")

        async def pieces() -> "object":
            for _ in range(30):
                yield b"x" * 100

        answer = await server.http.post("/v1/responses", content=pieces())  # pyright: ignore[reportArgumentType]
        assert answer.status_code == 413
        packed = await server.http.post(
            "/v1/responses", content=b"x", headers={"content-encoding": "zstd"}
        )
        assert packed.status_code == 415
        broken = await server.http.post("/v1/responses", content=b'{"model":')
        assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_json")


def test_a_port_in_use_is_named() -> None:
    listener, address = bind(Address())
    with listener, pytest.raises(ConfigError, match=f"127.0.0.1:{address.port}"):
        bind(address)


async def test_more_connections_than_agreed_are_refused() -> None:
    bounds = Bounds(max_connections=1)
    async with running(steps(), bounds=bounds) as server, server.socket() as first:
        await say(first, type="nothing")
        with pytest.raises(InvalidStatus) as refused:
            async with server.socket():
                pass
        assert refused.value.response.status_code == 503


async def test_a_failing_upstream_is_named_and_an_alias_falls_back() -> None:
    down = {"error": {"status": 500, "message": "out of order"}}
    busy = {"error": {"status": 429, "message": "slow down", "retry_after_s": 7}}
    models = [steps(down, busy, down), steps({"text": "instead"})]
    aliases = {"deep": ("scripted/m", "scripted/m1")}
    async with running(models, aliases=aliases) as server:
        answer = await server.post("/v1/responses", BODY)
        assert answer.status_code == 502
        assert "scripted" in answer.json()["error"]["message"]
        answer = await server.post("/v1/responses", BODY)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        answer = await server.post("/v1/responses", {**BODY, "model": "deep"})
        assert answer.json()["output"][0]["content"][0]["text"] == "instead"
        assert answer.json()["model"] == "deep"


def test_the_commands_make_list_and_revoke_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "token", "add", "laptop", "--days", "3"]) == 0
    assert capsys.readouterr().out.startswith("kodo_")
    assert main(["serve", "token", "revoke", "laptop"]) == 0
    assert main(["serve", "token", "list"]) == 0
    assert "revoked" in capsys.readouterr().out
    assert main(["serve", "--host", "0.0.0.0", "-m", "scripted/none.jsonl"]) == 2
    assert "without a token" in capsys.readouterr().err
