"""Traces of model calls, as a collector gets them."""

from typing import Any

import anyio
import msgspec
import pytest
from tests.server.conftest import running, steps

from kodo.base.clock import utc_now
from kodo.base.hashing import new_id
from kodo.server.tracing import MOST_WAITING, Call, Tracer

pytestmark = pytest.mark.anyio


def spans(body: bytes) -> list[dict[str, Any]]:
    found = msgspec.json.decode(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span in found:
        span["said"] = {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}
    return found


async def test_each_call_is_a_span_in_the_words_of_the_genai_conventions() -> None:
    bodies: list[bytes] = []
    answers = iter([503, 200])

    async def collect(body: bytes) -> int:
        bodies.append(body)
        return next(answers)

    tracer = Tracer("1", utc_now, new_id)
    usage = {"input_tokens": 7, "cached_tokens": 4, "output_tokens": 2}
    model = steps({"text": "a secret", "usage": usage}, {"error": {"message": "no", "status": 400}})
    async with running(model, tracer=tracer) as server:
        for _ in range(2):
            await server.post("/v1/responses", {"model": "m", "input": "another secret"})
    await tracer.send(collect)
    assert len(tracer.waiting) == 2  # it was asked to come again
    await tracer.send(collect)
    assert not tracer.waiting
    good, bad = spans(bodies[1])
    assert b"secret" not in bodies[1]
    assert (good["name"], good["kind"]) == (f"chat {good['said']['gen_ai.request.model']}", 3)
    assert good["said"]["gen_ai.provider.name"] == "scripted"
    assert good["said"]["gen_ai.usage.input_tokens"] == "7"
    assert good["said"]["gen_ai.usage.cache_read.input_tokens"] == "4"
    assert int(good["startTimeUnixNano"]) <= int(good["endTimeUnixNano"])
    assert (len(good["traceId"]), len(good["spanId"])) == (32, 16)
    assert (bad["status"]["code"], bad["said"]["error.type"]) == (2, "upstream_refused")


async def test_a_collector_that_is_away_costs_no_memory_and_no_call() -> None:
    async def away(body: bytes) -> int:
        raise OSError("refused")

    tracer = Tracer("1", utc_now, new_id)
    for _ in range(MOST_WAITING + 10):
        tracer.take(Call("completions", "local/x", "ok", 1.0, 0.5, "", None))
    with anyio.fail_after(20):
        await tracer.send(away)
    assert (len(tracer.waiting), tracer.dropped) == (MOST_WAITING, 10)
