"""Real clients, unmodified: the codex CLI, the openai, anthropic and ollama packages.

They are installed once into $KODO_TEST_CLIENTS (default: a folder of the user's cache) when the
network allows; else these tests skip with the reason.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from tests.server.conftest import Running, running, steps

from kodo.models.scripted import Scripted

pytestmark = [pytest.mark.anyio, pytest.mark.full]
REAL_HOME = Path(os.path.expanduser("~"))  # noqa: PTH111  before the tests move it
FOLDER = Path(os.environ.get("KODO_TEST_CLIENTS") or REAL_HOME / ".cache" / "kodo-test-clients")
PACKAGES = ("openai", "anthropic", "ollama")
PATCH = "*** Begin Patch\n*** Add File: hi.txt\n+hi there\n*** End Patch"
CATALOG = {
    "slug": "local-model",
    "display_name": "Local",
    "description": "local",
    "supported_reasoning_levels": [{"effort": "medium", "description": "medium"}],
    "default_reasoning_level": "medium",
    "shell_type": "unified_exec",
    "visibility": "list",
    "supported_in_api": True,
    "priority": 0,
    "support_verbosity": False,
    "apply_patch_tool_type": "freeform",
    "truncation_policy": {"mode": "tokens", "limit": 10000},
    "supports_parallel_tool_calls": True,
    "context_window": 32768,
    "experimental_supported_tools": [],
    "input_modalities": ["text"],
    "base_instructions": "You are a coding agent. Use exec_command and apply_patch.",
}
SDK = """
import sys
from openai import NotFoundError, OpenAI
client = OpenAI(api_key="-", base_url=sys.argv[1] + "/v1")
assert client.responses.create(model="default", input="a").output_text == "one"
with client.responses.stream(model="default", input="b") as stream:
    kinds = [event.type for event in stream]
    assert stream.get_final_response().output_text == "two", kinds
chat = client.chat.completions.create(model="default", messages=[{"role": "user", "content": "c"}])
assert chat.choices[0].message.content == "three"
pieces = client.chat.completions.create(
    model="default", messages=[{"role": "user", "content": "c"}], stream=True)
assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "four"
with client.responses.connect() as connection:
    response_id = None
    for text, wanted in (("d", "five"), ("again", "six")):
        more = {"previous_response_id": response_id} if response_id else {}
        connection.response.create(model="default", input=text, **more)
        for event in connection:
            if event.type == "response.completed":
                response_id = event.response.id
                assert event.response.output_text == wanted
                break
try:
    client.responses.create(model="gpt-9", input="x")
    raise SystemExit("an unknown model was answered")
except NotFoundError as error:
    assert "default" in str(error)
assert "default" in [model.id for model in client.models.list()]
"""
OTHERS = """
import sys
from anthropic import Anthropic
from ollama import Client
client = Anthropic(api_key="-", base_url=sys.argv[1])
asked = dict(model="default", max_tokens=50, messages=[{"role": "user", "content": "a"}])
assert client.messages.create(**asked).content[0].text == "one"
with client.messages.stream(**asked) as stream:
    assert stream.get_final_text() == "two"
assert client.messages.count_tokens(model="default", messages=asked["messages"]).input_tokens > 0
ollama = Client(sys.argv[1])
assert "default" in [model.model for model in ollama.list().models]
assert "tools" in ollama.show("default").capabilities
"""


def install(name: str, argv: list[str], made: Path) -> None:
    """Install a client once, or skip."""
    if made.exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(argv, check=True, capture_output=True, timeout=900, cwd=FOLDER)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"cannot install {name}: {error}")


def python_with_clients() -> Path:
    """Return the interpreter of a venv that has the packages."""
    python = FOLDER / "venv" / "bin" / "python"
    install("a venv", [sys.executable, "-m", "venv", str(FOLDER / "venv")], python)
    mark = FOLDER / "venv" / "installed"
    install("packages", [str(python), "-m", "pip", "install", "-q", *PACKAGES], mark)
    mark.touch()
    return python


def clean_environment() -> dict[str, str]:
    """Return the environment without certificates that may not be there, and without proxies."""
    odd = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
    return {name: value for name, value in os.environ.items() if name not in odd}


async def checked(argv: list[str], cwd: Path, **more: str) -> str:
    """Run a client to its end; returns what it printed."""
    done = await anyio.run_process(
        argv, cwd=cwd, env={**clean_environment(), **more}, check=False, input=b""
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


@asynccontextmanager
async def serving(model: Scripted) -> AsyncGenerator[Running]:
    """Serve a model under codex's name, too."""
    async with running(model, aliases={"local-model": ("scripted/m",)}) as server:
        yield server


async def test_the_openai_package(tmp_path: Path) -> None:
    texts = ("one", "two", "three", "four", "five", "six")
    python = python_with_clients()
    async with serving(steps(*[{"text": text} for text in texts])) as server:
        await checked([str(python), "-c", SDK, server.url], tmp_path)


async def test_the_anthropic_and_ollama_packages(tmp_path: Path) -> None:
    python = python_with_clients()
    async with serving(steps({"text": "one"}, {"text": "two"})) as server:
        await checked([str(python), "-c", OTHERS, server.url], tmp_path)


