"""Write a whole file from instructions, stub and tests; feed real failures back until time is out.

Knows prompts and rounds, not how tests run. Guards that the best draft so far is never lost, and
that a draft which nearly passes is polished rather than written anew.
"""

import re
from dataclasses import dataclass, field

from kodo.agent.strategies.search.case.answers import blocks
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.failure import describe_failures, shorten
from kodo.agent.strategies.search.trials.ground import Ground
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.agent.strategies.search.writing.polish import polish
from kodo.agent.turn import estimate_tokens
from kodo.core.messages import Assistant, Message, Text, user
from kodo.syntax.languages import language_of

MOST_DOCUMENT_CHARACTERS = 2400
MOST_TEST_CHARACTERS = 2800
MOST_OUTPUT_TOKENS = 1100
COMPILER_ROUNDS = 3


@dataclass(slots=True)
class Draft:
    """What is being written and what came of it. `path` is the file, `trials` the drafts tried."""

    case: Case
    path: str
    ground: Ground | None
    trials: list[Trial] = field(default_factory=list[Trial])
    polished: set[str] = field(default_factory=set[str])
    fed_back: dict[str, int] = field(default_factory=dict[str, int])

    def best(self) -> Trial | None:
        """Return the draft that passes most, shown to the model least often so far."""
        if not self.trials:
            return None
        return max(
            self.trials, key=lambda t: (t.rank, -self.fed_back.get(t.proposal.files[self.path], 0))
        )


async def draft(case: Case, path: str, ground: Ground) -> Trial | None:
    """Search for a text of `path` that passes the tests; returns the green trial or None."""
    work = Draft(case, path, ground)
    rounds = 0
    while not case.allowance.over():
        await case.hear()
        rounds += 1
        green = await _round(work, rounds)
        if green is not None:
            return green
        if rounds > 40:
            return None
    return None


async def _round(work: Draft, number: int) -> Trial | None:
    """Alternate between fresh drafts and corrections of the best one."""
    best = work.best()
    fresh_turn = number in (1, 3) or number % 3 == 0 or best is None
    if fresh_turn or best is None:
        samples, temperature = (1, 0.0) if number == 1 else (3, min(1.0, 0.6 + 0.1 * number / 3))
        what = "a first draft" if number == 1 else f"{samples} new drafts"
        await work.case.note(f"asking for {what} of {work.path}{_speed(work)}")
        proposals = await ask_drafts(work.case, work.path, samples, temperature)
    else:
        code = best.proposal.files[work.path]
        turn = work.fed_back.get(code, 0)
        work.fed_back[code] = turn + 1
        await work.case.note(f"asking to correct the best draft ({count_text(best)}){_speed(work)}")
        samples, temperature = (1, 0.0) if turn == 0 else (3, 0.7)
        proposals = await ask_corrections(work.case, work.path, best, samples, temperature)
    return await _judge(work, proposals)


async def _judge(work: Draft, proposals: list[Proposal]) -> Trial | None:
    case, ground = work.case, work.ground
    chosen = case.fresh(proposals)
    if not chosen or ground is None:
        return None
    trials = await ground.try_all(
        chosen, seconds=max(2.0, case.allowance.left_s()), stop_after=1, whole=True
    )
    work.trials.extend(trials)
    greens = await case.learn(trials)
    shown = ", ".join(count_text(trial) for trial in trials)
    await case.note(f"{len(trials)} tried: {shown}")
    if greens:
        return greens[0]
    for trial in trials:
        if trial.broken and (green := await _as_the_compiler_says(work, ground, trial)) is not None:
            return green
    best = work.best()
    if best is None or best.broken or not ground.fast:
        return None
    code = best.proposal.files[work.path]
    if code in work.polished or best.failed > 3 * max(1, best.passed):
        return None
    work.polished.add(code)
    polished = await polish(case, ground, best)
    if polished is not None:
        work.trials.append(polished)
        work.polished.add(polished.proposal.files[work.path])
    return polished if polished is not None and polished.green else None


async def _as_the_compiler_says(work: Draft, ground: Ground, trial: Trial) -> Trial | None:
    """Follow the compiler's own proposals for a few rounds."""
    case = work.case
    for _ in range(COMPILER_ROUNDS):
        if case.allowance.over():
            return None
        chosen = case.fresh(await ground.fixes(trial.proposal))
        if not chosen:
            return None
        await case.note(f"trying {len(chosen)} changes that the compiler proposes")
        trials = await ground.try_all(
            chosen, seconds=max(2.0, case.allowance.left_s() / 4), stop_after=1, whole=True
        )
        work.trials.extend(trials)
        greens = await case.learn(trials)
        if greens:
            return greens[0]
        better = [other for other in trials if not other.broken]
        if better or not trials:
            return None
        trial = trials[0]
    return None


