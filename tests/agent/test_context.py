"""The prompts of a run: what is pinned, what gives way, what is recalled, and equal prefixes."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from kodo.agent.context import LOW, RECALL_SHARE, REPLY_SHARE, Context, fixed_of
from kodo.agent.window.tokens import estimate_tokens, message_tokens
from kodo.base.errors import ContextOverflow
from kodo.base.hashing import sha256_hex
from kodo.core.events import Evicted, PromptSent
from kodo.core.messages import (
    Assistant,
    Message,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    User,
    user,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.core.tool import ToolContext, ToolOutput, text_output
from kodo.models import payload
from kodo.models.chat_request import request_body as chat_body
from kodo.models.handoff import prepare
from kodo.models.messages_request import request_body as messages_body
from kodo.models.recalled import join_recalled
from kodo.models.responses_request import request_body as responses_body
from kodo.models.scripted import broken_exchange
from tests.agent.remembering import ListRecall, hit
from tests.agent.stage import MadeTool, Stage, Step, says

pytestmark = pytest.mark.anyio

TASK = "GOAL-7731: rewrite the parser.\nRules: never touch vendor/. Indent with tabs."


def window_of(tokens: int, output_tokens: int = 8_000) -> ModelInfo:
    abilities = frozenset({"tools", "parallel_tools"})
    return ModelInfo("test/model", "test", tokens, output_tokens, abilities=abilities)  # pyright: ignore[reportArgumentType]


def asks(number: int, arguments: str | None = None, usage: Usage | None = None) -> Assistant:
    call = ToolCall(f"c{number}", "t", f'{{"n":{number}}}' if arguments is None else arguments)
    return Assistant((call,), "test/model", "tool_calls", usage or Usage())


async def prints(arguments: bytes, context: ToolContext) -> ToolOutput:
    """Print between 1 and 60 lines, as the number of the call has it."""
    number = msgspec.json.decode(arguments, type=dict[str, int]).get("n", 0)
    lines = "".join(f"step {number} line {at}\n" for at in range(1 + number * 37 % 60))
    return text_output(lines)


def stage_of(
    workspace: Path,
    calls: int,
    info: ModelInfo,
    *,
    see: Callable[[Prompt], None] = lambda prompt: None,
    arguments: Callable[[int], str | None] = lambda number: None,
) -> Stage:
    def step(number: int) -> Step:
        async def reply(prompt: Prompt) -> Assistant:
            see(prompt)
            return asks(number, arguments(number)) if number <= calls else says("done")

        return reply

    steps = [step(number) for number in range(1, calls + 2)]
    return Stage(workspace, steps, [MadeTool("t", prints)], info=info)


def tokens(prompt: Prompt) -> int:
    fixed = estimate_tokens(prompt.instructions) + len(msgspec.json.encode(prompt.tools)) // 4
    return fixed + sum(map(message_tokens, prompt.messages)) + estimate_tokens(prompt.recalled)


def sent(stage: Stage) -> list[PromptSent]:
    return [body for body in stage.stored() if isinstance(body, PromptSent)]


def said(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def evictions(stage: Stage) -> list[Evicted]:
    return [body for body in stage.stored() if isinstance(body, Evicted)]


async def test_a_thread_that_fits_is_sent_as_it_is(workspace: Path) -> None:
    stage = stage_of(workspace, 3, window_of(100_000))
    await stage.play(TASK)
    assert stage.model.prompts[-1].messages == tuple(stage.thread.messages()[:-1])
    first = stage.model.prompts[0]
    assert first.messages == (user(TASK),)
    assert first.cache_key == "thread"
    assert [tool.name for tool in first.tools] == ["t"]
    assert (first.instructions, first.recalled, first.output_tokens) == ("be brief", "", None)
    assert evictions(stage) == []


async def test_goal_and_rules_are_there_at_call_500_in_a_window_of_8k(workspace: Path) -> None:
    seen = 0

    def see(prompt: Prompt) -> None:
        nonlocal seen
        seen += 1
        first = prompt.messages[0]
        assert isinstance(first, User)
        assert TASK in said(first)
        assert broken_exchange(prompt.messages) is None
        assert tokens(prompt) + 8_192 * REPLY_SHARE <= 8_192
        newest = prompt.messages[-1]
        if isinstance(newest, ToolResult):
            assert newest.text.startswith(f"step {seen - 1} line 0\n")  # whole, just as it came

    stage = stage_of(workspace, 499, window_of(8_192), see=see)
    ended = await stage.play(TASK)
    assert ended.summary == "done"
    assert seen == 500
    assert len(evictions(stage)) < 80
    assert all(event.window_tokens == 8_192 for event in sent(stage))
    assert sum(part.tokens for part in sent(stage)[-1].parts) == pytest.approx(
        tokens(stage.model.prompts[-1]), abs=4
    )


async def test_what_the_person_said_since_and_the_plan_stay_too(workspace: Path) -> None:
    async def plan(arguments: bytes, context: ToolContext) -> ToolOutput:
        return text_output("[x] read it\n[>] mend the lexer")

    steps: list[Step] = [
        asks(1),
        Assistant((ToolCall("p1", "plan", "{}"),), "test/model", "tool_calls"),
        *(asks(number) for number in range(2, 80)),
        says("done"),
    ]
    tools = [MadeTool("t", prints), MadeTool("plan", plan)]
    stage = Stage(workspace, steps, tools, info=window_of(8_192))
    for number in range(20):
        stage.inbox.put(user(f"and mind case {number}: the empty file"))
    await stage.play(TASK)
    head = stage.model.prompts[-1].messages[0]
    text = said(head)
    assert "[>] mend the lexer" in text
    assert "mind case 19: the empty file" in text
    assert "mind case 0: the empty file" in text or "earlier ones, from e4" in text


async def test_a_very_long_task_is_cut_so_that_its_rules_can_be_seen(workspace: Path) -> None:
    prose = "".join(f"line {number} of a long story\n" for number in range(2_000))
    task = f"GOAL-7731: as follows.\n{prose}You must never touch vendor/.\n{prose}Begin now."
    stage = stage_of(workspace, 60, window_of(8_192))
    await stage.play(task)
    for prompt in (stage.model.prompts[0], stage.model.prompts[-1]):
        text = said(prompt.messages[0])
        for words in ("GOAL-7731", "You must never touch vendor/.", "Begin now."):
            assert words in text
        assert 'get all of it with recall("e3", 1, 4003)' in text
        assert tokens(prompt) < 8_192


async def test_large_results_and_arguments_fit_a_small_window(workspace: Path) -> None:
    async def floods(arguments: bytes, context: ToolContext) -> ToolOutput:
        return text_output("".join(f"row {number}: error in x\n" for number in range(4_000)))

    content = msgspec.json.encode({"path": "a.py", "content": "x = 1\n" * 800}).decode()
    steps: list[Step] = [asks(number, content) for number in range(1, 30)]
    stage = Stage(workspace, [*steps, says("done")], [MadeTool("t", floods)], info=window_of(8_192))
    stage.agent.checks = ()
    ended = await stage.play(TASK)
    assert ended.summary in ("done", "")
    for prompt in stage.model.prompts:
        assert tokens(prompt) + 8_192 * REPLY_SHARE <= 8_192 * 1.02
        for message in prompt.messages:
            if isinstance(message, Assistant):
                assert all(msgspec.json.decode(call.arguments) for call in message.calls)


def wires(prompt: Prompt, info: ModelInfo) -> dict[str, bytes]:
    """Return what goes over each wire in the order in which models read it."""
    ready = prepare(prompt, info, images=False)
    merged = join_recalled(ready)
    bodies = {
        "chat": chat_body(info, merged, {}),
        "messages": messages_body(info, ready, {}),
        "responses": responses_body(info, merged, {}),
    }
    found: dict[str, bytes] = {}
    for name, body in bodies.items():
        order = ("tools", "system", "instructions", "messages", "input")
        data = payload.encode([body[key] for key in order if key in body])
        # The mark of Anthropic's cache moves on with the prompt and is no part of what it caches.
        found[name] = data.replace(b',"cache_control":{"type":"ephemeral"}', b"")
    return found


def shares(prompts: Sequence[Prompt], info: ModelInfo) -> dict[str, list[float]]:
    """Return for each wire which share of each prompt the next one repeats at its beginning."""
    sent = [wires(prompt, info) for prompt in prompts]
    found: dict[str, list[float]] = {}
    for before, after in pairwise(sent):
        for name in before:
            found.setdefault(name, []).append(common(before[name], after[name]) / len(before[name]))
    return found


def common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


async def test_the_prefix_holds_on_every_wire_between_evictions(workspace: Path) -> None:
    info = window_of(16_384)
    stage = stage_of(workspace, 300, info)
    facts = "\n".join(f"step fact {number} of an earlier session" for number in range(12))
    stage.agent.recall = ListRecall([hit("1f2e3d:e9", f"vendor/. {facts}", score=4)])
    await stage.play(TASK)
    prompts = stage.model.prompts
    assert any(prompt.recalled for prompt in prompts)
    # Where an eviction came between two prompts, the second one begins anew.
    bodies = [body for body in stage.stored() if isinstance(body, PromptSent | Evicted)]
    evicted = [
        isinstance(bodies[at - 1], Evicted)
        for at, body in enumerate(bodies)
        if isinstance(body, PromptSent)
    ]
    assert 3 <= sum(evicted) <= 30
    for name, found in shares(prompts, info).items():
        kept = [share for share, broken in zip(found, evicted[1:], strict=True) if not broken]
        assert sum(kept) / len(kept) >= 0.95, name
        assert sorted(kept)[len(kept) // 20] >= 0.85, name
        assert sum(found) / len(found) >= 0.85, name  # evictions and all


async def test_without_recall_the_prefix_is_all_of_the_last_prompt(workspace: Path) -> None:
    stage = stage_of(workspace, 60, window_of(100_000))
    await stage.play(TASK)
    encode = msgspec.json.Encoder().encode
    for before, after in pairwise(stage.model.prompts):
        assert list(map(encode, after.messages))[: len(before.messages)] == list(
            map(encode, before.messages)
        )


async def test_a_window_is_made_again_from_the_log_to_the_byte(workspace: Path) -> None:
    stage = stage_of(workspace, 120, window_of(8_192))
    await stage.play(TASK)
    again = Context(fixed_of(stage.agent))
    stage.thread.move(next(e.id for e in reversed(stage.thread.path()) if _is_prompt(e.event.body)))
    last = sent(stage)[-1]
    prompt, made = await again.build(stage.journal)
    assert prompt.messages == stage.model.prompts[-1].messages
    assert made.hash == last.hash
    assert evictions(stage)[-1].folded_to > 0


def _is_prompt(body: object) -> bool:
    return isinstance(body, PromptSent)


async def test_a_rewound_thread_gets_the_window_of_its_path(workspace: Path) -> None:
    stage = stage_of(workspace, 80, window_of(8_192))
    await stage.play(TASK)
    context = Context(fixed_of(stage.agent))
    await context.build(stage.journal)
    third = [e for e in stage.thread.path() if _is_prompt(e.event.body)][2]
    stage.thread.move(third.id)
    prompt, _ = await context.build(stage.journal)
    assert prompt.messages == stage.model.prompts[2].messages


async def test_the_log_tells_the_whole_fixed_part(workspace: Path) -> None:
    stage = stage_of(workspace, 1, window_of(8_192))
    await stage.play(TASK)
    first, second = sent(stage)
    hashes = {part.name: part.hash for part in first.parts}
    assert await stage.agent.blobs.get(hashes["instructions"]) == b"be brief"
    tools = await stage.agent.blobs.get(hashes["tools"])
    assert sha256_hex(tools) == hashes["tools"]
    assert b'"name":"t"' in tools
    assert first.hash != second.hash
    assert hashes["tools"] == {part.name: part.hash for part in second.parts}["tools"]


@pytest.mark.parametrize(
    ("error", "window"),
    [
        (ContextOverflow("too long"), None),
        (ContextOverflow("limit 30000", limit_tokens=30_000), 30_000),
        (ContextOverflow("x", limit_tokens=30_000, prompt_tokens=52_000), 30_000),
        (ContextOverflow("x", prompt_tokens=110_000), 0),
    ],
)
async def test_an_overflow_is_repaired_with_the_numbers_that_were_told(
    workspace: Path, error: ContextOverflow, window: int | None
) -> None:
    async def long(arguments: bytes, context: ToolContext) -> ToolOutput:
        return text_output(f"{arguments.decode()} of the output\n" * 1_000)

    steps: list[Step] = [asks(number) for number in range(1, 9)]
    stage = Stage(
        workspace, [*steps, error, says("done")], [MadeTool("t", long)], info=window_of(100_000)
    )
    ended = await stage.play()
    assert ended.summary == "done"
    before, after = stage.model.prompts[-2:]
    (evicted,) = evictions(stage)[:1]
    assert tokens(after) < LOW * tokens(before) * 1.4
    if window is not None:
        assert evicted.window_tokens == window
    if window:
        assert tokens(after) < window
    assert str(after.messages[-1]) in str(before.messages[-1]) or window
    assert broken_exchange(after.messages) is None


async def test_an_overflow_that_nothing_can_repair_is_told(workspace: Path) -> None:
    stage = Stage(workspace, [ContextOverflow("too long by far"), says("never")])
    ended = await stage.play("do it")
    assert (ended.outcome, ended.reason) == ("broken", "too long by far")
    assert len(stage.model.prompts) == 1


async def test_estimates_follow_what_the_provider_reports(workspace: Path) -> None:
    stage = stage_of(workspace, 40, window_of(30_000))
    factor = 1.8

    def step(number: int) -> Step:
        async def reply(prompt: Prompt) -> Assistant:
            real = int(tokens(prompt) * factor)
            assert real < 30_000
            usage = Usage(input_tokens=real)
            return asks(number, usage=usage) if number <= 200 else says("done")

        return reply

    stage.model.go_on(*(step(number) for number in range(1, 202)))
    await stage.play(TASK)
    told = sum(part.tokens for part in sent(stage)[-1].parts)
    assert told == pytest.approx(factor * tokens(stage.model.prompts[-1]), rel=0.05)


async def test_reports_that_nobody_can_believe_change_nothing(workspace: Path) -> None:
    stage = stage_of(workspace, 30, window_of(30_000))
    steps: list[Step] = [asks(number, usage=Usage(input_tokens=3)) for number in range(1, 31)]
    stage.model.go_on(*steps, says("done"))
    await stage.play(TASK)
    told = sum(part.tokens for part in sent(stage)[-1].parts)
    assert told == pytest.approx(tokens(stage.model.prompts[-1]), abs=8)


async def test_the_reply_gets_the_room_that_is_left(workspace: Path) -> None:
    stage = stage_of(workspace, 60, window_of(20_000, output_tokens=12_000))
    await stage.play(TASK)
    limits = [prompt.output_tokens for prompt in stage.model.prompts]
    assert limits[0] is None
    for prompt in stage.model.prompts:
        if prompt.output_tokens is not None:
            assert 20_000 * REPLY_SHARE <= prompt.output_tokens <= 12_000
            assert prompt.output_tokens + tokens(prompt) <= 20_000
    assert any(limit is not None for limit in limits)


async def test_recalled_text_stands_apart_within_its_budget(workspace: Path) -> None:
    facts = "".join(f"vendor/. fact {number}\n" for number in range(4_000))
    stage = stage_of(workspace, 2, window_of(20_000))
    stage.agent.recall = ListRecall([hit(f"1f2e3d:e{n}", facts, score=4) for n in range(5)])
    await stage.play(TASK)
    for prompt, event in zip(stage.model.prompts, sent(stage), strict=True):
        assert prompt.recalled
        assert estimate_tokens(prompt.recalled) <= RECALL_SHARE * 20_000
        assert event.recalled
        assert event.parts[-1].name == "recalled"
        assert not any("fact 1" in str(message) for message in prompt.messages)


async def test_nothing_is_asked_of_a_memory_that_knows_no_more(workspace: Path) -> None:
    stage = stage_of(workspace, 2, window_of(20_000))
    stage.agent.recall = memory = ListRecall([hit("1f2e3d:e1", "vendor/. fact")])
    stage.agent.knows_more = lambda: False
    await stage.play(TASK)
    assert memory.asked == []
