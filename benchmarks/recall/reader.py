"""The reader: does the embedded model answer as well from recalled text as from the gold chunk?

Facts of five kinds, each with near-duplicates elsewhere, at 20 depths of a haystack of 400,000
tokens. Each question is put twice to the same model: with what the ordinary search recalls, at most
1,500 tokens in the form the agent uses, and with the chunk that holds the answer. Reports both
accuracies, by depth too, and the paired difference with its 95 % interval (bar: no loss of more
than 5 points). About 20 seconds a question on two quiet cores with the 1.5B model: with `--answers`
each answer is kept as it comes, and the same command goes on where it was stopped.

Run: python -m benchmarks.recall.reader [--questions 200] [--model NAME] [--answers FILE.jsonl]
"""

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import anyio
import msgspec

from benchmarks.recall.answers import keep, read_answers
from benchmarks.recall.corpus import Document, documents
from benchmarks.recall.memory import fill, open_memory
from kodo.agent.window.recalled import pack
from kodo.core.recall import Hit, Query, Recall
from kodo.engine.catalog import find
from kodo.engine.files import ModelFolder
from kodo.engine.llama import LlamaEngine
from kodo.engine.request import Finished, Request, Turn
from kodo.runtime.config import read_environment

DEPTHS = 20
_KINDS = 5
BUDGET_TOKENS = 1500
HITS = 10
LOSS_ALLOWED = 0.05
OUTPUT_TOKENS = 40
DEFAULT_MODEL = "qwen2.5-coder-1.5b"
INSTRUCTIONS = (
    "Answer the question from the text below it, with the value or name alone. "
    "If the text does not say, answer: unknown."
)

