"""Turns at the slots with a fake engine, and chains for real on the smallest model."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from kodo.core.messages import Assistant, user
from kodo.core.model import Prompt
from kodo.engine.catalog import ModelFile, find
from kodo.engine.chains import Chains, Drop, Restore, Save, Step
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import Finished, Reading, Request
from kodo.engine.slots import Slots
from kodo.models.local import LocalModel

pytestmark = pytest.mark.anyio

FindModel = Callable[[ModelFile], Path]


class Done:
    """Carries steps out by noting them; `broken` are the kinds that fail."""

    def __init__(self, *broken: type[Step]) -> None:
        self.steps: list[Step] = []
        self._broken = broken

    async def act(self, step: Step) -> int | None:
        await anyio.lowlevel.checkpoint()
        self.steps.append(step)
        return None if isinstance(step, self._broken) else 1000


def make(done: Done, slots: int = 1) -> Slots:
    return Slots(Chains(slots, 100_000, 1 << 30), done.act)


async def test_turns_go_to_the_chain_that_has_the_fewest() -> None:
    slots = make(Done(), slots=2)
    order: list[str] = []
    go = anyio.Event()

    async def one(chain: str) -> None:
        async with slots.lend(chain, f"{chain} prompt", 10) as lease:
            order.append(chain)
            await go.wait()
            lease.done(f"{chain} prompt", 3)

    async with anyio.create_task_group() as tasks:
        for number, chain in enumerate(["greedy"] * 4 + ["modest"]):
            tasks.start_soon(one, chain)
            while len(order) + slots.waiting <= number:
                await anyio.lowlevel.checkpoint()
        go.set()
    assert order == ["greedy", "greedy", "modest", "greedy", "greedy"]


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    slots = make(Done())
    async with slots.lend("a", "a", 1):
        with anyio.move_on_after(0):
            async with slots.lend("b", "b", 1):
                raise AssertionError("the only slot is taken")
        assert slots.waiting == 0
    async with slots.lend("c", "c", 1) as lease:
        assert lease.slot == 0


async def test_all_slots_wait_for_the_last_and_nobody_overtakes() -> None:
    done = Done()
    slots = make(done, slots=2)
    order: list[str] = []

    async def everything() -> None:
        async with slots.lend_all("all") as lease:
            assert lease.slot is None
            order.append("all")

    async def late() -> None:
        async with slots.lend("late", "late", 1):
            order.append("late")

    async with (
        anyio.create_task_group() as tasks,
        slots.lend("a", "Apples. " * 100, 1) as lease,
    ):
        tasks.start_soon(everything)
        while slots.waiting < 1:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(late)
        while slots.waiting < 2:
            await anyio.lowlevel.checkpoint()
        lease.done("Apples. " * 100, 200)
    assert order == ["all", "late"]
    assert done.steps == [Save(0, "0.kv")]


async def test_a_state_that_cannot_be_written_is_forgotten() -> None:
    done = Done(Save)
    slots = make(done)
    for chain in ("a", "b", "a"):
        async with slots.lend(chain, f"{chain} " * 600, 1) as lease:
            lease.done(f"{chain} " * 600, 600)
    assert [step for step in done.steps if isinstance(step, Restore)] == []
    assert Drop("0.kv") in done.steps


# What follows runs the real model.


@pytest.fixture
async def engine(real_model: FindModel) -> AsyncIterator[LlamaEngine]:
    """Load SmolLM2-135M with two slots and one thread, as a server does."""
    path = real_model(find("smollm2-135m"))
    settings = Settings(context_tokens=4096, slots=2, threads=1, chains=True)
    loaded = await LlamaEngine.load(path, settings)
    yield loaded
    await loaded.aclose()


async def finish(engine: LlamaEngine, prompt: str, chain: str = "", tokens: int = 6) -> Finished:
    """Return the one answer to a prompt, greedy."""
    events = [event async for event in engine.generate(Request(prompt, tokens, chain=chain))]
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def talk(subject: str) -> str:
    return f" A short story about {subject}." * 25


@pytest.mark.model
async def test_four_chains_over_two_slots_read_only_what_is_new(engine: LlamaEngine) -> None:
    subjects = ["apples", "birds", "cats", "dogs"]
    said = {subject: "You are a poet. " * 40 + talk(subject) for subject in subjects}
    first: dict[str, Finished] = {}
    for subject in subjects:
        first[subject] = await finish(engine, said[subject], subject)
    # The beginning that all share is read once.
    assert first["apples"].timings.cached_tokens == 0
    for subject in subjects[1:]:
        assert first[subject].timings.cached_tokens > 150
    for subject in subjects:
        said[subject] += f" A short story about {subject}. A short"
        again = await finish(engine, said[subject], subject)
        new = again.timings.prompt_tokens - again.timings.cached_tokens
        assert new <= 32, (subject, again.timings)
        first[subject] = again
    cold = await LlamaEngine.load(engine.path, Settings(context_tokens=4096, slots=1, threads=1))
    try:
        for subject in subjects:
            alone = await finish(cold, said[subject])
            assert alone.text == first[subject].text
    finally:
        await cold.aclose()


@pytest.mark.model
async def test_a_warm_up_reads_the_prompt_and_says_nothing(real_model: FindModel) -> None:
    entry = find("smollm2-135m")
    model = LocalModel(real_model(entry).parent, entry.id)
    try:
        warm = Prompt(talk("rain"), (user("Hi"),), output_tokens=0, cache_key="t")
        items = [item async for item in model.stream(warm)]
        reply = items[-1]
        assert isinstance(reply, Assistant)
        assert (reply.parts, reply.stop, reply.usage.output_tokens) == ((), "end", 0)
        asked = Prompt(talk("rain"), (user("Hi"), user("there")), output_tokens=3, cache_key="t")
        reply = [item async for item in model.stream(asked)][-1]
        assert isinstance(reply, Assistant)
        assert reply.usage.cached_tokens > reply.usage.input_tokens - 15 > 100
    finally:
        await model.aclose()


@pytest.mark.model
async def test_a_cancelled_request_gives_its_slot_back(engine: LlamaEngine) -> None:
    async def leave(prompt: str) -> None:
        with anyio.CancelScope() as scope:
            async for event in engine.generate(Request(prompt, 500, chain=prompt[:9])):
                if isinstance(event, Reading):
                    scope.cancel()

    async with anyio.create_task_group() as tasks:
        for subject in ("apples", "birds", "cats", "dogs"):
            tasks.start_soon(leave, f"{subject} " * 800)
    assert (await finish(engine, talk("rain"), "rain")).timings.decoded_tokens == 6


@pytest.mark.model
async def test_samples_and_chains_get_on(engine: LlamaEngine) -> None:
    before = await finish(engine, talk("rain"), "rain")
    request = Request("One day " * 50, 4, temperature=1.0, seed=1, samples=2)
    drawn = [event async for event in engine.generate(request) if isinstance(event, Finished)]
    assert len(drawn) == 2
    after = await finish(engine, talk("rain") + before.text + " And", "rain")
    assert after.timings.prompt_tokens - after.timings.cached_tokens <= 8