def codex_config(home: Path, url: str, *, websockets: bool) -> None:
    """Write the files that point codex at the server."""
    catalog = home / "catalog.json"
    catalog.write_text(json.dumps({"models": [CATALOG]}))
    (home / "config.toml").write_text(
        f"""
model = "local-model"
model_provider = "kodo"
model_catalog_json = "{catalog}"
check_for_update_on_startup = false
web_search = "disabled"
[analytics]
enabled = false
[features]
goals = false
apps = false
plugins = false
[model_providers.kodo]
name = "Kodo"
base_url = "{url}/v1"
env_key = "LOCAL_KEY"
wire_api = "responses"
supports_websockets = {str(websockets).lower()}
request_max_retries = 0
stream_max_retries = 0
"""
    )


@pytest.mark.parametrize("websockets", [True, False])
async def test_codex_runs_a_command_and_a_patch(websockets: bool, tmp_path: Path) -> None:
    binary = FOLDER / "node_modules" / ".bin" / "codex"
    install("codex", ["npm", "install", "--silent", "@openai/codex@0.169.0"], binary)
    call: dict[str, Any] = {"name": "exec_command", "arguments": {"cmd": "echo from-tool"}}
    model = steps(
        {"expect": "say hi", "reasoning": "look", "calls": [call, call]},
        {"expect": "from-tool", "calls": [{"name": "apply_patch", "arguments": {"input": PATCH}}]},
        {"expect": "Success", "text": "All done."},
    )
    home = FOLDER / f"codex-home-{os.getpid()}"  # codex refuses a home below /tmp
    home.mkdir(parents=True, exist_ok=True)
    async with serving(model) as server:
        codex_config(home, server.url, websockets=websockets)
        argv = [str(binary), "exec", "--json", "--skip-git-repo-check"]
        argv += ["--dangerously-bypass-approvals-and-sandbox", "say hi"]
        printed = await checked(argv, tmp_path, CODEX_HOME=str(home), LOCAL_KEY="sk-local")
        endpoint = "responses_ws" if websockets else "responses"
        metrics = server.service.metrics.text(0)
        assert f'endpoint="{endpoint}",model="scripted/steps",status="ok"}} ' in metrics
    assert (tmp_path / "hi.txt").read_text() == "hi there\n"
    lines = [json.loads(line) for line in printed.splitlines()]
    assert lines[-1]["type"] == "turn.completed"
    assert not [line for line in lines if line.get("item", {}).get("type") == "error"]
    assert len(model.prompts[-1].messages) > len(model.prompts[0].messages)


class Refusing:
    """An ASGI application that refuses WebSockets with 426, as servers without the mode do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        await send({"type": "websocket.http.response.start", "status": 426, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})


async def test_codex_goes_on_over_http_where_a_websocket_is_refused(tmp_path: Path) -> None:
    binary = FOLDER / "node_modules" / ".bin" / "codex"
    install("codex", ["npm", "install", "--silent", "@openai/codex@0.169.0"], binary)
    model = steps({"expect": "say hi", "text": "Hi."})
    home = FOLDER / f"codex-home-426-{os.getpid()}"
    home.mkdir(parents=True, exist_ok=True)
    refusal = WebSocketRoute("/v1/responses", Refusing())
    aliases = {"local-model": ("scripted/m",)}
    async with running(model, aliases=aliases, mount=lambda _: [refusal]) as server:
        codex_config(home, server.url, websockets=True)
        argv = [str(binary), "exec", "--json", "--skip-git-repo-check", "say hi"]
        printed = await checked(argv, tmp_path, CODEX_HOME=str(home), LOCAL_KEY="sk-local")
        metrics = server.service.metrics.text(0)
    assert 'endpoint="responses",model="scripted/steps",status="ok"} ' in metrics
    lines = [json.loads(line) for line in printed.splitlines()]
    assert lines[-1]["type"] == "turn.completed"
    assert not [line for line in lines if line.get("item", {}).get("type") == "error"]


async def test_codex_keeps_to_a_schema_and_resumes(tmp_path: Path) -> None:
    binary = FOLDER / "node_modules" / ".bin" / "codex"
    install("codex", ["npm", "install", "--silent", "@openai/codex@0.169.0"], binary)
    model = steps({"expect": "say hi", "text": '{"word":"hi"}'}, {"expect": "again", "text": "Hi."})
    home = FOLDER / f"codex-home-schema-{os.getpid()}"
    home.mkdir(parents=True, exist_ok=True)
    schema = tmp_path / "schema.json"
    schema.write_text(
        '{"type":"object","properties":{"word":{"type":"string"}},"required":["word"],'
        '"additionalProperties":false}'
    )
    async with serving(model) as server:
        codex_config(home, server.url, websockets=True)
        argv = [str(binary), "exec", "--json", "--skip-git-repo-check"]
        argv += ["--dangerously-bypass-approvals-and-sandbox"]
        environment = {"CODEX_HOME": str(home), "LOCAL_KEY": "sk-local"}
        asked = [*argv, "--output-schema", str(schema), "say hi"]
        first = await checked(asked, tmp_path, **environment)
        assert '{\\"word\\":\\"hi\\"}' in first
        await checked([*argv, "resume", "--last", "again"], tmp_path, **environment)
    # Without the warm-ups, which ask for no output.
    before, after = (prompt for prompt in model.prompts if prompt.output_tokens != 0)
    assert '"word"' in (before.schema or "")
    assert len(after.messages) > len(before.messages)
    assert '{"word":"hi"}' in str(after.messages)