def count_text(trial: Trial) -> str:
    """Return a trial's counts for people."""
    if trial.green:
        return "all pass"
    if trial.broken:
        return "does not compile or load"
    return f"{trial.passed} of {trial.passed + trial.failed} pass"


def _speed(work: Draft) -> str:
    speed = work.case.speaker.speed.text()
    return f", {speed} so far" if speed else ""


def instructions_for(path: str) -> str:
    """Return the system text for writing `path`."""
    language = language_of(path) or "software"
    return (
        f"You are an expert {language} programmer. Answer with the complete content of `{path}` in "
        "one code block and nothing else."
    )


def draft_messages(case: Case, path: str) -> tuple[Message, ...]:
    """Return the prompt for a draft: instructions, stub, tests, request."""
    known = case.understanding
    language = language_of(path) or ""
    pieces: list[str] = []
    if known.document:
        pieces.append(shorten(trim_document(known.document), MOST_DOCUMENT_CHARACTERS))
    stub = known.sources.get(path, "")
    if stub.strip():
        pieces.append(f"`{path}` now:\n```{language}\n{shorten(stub, 3000)}\n```")
    tests = tests_for(path, known.tests)
    if tests:
        pieces.append(f"Your code has to pass these tests:\n```{language}\n{tests}\n```")
    pieces.append(f"Task: {known.task.strip()[:1200]}")
    pieces.append(
        f"Write the complete `{path}`. Keep the given names and signatures. Think of every case in "
        "the tests. Only one code block, no explanation."
    )
    return (user("\n\n".join(pieces)),)


def trim_document(text: str) -> str:
    """Return instructions without headings of no use, links and images."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^\[[^\]]+\]:.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"<!--[\s\S]*?-->", "", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def tests_for(path: str, tests: dict[str, str]) -> str:
    """Return the tests of `path` in few characters: without comments, cut at the end."""
    if not tests:
        return ""
    stem = re.sub(r"\.\w+$", "", path.rsplit("/", 1)[-1]).replace("-", "_")
    named = [p for p in tests if stem in p.replace("-", "_")] or list(tests)
    text = "\n".join(tests[name] for name in named[:2])
    lines = [
        line.rstrip()
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith(("//", "# ", "#[ignore", "/*", " *"))
    ]
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > MOST_TEST_CHARACTERS:
            break
        kept.append(line)
    return "\n".join(kept)


async def ask_drafts(case: Case, path: str, samples: int, temperature: float) -> list[Proposal]:
    """Return drafts of `path` written from the instructions."""
    replies = await case.speaker.ask(
        instructions_for(path),
        draft_messages(case, path),
        output_tokens=MOST_OUTPUT_TOKENS,
        samples=samples,
        temperature=temperature,
        most_s=150,
    )
    return drafts_from(replies, path, f"T={temperature:g}")


async def ask_corrections(
    case: Case, path: str, trial: Trial, samples: int, temperature: float
) -> list[Proposal]:
    """Return corrections of a draft, made with its real failure in view."""
    code = trial.proposal.files[path]
    failure = describe_failures(trial, case.understanding.tests, most=2)
    language = language_of(path) or ""
    said = Assistant((Text(f"```{language}\n{code.rstrip()}\n```"),), case.speaker.model_id)
    request = (
        f"That is not right yet:\n```\n{failure}\n```\n"
        f"Find the mistake and write the complete corrected `{path}`. Only one code block."
    )
    replies = await case.speaker.ask(
        instructions_for(path),
        (*draft_messages(case, path), said, user(request)),
        output_tokens=min(MOST_OUTPUT_TOKENS, 200 + int(1.6 * estimate_tokens(code))),
        samples=samples,
        temperature=temperature,
        most_s=120,
    )
    return drafts_from(replies, path, f"corrected T={temperature:g}")


def drafts_from(replies: list[Assistant], path: str, note: str) -> list[Proposal]:
    """Return the code of each reply as the whole of `path`."""
    found: list[Proposal] = []
    for reply in replies:
        code = code_for(reply.text, path)
        if code is not None:
            found.append(Proposal({path: code}, "draft", note, size=len(code)))
    return found


def code_for(answer: str, path: str) -> str | None:
    """Return the block that is meant to be `path`: by its name, by its language, or the longest."""
    found = blocks(answer)
    if not found:
        return None
    name = path.rsplit("/", 1)[-1]
    named = [block for block in found if block.name.rsplit("/", 1)[-1] == name]
    chosen = max(named or found, key=lambda block: len(block.text))
    return chosen.text if chosen.text.endswith("\n") else chosen.text + "\n"
