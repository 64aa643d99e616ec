"""Repair of code that has failing tests: sources of proposals interleaved under a time limit.

Knows the sources' order and shares, not how each makes its proposals. Guards that among green
proposals the one that overfits least is taken.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.edits.gentle import keeping
from kodo.agent.strategies.search.edits.mutate import mutation_proposals
from kodo.agent.strategies.search.edits.wrap import wrap_proposals
from kodo.agent.strategies.search.faults.failure import describe_failures
from kodo.agent.strategies.search.faults.localise import Suspect, rank_suspects
from kodo.agent.strategies.search.proposals.by_line import ask_for_line
from kodo.agent.strategies.search.proposals.cloze import Place, fill_places, hint_for, places
from kodo.agent.strategies.search.proposals.pinpoint import ask_lines
from kodo.agent.strategies.search.proposals.rewrite import FRAMINGS, ask_rewrites, output_tokens_for
from kodo.agent.strategies.search.proposals.spans import Span, fill_span, spans
from kodo.agent.strategies.search.trials.choice import choose
from kodo.agent.strategies.search.trials.ground import Baseline, Ground
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial

MOST_SUSPECTS = 6
FIRST_MUTANTS_S = 18.0
FIRST_MUTANTS = 1500
MORE_MUTANTS_S = 45.0
MORE_MUTANTS = 4000
MOST_MUTANT_BYTES = 40 << 20
SLOW_MUTANTS = 60
LONG_REWRITE_TOKENS = 450
SPAN_BATCH = 8
CLOZE_PLACES = 5
WEAK_TESTS = 2


@dataclass(slots=True)
class Repair:
    """The state of one repair: who is suspected, and what each source still has to give."""

    case: Case
    ground: Ground
    baseline: Baseline
    suspects: list[Suspect] = field(default_factory=list[Suspect])
    mutants: Iterator[Proposal] = field(default_factory=lambda: iter(()))
    untried: list[Proposal] = field(default_factory=list[Proposal])
    holes: list[tuple[Suspect, Place]] = field(default_factory=list[tuple[Suspect, Place]])
    spans: list[tuple[Suspect, Span]] = field(default_factory=list[tuple[Suspect, Span]])
    lines: list[tuple[Suspect, Place]] = field(default_factory=list[tuple[Suspect, Place]])

    @property
    def failing(self) -> list[str]:
        """The names of the failing tests."""
        return [test.name for test in self.baseline.trial.failing]


async def repair(case: Case, ground: Ground, baseline: Baseline) -> Trial | None:
    """Search until a proposal is green or the time is out; returns the best green trial."""
    work = Repair(case, ground, baseline)
    known = case.understanding
    tests = [known.tests.get(test.file, "") for test in baseline.trial.failing[:3]]
    if not baseline.coverage:  # then what the failures say is all that there is
        tests += [test.message for test in baseline.trial.failing[:3]]
    work.suspects = rank_suspects(known.suspected(), baseline, task=known.task, tests=tests)[
        :MOST_SUSPECTS
    ]
    if not work.suspects:
        return None
    shown = ", ".join(f"{s.path}:{s.hottest()} {s.name} ({s.score:.2f})" for s in work.suspects[:3])
    await case.note(f"suspects: {shown}")
    work.mutants = mutation_proposals(case, work.suspects)
    work.holes = _holes(case, work.suspects)
    work.spans = [
        (suspect, span)
        for suspect in work.suspects[:3]
        for span in spans(case.understanding.sources[suspect.path], suspect)
    ]
    work.spans.sort(key=lambda pair: -(pair[1].score + 0.3 * pair[0].score))
    work.lines = [pair for pair in work.holes if not pair[1].insert]
    for step in _steps(work):
        if case.allowance.over():
            break
        if await case.hear():
            await case.note("taking your message into the task")
        await step(work)
        if case.greens:
            return choose(case.greens)
    return None


Step = Callable[[Repair], Awaitable[None]]


def _holes(case: Case, suspects: list[Suspect]) -> list[tuple[Suspect, Place]]:
    found: list[tuple[Suspect, Place]] = []
    for suspect in suspects[:4]:
        text = case.understanding.sources[suspect.path]
        found.extend((suspect, place) for place in places(text, suspect)[:24])
    order = {id(suspect): suspect.score for suspect in suspects}
    found.sort(key=lambda pair: -(pair[1].score + 0.3 * order[id(pair[0])]))
    return found


def _steps(work: Repair) -> Iterator[Step]:
    """Yield the steps of the search in the order of what they give for a second.

    One or two tests are passed by many a wrong edit, so there the model is asked before edits
    that know nothing of the task are tried.
    """
    trial = work.baseline.trial
    if trial.passed + trial.failed <= WEAK_TESTS:
        yield _rewriting(0, 0, 1, 0.0)
        yield _pinpointing(0, 4, 0.7)
        yield _by_line(5, 3, 0.7)
    yield _mutate_a_little
    yield _pinpointing(0, 4, 0.7)
    yield _spans(12, 3, 0.8)
    yield _by_line(5, 3, 0.7)
    yield _rewriting(0, 0, 1, 0.0)
    yield _mutate_more
    yield _pinpointing(1, 4, 0.8)
    yield _cloze(1, 0.0)
    yield _rewriting(0, 2, 3, 0.7)
    yield _spans(24, 4, 0.9)
    yield _by_line(8, 3, 0.9)
    if len(work.suspects) > 1:
        yield _rewriting(1, 0, 2, 0.5)
    turn = 0
    while True:
        turn += 1
        count = len(work.suspects)
        yield _rewriting(turn % min(count, 1 + turn), turn % 3, 4, min(1.1, 0.7 + 0.1 * turn))
        yield _pinpointing(turn % min(count, 1 + turn), 4, min(1.2, 0.8 + 0.1 * turn))
        yield _cloze(3, 0.8)
        yield _spans(24, 4, 1.1)
        yield _by_line(6, 3, 1.0)
        yield _mutate_more
        if turn > 40:
            return


async def _mutate_a_little(work: Repair) -> None:
    wrapped = work.case.fresh(wrap_proposals(work.case, work.suspects))
    if wrapped and work.ground.fast:
        await work.case.note(f"trying {len(wrapped)} calls of helpers that nobody calls")
        await _try(work, wrapped, seconds=8, stop_after=4)
    if work.ground.fast and not work.case.greens:
        await _try_mutants(
            work, FIRST_MUTANTS, min(FIRST_MUTANTS_S, work.case.allowance.left_s() / 6)
        )


async def _mutate_more(work: Repair) -> None:
    case = work.case
    if work.ground.fast:
        await _try_mutants(work, MORE_MUTANTS, case.allowance.slice_s(0.3, MORE_MUTANTS_S))
    else:
        await _try_mutants(work, SLOW_MUTANTS, case.allowance.slice_s(0.2, 40.0))


async def _try_mutants(work: Repair, most: int, seconds: float) -> None:
    case = work.case
    longest = max(len(case.understanding.sources[s.path]) for s in work.suspects)
    most = min(most, MOST_MUTANT_BYTES // max(1, longest))  # each trial carries its whole file
    # Each is new and parses: nothing to look at. What an earlier step had no time for comes first.
    chosen = [*work.untried, *islice(work.mutants, max(0, most - len(work.untried)))]
    if not chosen or seconds < 1:
        return
    await case.note(f"trying up to {len(chosen)} one-place edits")
    trials = await _try(work, chosen, seconds=seconds, stop_after=6)
    tried = {id(trial.proposal) for trial in trials}
    work.untried = [proposal for proposal in chosen if id(proposal) not in tried]


def _rewriting(suspect: int, framing: int, samples: int, temperature: float) -> Step:
    async def step(work: Repair) -> None:
        case = work.case
        if suspect >= len(work.suspects):
            return
        target = work.suspects[suspect]
        size = output_tokens_for(case.understanding.sources[target.path], target.symbol)
        if size > LONG_REWRITE_TOKENS and case.allowance.elapsed_s() < case.allowance.total_s / 2:
            return  # many small questions fit into the time of one long answer
        what = "a rewrite" if samples == 1 else f"{samples} rewrites"
        await case.note_once(f"asking for {what} of {target.name}{_speed(case)}")
        proposals = await ask_rewrites(
            case,
            target,
            work.baseline.trial,
            framing=FRAMINGS[framing],
            samples=samples,
            temperature=temperature,
        )
        await _try(work, case.fresh(proposals), seconds=40, stop_after=3)

    return step


def _pinpointing(suspect: int, samples: int, temperature: float) -> Step:
    async def step(work: Repair) -> None:
        case = work.case
        if suspect >= len(work.suspects):
            return
        target = work.suspects[suspect]
        await case.note_once(f"asking which line of {target.name} is wrong{_speed(case)}")
        proposals = await ask_lines(
            case, target, work.baseline.trial, samples=samples, temperature=temperature
        )
        await _try(work, case.fresh(proposals), seconds=30, stop_after=3)

    return step


def _by_line(most: int, samples: int, temperature: float) -> Step:
    async def step(work: Repair) -> None:
        case = work.case
        # Lines of one function stand together, so that what was read of it stays in the cache.
        chosen = sorted(work.lines[:most], key=lambda pair: (pair[0].path, pair[0].name))
        work.lines = [*work.lines[most:], *work.lines[:most]]
        if not chosen:
            return
        await case.note_once(
            f"asking for other words on {len(chosen)} suspicious lines{_speed(case)}"
        )
        for suspect, place in chosen:
            if case.greens or case.allowance.over():
                return
            proposals = await ask_for_line(
                case,
                suspect,
                place,
                work.baseline.trial,
                samples=samples,
                temperature=temperature,
            )
            await _try(work, case.fresh(proposals), seconds=20, stop_after=3)

    return step


def _spans(most: int, samples: int, temperature: float) -> Step:
    async def step(work: Repair) -> None:
        case = work.case
        if not case.speaker.can_complete or not work.spans:
            return
        chosen, work.spans = work.spans[:most], [*work.spans[most:], *work.spans[:most]]
        # From the top down, so that the model reads only what lies between two holes.
        chosen.sort(key=lambda pair: (pair[0].path, pair[0].name, pair[1].line, pair[1].start))
        failure = describe_failures(work.baseline.trial, case.understanding.tests, most=1)
        await case.note(f"filling {len(chosen)} suspicious expressions anew{_speed(case)}")
        waiting: list[Proposal] = []
        for suspect, span in chosen:
            if case.greens or case.allowance.over():
                return
            waiting += case.fresh(
                await fill_span(
                    case,
                    suspect,
                    span,
                    samples=samples,
                    temperature=temperature,
                    hint=hint_for(suspect.path, failure),
                )
            )
            if len(waiting) >= SPAN_BATCH:
                await _try(work, waiting, seconds=20, stop_after=3)
                waiting = []
        await _try(work, waiting, seconds=20, stop_after=3)

    return step


def _speed(case: Case) -> str:
    speed = case.speaker.speed.text()
    return f" ({speed} so far)" if speed else ""


def _cloze(samples: int, temperature: float) -> Step:
    async def step(work: Repair) -> None:
        case = work.case
        if not case.speaker.can_complete or not work.holes:
            return
        chosen, work.holes = work.holes[:CLOZE_PLACES], work.holes[CLOZE_PLACES:]
        failure = describe_failures(work.baseline.trial, case.understanding.tests, most=1)
        await case.note(f"filling {len(chosen)} suspicious lines anew")
        for suspect, place in chosen:
            proposals = await fill_places(
                case,
                suspect,
                [place],
                samples=samples,
                temperature=temperature,
                hint=hint_for(suspect.path, failure),
            )
            await _try(work, case.fresh(proposals), seconds=20, stop_after=3)
            if case.greens or case.allowance.over():
                return

    return step


async def _gentler(work: Repair, green: Trial) -> list[Trial]:
    """Return those ways to keep what a green proposal takes out that pass as well."""
    case = work.case
    known = case.understanding.sources
    variants = case.fresh(keeping(known, green.proposal))
    if not variants or case.allowance.left_s() < len(variants) * green.seconds + 2:
        return []
    trials = await work.ground.try_all(
        variants, seconds=15, first=work.failing, stop_after=len(variants)
    )
    return await case.learn(trials)


async def _try(
    work: Repair, proposals: list[Proposal], *, seconds: float, stop_after: int
) -> list[Trial]:
    """Try proposals, tell people of the green ones, and return what was tried."""
    if not proposals:
        return []
    trials = await work.ground.try_all(
        proposals,
        seconds=max(1.0, min(seconds, work.case.allowance.left_s())),
        first=work.failing,
        stop_after=stop_after,
        seconds_after_pass=4.0,
    )
    greens = await work.case.learn(trials)
    if greens:
        greens += await _gentler(work, choose(greens))
        best = choose(greens)
        await work.case.note(
            f"{len(greens)} of {len(trials)} pass the tests; best: "
            f"{best.proposal.origin} {best.proposal.note}"
        )
    return trials