_PLACES = (
    *("harbour", "orchard", "quarry", "lighthouse", "monastery", "observatory", "tannery", "canal"),
    *("vineyard", "foundry", "aviary", "granary", "sawmill", "viaduct", "chapel", "ferry"),
)
_THINGS = (
    *("ledger", "beacon", "valve", "turbine", "antenna", "furnace", "pump", "crane", "clock"),
    *("winch", "boiler", "siren", "lantern", "gearbox", "compass", "telescope"),
)
_NAMES = (
    *("Adaeze", "Borislav", "Chiyo", "Dagny", "Eskil", "Fatoumata", "Giulia", "Hanno", "Ilse"),
    *("Jarmila", "Kwabena", "Liesl", "Mateus", "Nilufar", "Ottoline", "Piotr"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A line to be hidden, its question and answer, lines that look like it and theirs."""

    line: str
    question: str
    answer: str
    lookalikes: tuple[str, ...]
    wrong: tuple[str, ...]


class Answered(msgspec.Struct, frozen=True):
    """Whether the model was right with each of the two texts, and whether the fact was recalled."""

    number: int
    depth: int
    recalled_right: bool
    gold_right: bool
    was_recalled: bool


class Conditions(msgspec.Struct, frozen=True):
    """What answers must have in common to be counted together."""

    model: str
    questions: int
    tokens: int


def facts(count: int, seed: int = 7) -> list[Fact]:
    """Return so many facts; the same seed gives the same ones."""
    draw = random.Random(seed)
    pairs = [(place, thing) for place in _PLACES for thing in _THINGS]
    draw.shuffle(pairs)
    # A lookalike must not contradict another fact.
    taken = {(number % _KINDS, *pairs[number % len(pairs)]) for number in range(count)}
    return [
        _fact(draw, number % _KINDS, *pairs[number % len(pairs)], taken) for number in range(count)
    ]


def _fact(
    draw: random.Random, kind: int, place: str, thing: str, taken: set[tuple[int, str, str]]
) -> Fact:
    free = [one for one in _PLACES if (kind, one, thing) not in taken]
    others = draw.sample(free, min(3, len(free)))
    values = draw.sample(range(1000, 99999), 4)
    names = draw.sample(_NAMES, 4)
    match kind:
        case 0:
            line, ask = "{p}_{t}_limit = {v}", "What is the limit of the {t} at the {p}?"
        case 1:
            line, ask = (
                "note: the {t} in the {p} is looked after by {n} since last spring",
                "Who looks after the {t} in the {p}?",
            )
        case 2:
            line, ask = (
                "WARN {p}/{t}: restarted after error E{v}",
                "After which error was the {t} of the {p} restarted?",
            )
        case 3:
            line, ask = (
                '    "{p}{T}Port": {v},',
                "On which port does the {t} of the {p} listen?",
            )
        case _:
            line, ask = (
                "decided: {n} will repaint the {t} of the {p}, not before May",
                "Who is going to repaint the {t} of the {p}?",
            )

    def filled(text: str, at: str, value: int, name: str) -> str:
        return text.format(p=at, t=thing, T=thing.title(), v=value, n=name)

    is_name = "{n}" in line
    return Fact(
        filled(line, place, values[0], names[0]),
        filled(ask, place, values[0], names[0]),
        names[0] if is_name else str(values[0]),
        tuple(
            filled(line, other, value, name)
            for other, value, name in zip(others, values[1:], names[1:], strict=False)
        ),
        tuple(names[1:]) if is_name else tuple(map(str, values[1:])),
    )


def hidden(texts: Sequence[Document], found: Sequence[Fact], seed: int = 11) -> list[Document]:
    """Return the documents with the facts in them, spread evenly, their lookalikes anywhere."""
    draw = random.Random(seed)
    lines = [document.text.split("\n") for document in texts]
    for number, fact in enumerate(found):
        depth = number % DEPTHS
        first = depth * len(lines) // DEPTHS
        last = max(first + 1, (depth + 1) * len(lines) // DEPTHS)
        _hide(draw, lines[draw.randrange(first, min(last, len(lines)))], fact.line)
        for lookalike in fact.lookalikes:
            _hide(draw, lines[draw.randrange(len(lines))], lookalike)
    return [
        Document(document.path, "\n".join(text))
        for document, text in zip(texts, lines, strict=True)
    ]


def _hide(draw: random.Random, lines: list[str], line: str) -> None:
    lines.insert(draw.randrange(len(lines) + 1), line)


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--models", type=Path, help="the folder of model files, if not kodo's own")
    parser.add_argument("--answers", type=Path, help="keep answers there, and go on from them")
    parser.add_argument("--most", type=int, help="ask no more than so many questions this time")
    options = parser.parse_args()
    conditions = Conditions(options.model, options.questions, options.tokens)
    done: list[Answered] = []
    if options.answers is not None:
        try:
            done = read_answers(options.answers, conditions, Answered)
        except ValueError as error:
            parser.error(str(error))
    models = options.models or read_environment().paths().models
    file = ModelFolder(models).require(find(options.model))
    report(anyio.run(_run, file, conditions, done, options.answers, options.most))


async def _run(
    file: Path,
    conditions: Conditions,
    done: Sequence[Answered],
    kept: Path | None,
    most: int | None,
) -> list[Answered]:
    engine = await LlamaEngine.load(file)
    count, tokens = conditions.questions, conditions.tokens
    asked = facts(count)
    known = {one.number for one in done}
    left = [number for number in range(count) if number not in known][:most]
    answers = list(done)
    try:
        with tempfile.TemporaryDirectory() as path:
            async with open_memory(Path(path)) as (store, recall):
                texts = hidden(list(documents(tokens)), asked)
                size = await fill(store, Path(path) / "workspace", texts)
                await recall.catch_up()
                print(f"haystack: {size / 1e6:.1f} MB; {len(left)} of {count} questions left")
                for number in left:
                    one = await _ask(engine, recall, asked[number], number)
                    answers.append(one)
                    if kept is not None:
                        keep(kept, one)
    finally:
        await engine.aclose()
    return answers


async def _ask(engine: LlamaEngine, recall: Recall, fact: Fact, number: int) -> Answered:
    hits = await recall.search(Query(fact.question, k=HITS))
    recalled = pack(hits, BUDGET_TOKENS, "")
    gold = pack([await _gold(recall, fact)], BUDGET_TOKENS, "")
    return Answered(
        number,
        number % DEPTHS,
        await is_right(engine, recalled.text, fact),
        await is_right(engine, gold.text, fact),
        fact.line in recalled.text,
    )


async def _gold(recall: Recall, fact: Fact) -> Hit:
    """Return the chunk that holds the fact, from a little before it on."""
    hit = (await recall.search(Query(fact.line, k=1, mode="exact")))[0]
    lines = hit.text.split("\n")
    at = next(number for number, line in enumerate(lines) if fact.line in line)
    first = max(0, at - 8)
    return Hit(
        hit.ref,
        hit.kind,
        hit.path,
        hit.first_line + first,
        hit.first_line + min(len(lines), at + 8) - 1,
        hit.thread,
        hit.entry,
        hit.at,
        hit.score,
        "\n".join(lines[first : at + 8]),
    )


async def is_right(engine: LlamaEngine, text: str, fact: Fact) -> bool:
    """Tell whether the model answers with the fact's value, and no lookalike's, from a text."""
    prompt = await engine.render(
        [Turn("system", INSTRUCTIONS), Turn("user", f"{text}\n\n{fact.question}")]
    )
    said = ""
    async for event in engine.generate(Request(prompt, OUTPUT_TOKENS)):
        if isinstance(event, Finished):
            said = event.text
    plain = said.replace(",", "").replace("_", "").lower()
    return fact.answer.lower() in plain and not any(one.lower() in plain for one in fact.wrong)


def report(answers: Sequence[Answered]) -> None:
    """Print accuracies and the paired difference."""
    if not answers:
        print("no question was asked")
        return
    differences = [int(one.recalled_right) - int(one.gold_right) for one in answers]
    middle = mean(differences)
    half = 1.96 * stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else 1.0
    print(
        f"n={len(answers)}: "
        f"right with recalled text {_share([a.recalled_right for a in answers])}, "
        f"with the gold chunk {_share([a.gold_right for a in answers])}; "
        f"the fact was in the recalled text {_share([a.was_recalled for a in answers])}"
    )
    verdict = "holds" if middle - half > -LOSS_ALLOWED else "not shown"
    print(
        f"difference {100 * middle:+.1f} points, 95 % interval {100 * (middle - half):+.1f} to "
        f"{100 * (middle + half):+.1f}; no loss above {100 * LOSS_ALLOWED:.0f} points: {verdict}"
    )
    by_depth: defaultdict[int, list[Answered]] = defaultdict(list)
    for one in answers:
        by_depth[one.depth].append(one)
    for depth, rows in sorted(by_depth.items()):
        print(
            f"depth {depth:>2}: recalled {_share([a.recalled_right for a in rows])}, "
            f"gold {_share([a.gold_right for a in rows])}"
        )


def _share(values: Sequence[bool]) -> str:
    return f"{100 * mean(values):.1f} %"


if __name__ == "__main__":
    main()
