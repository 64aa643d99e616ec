"""The embedded engine behind the server, with a real model: what a request asks for is enforced."""

import json
import math
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.server.conftest import Json, Running, running
from tests.server.test_grammar import PATCH

from kodo.engine.catalog import ModelFile, find
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import TextEngine
from kodo.models.local import LocalModel

pytestmark = [pytest.mark.anyio, pytest.mark.full]
SHELL: Json = {
    "type": "function",
    "name": "shell",
    "parameters": {
        "type": "object",
        "properties": {"command": {"enum": ["ls", "pwd"]}},
        "required": ["command"],
    },
}
PATCHING: Json = {
    "type": "custom",
    "name": "apply_patch",
    "format": {"type": "grammar", "syntax": "lark", "definition": PATCH},
}


async def _open(path: Path, context_tokens: int) -> TextEngine:
    del context_tokens
    return await LlamaEngine.load(path, Settings(context_tokens=2048, slots=2, threads=2))


@asynccontextmanager
async def embedded(path: Path) -> AsyncGenerator[Running]:
    model = LocalModel(path.parent, str(path), _open)
    try:
        async with running(model) as server:
            server.http.timeout = 300  # the first request loads the model
            yield server
    finally:
        await model.aclose()


async def test_what_is_asked_for_is_enforced(real_model: Callable[[ModelFile], Path]) -> None:
    path = real_model(find("smollm2-135m"))
    async with embedded(path) as server:

        async def ask(**more: object) -> Json:
            body = {"model": "m", "input": "Say hi.", "max_output_tokens": 60, "seed": 1, **more}
            answer = await server.post("/v1/responses", body)
            assert answer.status_code == 200, answer.text
            found: Json = answer.json()
            return found

        told = await ask(
            max_output_tokens=4, include=["message.output_text.logprobs"], top_logprobs=3
        )
        content = told["output"][0]["content"][0]
        tokens = content["logprobs"]
        assert "".join(one["token"] for one in tokens) == content["text"]
        for one in tokens:
            tops = [other["logprob"] for other in one["top_logprobs"]]
            assert len(tops) == 3
            assert tops == sorted(tops, reverse=True)
            assert math.isclose(one["logprob"], tops[0], abs_tol=1e-4)  # the greedy choice

        called = await ask(
            tools=[SHELL, PATCHING], tool_choice={"type": "function", "name": "shell"}
        )
        call = called["output"][0]
        assert (call["type"], call["name"]) == ("function_call", "shell")
        assert json.loads(call["arguments"])["command"] in ("ls", "pwd")

        silent = await ask(tools=[SHELL], tool_choice="none")
        assert [item["type"] for item in silent["output"]] == ["message"]

        patched = await ask(tools=[PATCHING], tool_choice="required", max_output_tokens=400)
        item = patched["output"][0]
        if patched["status"] == "completed":
            assert (item["type"], item["name"]) == ("custom_tool_call", "apply_patch")
            assert re.fullmatch(
                r"\*\*\* Begin Patch\n"
                r"(\*\*\* (Add|Delete) File: .+\n(\+.*\n)*)+"
                r"\*\*\* End Patch\n?",
                item["input"],
            )
        else:
            assert item["content"][0]["text"].startswith(
                '{"tool": "apply_patch"}\n*** Begin Patch\n'
            )

        bad = {**PATCHING, "format": {**PATCHING["format"], "definition": 'start: start "x"'}}
        body = {"model": "m", "input": "hi", "tools": [bad]}
        refused = await server.post("/v1/responses", body)
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "invalid_grammar"
        assert "begins with itself" in refused.json()["error"]["message"]
