"""The Responses API over HTTP: shapes, tools, chains, structured output."""

from typing import Any

import pytest
from tests.server.conftest import running, steps

from kodo.core.messages import Reasoning, Text, ToolCall, ToolResult, User
from kodo.core.model import ToolChoice

pytestmark = pytest.mark.anyio

LARK = 'start: "*** Begin Patch" LF hunk+\nhunk: "+" /(.*)/ LF\n%import common.LF\n'
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "shell", "parameters": {"type": "object", "properties": {}}},
    {
        "type": "custom",
        "name": "apply_patch",
        "format": {"type": "grammar", "syntax": "lark", "definition": LARK},
    },
    {
        "type": "namespace",
        "name": "agents",
        "tools": [{"type": "function", "name": "spawn", "parameters": None}],
    },
    {"type": "tool_search", "execution": "client"},
    {"type": "web_search", "external_web_access": True},
]
REPLY: dict[str, Any] = {
    "reasoning": "think",
    "text": "a reply that is longer than sixty-four characters, so that it comes in two pieces",
    "calls": [
        {"name": "shell", "arguments": {"cmd": "ls"}},
        {"name": "apply_patch", "arguments": {"input": "*** Begin Patch\n"}},
        {"name": "agents__spawn", "arguments": {}},
        {"name": "tool_search", "arguments": {"query": "mail"}},
    ],
    "usage": {"input_tokens": 9, "cached_tokens": 3, "output_tokens": 2, "reasoning_tokens": 1},
}


async def test_the_stream_has_every_event_in_order() -> None:
    async with running(steps(REPLY)) as server:
        events = await server.events(
            "/v1/responses", {"model": "default", "input": "hi", "tools": TOOLS}
        )
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:2] == ["created", "in_progress"]
    assert kinds[-1] == "completed"
    message = kinds.index("content_part.added")
    assert kinds[message : message + 5] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]
    done = [event["item"] for event in events if event["type"].endswith("output_item.done")]
    assert done == events[-1]["response"]["output"]
    assert [item["type"] for item in done] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
        "function_call",
        "tool_search_call",
    ]
    assert done[3]["input"] == "*** Begin Patch\n"
    assert (done[4]["namespace"], done[4]["name"]) == ("agents", "spawn")
    assert done[5]["arguments"] == {"query": "mail"}
    assert len({item["id"] for item in done}) == len(done)
    assert events[-1]["response"]["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 11,
    }
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert text == REPLY["text"]


async def test_a_chain_goes_on_and_a_full_input_makes_the_same_prompt() -> None:
    model = steps(REPLY, {"text": "one"}, {"text": "two"})
    async with running(model) as server:
        first = (
            await server.post("/v1/responses", {"model": "m", "input": "hi", "tools": TOOLS})
        ).json()
        assert first["tools"][0] == TOOLS[0]
        results = [
            {
                "type": {
                    "function_call": "function_call_output",
                    "custom_tool_call": "custom_tool_call_output",
                    "tool_search_call": "tool_search_output",
                }[item["type"]],
                "call_id": item["call_id"],
                **(
                    {"tools": [{"type": "function", "name": "send_mail"}]}
                    if item["type"] == "tool_search_call"
                    else {"output": f"result of {item['name']}"}
                ),
            }
            for item in first["output"][2:]
        ]
        chained = {"previous_response_id": first["id"], "input": results, "tools": TOOLS}
        assert (await server.post("/v1/responses", {"model": "m", **chained})).status_code == 200
        user = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        whole = {"model": "m", "input": [user, *first["output"], *results], "tools": TOOLS}
        assert (await server.post("/v1/responses", whole)).status_code == 200
    _, by_chain, by_input = model.prompts
    assert [m.parts for m in by_chain.messages] == [m.parts for m in by_input.messages]
    assert [spec.name for spec in by_chain.tools] == [
        "shell",
        "apply_patch",
        "agents__spawn",
        "tool_search",
        "send_mail",
    ]
    reply = by_chain.messages[1]
    assert isinstance(reply.parts[0], Reasoning)
    assert isinstance(reply.parts[1], Text)
    assert ToolCall("call_1_2", "apply_patch", '{"input":"*** Begin Patch\\n"}') in reply.parts
    assert by_chain.messages[2] == ToolResult("call_1_1", "shell", (Text("result of shell"),))


