"""Every operation of the OpenAPI document against a real server, with bodies from its schemas.

Nothing answers with 5xx, and what comes back is what the document says.
"""

import re
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx2
import msgspec
import pytest
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import Json, running

from kodo.core.messages import Assistant, Delta, Text, Usage
from kodo.core.model import ModelInfo, Prompt
from kodo.models.scripted import scripted_info
from kodo.server.openapi import document

DOCUMENT: Json = msgspec.json.decode(msgspec.json.encode(document()))
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


class Willing:
    """Answers whatever it is asked."""

    @property
    def info(self) -> ModelInfo:
        return scripted_info("willing")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        if prompt.output_tokens != 0:
            yield Delta("text", "yes")
        yield Assistant((Text("yes"),), self.info.id, usage=Usage(3, 0, 1))

    async def aclose(self) -> None:
        pass


def resolved(schema: Json) -> Json:
    """Return a schema, or the one it refers to."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def values(schema: Json, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return values of a schema; now and then something else."""
    schema = resolved(schema)
    if "anyOf" in schema:
        options = [one for one in schema["anyOf"] if depth < 4 or one.get("type") == "null"]
        return st.one_of(*(values(one, depth + 1) for one in options or schema["anyOf"][:1]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return st.sampled_from(["m", "user", "message", "function", "auto", "x"]) | st.text(
                max_size=8
            )
        case "integer":
            return st.integers(-2, 40)
        case "number":
            return st.floats(-1, 3)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array" if depth > 4:
            return st.just([])
        case "array":
            return st.lists(values(schema.get("items", {}), depth + 1), max_size=2)
        case "object" if depth > 6:
            return st.just({})
        case "object" if "properties" in schema:
            fields = {name: values(one, depth + 1) for name, one in schema["properties"].items()}
            needed = {name: fields.pop(name) for name in schema.get("required", ())}
            if "model" in fields:
                needed["model"] = st.sampled_from(["m", "m", "m", "other", ""])
                del fields["model"]
            return st.fixed_dictionaries(needed, optional=fields if depth < 5 else {})
        case _:
            return ANYTHING


def wrong(value: object, schema: Json, at: str = "$") -> str:
    """Return where a value is not what a schema says, or nothing."""
    schema = resolved(schema)
    if "anyOf" in schema:
        found = [wrong(value, one, at) for one in schema["anyOf"]]
        return "" if "" in found else f"{at}: none of {found}"
    if "enum" in schema:
        return "" if value in schema["enum"] else f"{at}: {value!r}"
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "null": (type(None),),
        "array": (list,),
        "object": (dict,),
    }
    kind = schema.get("type")
    if kind is None:
        return ""
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"{at}: {value!r} is no {kind}"
    if kind == "array":
        listed = cast("list[object]", value)
        inner = (wrong(one, schema.get("items", {}), f"{at}[]") for one in listed)
        return next(filter(None, inner), "")
    if kind == "object":
        said = cast(Json, value)
        for name in schema.get("required", ()):
            if name not in said:
                return f"{at}: no {name!r}"
        properties: Json = schema.get("properties", {})
        inner = (
            wrong(said[name], one, f"{at}.{name}")
            for name, one in properties.items()
            if name in said
        )
        return next(filter(None, inner), "")
    return ""


def check(answer: httpx2.Response, operation: Json) -> None:
    """Assert that an answer is what its operation promises."""
    assert answer.status_code < 500, (answer.status_code, answer.text)
    kind = answer.headers["content-type"].partition(";")[0]
    promised = operation["responses"]["200" if answer.status_code == 200 else "default"]["content"]
    assert kind in promised, (answer.status_code, kind)
    schema = promised[kind].get("schema", {})
    if kind == "text/event-stream":
        told = re.findall(r"^data: (\{.*)$", answer.text, re.MULTILINE)
    else:
        told = answer.text.splitlines() if kind == "application/x-ndjson" else [answer.text]
    assert told
    for one in told:
        assert not wrong(msgspec.json.decode(one), schema), one


def test_the_document_is_whole() -> None:
    assert len(OPERATIONS) >= 15
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)
    for reference in re.findall(r'"\$ref":"([^"]*)"', msgspec.json.encode(DOCUMENT).decode()):
        assert resolved({"$ref": reference})
    assert wrong({"id": 5}, {"$ref": "x/ModelEntry"})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    OPERATIONS,
    ids=[one["operationId"] for _, _, one in OPERATIONS],
)
async def test_no_body_breaks_the_server(method: str, path: str, operation: Json) -> None:
    body: st.SearchStrategy[Any] = st.none()
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = values(schema) | ANYTHING
    names = st.sampled_from(["default", "other"]) | st.from_regex(r"[a-z]{1,9}", fullmatch=True)
    async with running(Willing()) as server:
        server.http.timeout = 300  # a busy machine is no fault of the server

        @settings(max_examples=25, deadline=None, suppress_health_check=SLOW_IS_FINE)
        @given(body, names)
        def ask(said: Any, name: str) -> None:
            url = re.sub(r"\{.*\}", lambda _: name, path)

            async def once() -> httpx2.Response:
                data = None if method == "get" else msgspec.json.encode(said)
                return await server.http.request(method.upper(), url, content=data)

            check(from_thread.run(once), operation)

        await to_thread.run_sync(ask)
