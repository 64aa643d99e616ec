"""llama.cpp for real, on the smallest model."""

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from kodo.base.errors import ConfigError, ContextOverflow, ModelError
from kodo.core.messages import Assistant, Delta, Text, user
from kodo.core.model import Prompt, ToolSpec
from kodo.engine.catalog import ModelFile, find
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import Finished, Piece, Reading, Request, Turn
from kodo.models.local import LocalModel

pytestmark = [pytest.mark.anyio, pytest.mark.model]

FindModel = Callable[[ModelFile], Path]


@pytest.fixture
async def engine(real_model: FindModel) -> AsyncIterator[LlamaEngine]:
    """Load SmolLM2-135M with a small window and one thread."""
    path = real_model(find("smollm2-135m"))
    loaded = await LlamaEngine.load(path, Settings(context_tokens=2048, threads=1))
    yield loaded
    await loaded.aclose()


async def finished(engine: LlamaEngine, request: Request) -> list[Finished]:
    """Return the finished samples of a request, in order."""
    found = [event async for event in engine.generate(request) if isinstance(event, Finished)]
    return sorted(found, key=lambda event: event.sample)


async def test_text_streams_and_adds_up(engine: LlamaEngine) -> None:
    prompt = await engine.render([Turn("system", "Be brief."), Turn("user", "Say hello.")])
    assert "Say hello.<|im_end|>\n<|im_start|>assistant" in prompt
    events = [event async for event in engine.generate(Request(prompt, 8))]
    assert isinstance(events[0], Reading)
    last = events[-1]
    assert isinstance(last, Finished)
    assert "".join(event.text for event in events if isinstance(event, Piece)) == last.text
    assert last.timings.prompt_tokens == len(await engine.tokens(prompt))
    assert last.timings.decoded_tokens == 8
    [again] = await finished(engine, Request(prompt, 8))
    assert again.text == last.text
    assert again.timings.cached_tokens == last.timings.prompt_tokens - 1


async def test_samples_share_one_reading(engine: LlamaEngine) -> None:
    request = Request("One day " * 100, 6, temperature=1.0, seed=5, samples=6, logprobs=True)
    samples = await finished(engine, request)
    assert [sample.sample for sample in samples] == list(range(6))
    assert len({sample.text for sample in samples}) > 1
    assert all(len(sample.scores) == 6 for sample in samples)
    assert samples[4].timings.cached_tokens == samples[4].timings.prompt_tokens - 1


async def test_grammars_and_schemas_hold(engine: LlamaEngine) -> None:
    [word] = await finished(engine, Request("Is it so?", 5, grammar='root ::= "yes" | "no"'))
    assert word.text in {"yes", "no"}
    schema = '{"type": "object", "properties": {"n": {"const": 5}}, "required": ["n"]}'
    [tree] = await finished(engine, Request("Five:", 20, schema=schema))
    assert tree.text.startswith('{"n": 5')


async def test_errors_are_ours(engine: LlamaEngine) -> None:
    with pytest.raises(ContextOverflow, match=r"5001 tokens .* 2048|5000 tokens .* 2048"):
        await finished(engine, Request("x " * 5000, 1))
    with pytest.raises(ModelError, match="grammar"):
        await finished(engine, Request("x", 1, grammar="root ::= nothing"))
    with pytest.raises(ModelError, match="JSON object"):
        await finished(engine, Request("x", 1, schema="{"))


async def test_cancelling_leaves_the_engine_usable(engine: LlamaEngine) -> None:
    with anyio.CancelScope() as scope:
        async for event in engine.generate(Request("def f(): pass\n" * 200, 50)):
            if isinstance(event, Reading):
                scope.cancel()
    assert scope.cancelled_caught
    async for event in engine.generate(Request("Once", 1000)):
        if isinstance(event, Piece):
            break
    assert len(await finished(engine, Request("Hello", 2))) == 1


async def test_signals_and_sockets_stay_ours(engine: LlamaEngine, tmp_path: Path) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        signal.raise_signal(signal.SIGINT)
        with anyio.fail_after(5):
            assert await anext(aiter(signals)) == signal.SIGINT


async def test_a_closed_engine_says_so(engine: LlamaEngine) -> None:
    await engine.aclose()
    await engine.aclose()
    with pytest.raises(ModelError, match="closed"):
        await finished(engine, Request("x", 1))


async def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + b"\1\0\0\0\0\0\0\0" * 2 + bytes(5000))
    with pytest.raises(ModelError, match=r"bad\.gguf.*pull") as caught:
        await LlamaEngine.load(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        await LlamaEngine.load(tmp_path / "none.gguf")


async def test_the_model_over_the_engine(real_model: FindModel) -> None:
    entry = find("smollm2-135m")
    model = LocalModel(real_model(entry).parent, entry.id)
    tool = ToolSpec("shell", "Run a command.", '{"type":"object","properties":{}}')
    try:
        prompt = Prompt("Be brief.", (user("Hi"),), (tool,), output_tokens=64)
        items = [item async for item in model.stream(prompt)]
        reply = items[-1]
        assert isinstance(reply, Assistant)
        assert all(isinstance(item, Delta) for item in items[:-1])
        assert reply.calls or reply.text

        async def ignore(delta: Delta) -> None:
            assert delta.kind in {"prefill", "text"}

        plain = Prompt("", (user("Hi"),), output_tokens=4, temperature=1.0, seed=1)
        replies: list[Assistant] = []
        await model.sample(plain, 3, ignore, replies.append)
        assert [type(reply.parts[0]) for reply in replies] == [Text] * 3
    finally:
        await model.aclose()