async def test_developer_messages_at_the_beginning_are_instructions() -> None:
    model = steps({"text": "a"})
    async with running(model) as server:
        roles = ["developer", "system", "user", "developer"]
        items = [{"role": role, "content": f"says {role}"} for role in roles]
        body = {"model": "m", "instructions": "be kind", "input": items}
        assert (await server.post("/v1/responses", body)).status_code == 200
    prompt = model.prompts[0]
    assert prompt.instructions == "be kind\n\nsays developer\n\nsays system"
    assert prompt.messages == (
        User((Text("says user"),)),
        User((Text("says developer"),)),
    )


async def test_what_a_request_may_ask_for_reaches_the_model() -> None:
    model = steps({"text": "{}"}, REPLY)
    async with running(model) as server:
        body: dict[str, Any] = {
            "model": "m",
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
                        {"type": "input_text", "text": "see"},
                    ],
                }
            ],
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
            "max_output_tokens": 77,
            "temperature": 0.5,
            "seed": 3,
            "stop": ["END"],
            "prompt_cache_key": "thread-1",
            "tools": TOOLS,
            "tool_choice": {"type": "function", "name": "shell"},
        }
        assert (await server.post("/v1/responses", body)).status_code == 200
        alone = {"model": "m", "input": "x", "tools": TOOLS, "parallel_tool_calls": False}
        output = (await server.post("/v1/responses", alone)).json()["output"]
        assert [item["type"] for item in output].count("function_call") == 1
        assert not any(item["type"] == "custom_tool_call" for item in output)
    prompt = model.prompts[0]
    assert (prompt.output_tokens, prompt.temperature, prompt.seed) == (77, 0.5, 3)
    assert (prompt.stop, prompt.schema, prompt.cache_key) == (
        ("END",),
        '{"type":"object"}',
        "thread-1",
    )
    assert "shell" in [spec.name for spec in prompt.tools]
    assert prompt.tool_choice == ToolChoice("named", "shell")


@pytest.mark.parametrize(
    ("change", "status", "code", "named"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found", "scripted/m"),
        ({"model": ""}, 400, "missing_required_parameter", "model"),
        ({"input": 5}, 400, "invalid_type", "$.input"),
        ({"previous_response_id": "resp_x"}, 400, "previous_response_not_found", "resp_x"),
        ({"max_output_tokens": 0}, 400, "invalid_value", "at least 1"),
        ({"temperature": 9}, 400, "invalid_value", "between 0 and 2"),
        ({"stop": [""]}, 400, "invalid_value", "stop"),
        ({"text": {"format": {"type": "xml"}}}, 400, "invalid_value", "xml"),
        ({"top_logprobs": 21}, 400, "invalid_value", "between 0 and 20"),
        ({"tool_choice": "required"}, 400, "invalid_value", "no tools"),
        ({"tool_choice": "perhaps"}, 400, "invalid_value", "'perhaps'"),
        ({"background": True}, 400, "invalid_value", "background"),
        ({"tools": [{"type": "function", "name": "a b"}]}, 400, "invalid_value", "a b"),
        ({"tool_choice": {"name": "f"}}, 400, "invalid_value", "'f'"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
            400,
            "invalid_value",
            "'c'",
        ),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"role": "user", "content": "hi"},
                ]
            },
            400,
            "invalid_value",
            "'c'",
        ),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_image", "image_url": "http://x/y.png"}],
                    }
                ]
            },
            400,
            "invalid_value",
            "fetches nothing",
        ),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    change: dict[str, Any], status: int, code: str, named: str
) -> None:
    async with running(steps()) as server:
        answer = await server.post("/v1/responses", {"model": "m", "input": "hi", **change})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code)
        assert named in error["message"]


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        ("start: missing", "line 1: 'missing' is not defined"),
        ('begin: "x"', "no rule 'start'"),
        ('start: ("x"', "not closed"),
        ('start: "x"\nstart: "y"', "line 2: 'start' is defined twice"),
        ("start: /(/", "regex"),
        ("start: * x\nx: /a/", "nothing before"),
        ("start $ x", "cannot read"),
        ("%frobnicate x\nstart: /a/", "no directive"),
    ],
)
async def test_a_grammar_that_does_not_compile(definition: str, named: str) -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": definition}
    tool = {"type": "custom", "name": "t", "format": grammar}
    async with running(steps()) as server:
        body = {"model": "m", "input": "hi", "tools": [tool]}
        error = (await server.post("/v1/responses", body)).json()["error"]
        assert error["code"] == "invalid_grammar"
        assert named in error["message"]
