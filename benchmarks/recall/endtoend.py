"""End to end: one model, one window, three ways to live with a history that outgrows it.

The reader's facts lie in a history of files, outputs and messages. Each question is put to the same
model with the newest part of that history and, by way: nothing more (truncation); the model's own
running summary of all before it (compaction, as most agents do it); or what the ordinary search
recalls (at most 1,500 tokens). All three fit the same window. Reports the accuracies and recall's
paired gain over the others with its 95 % interval.

Run: python -m benchmarks.recall.endtoend [--questions 60] [--tokens 60000] [--window 8192]
       [--answers FILE.jsonl]   (stopped, the same command goes on)
"""

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from time import process_time

import anyio
import msgspec

from benchmarks.recall.answers import keep, read_answers
from benchmarks.recall.corpus import BYTES_A_TOKEN, Document, documents
from benchmarks.recall.memory import fill, open_memory
from benchmarks.recall.reader import (
    BUDGET_TOKENS,
    DEFAULT_MODEL,
    HITS,
    OUTPUT_TOKENS,
    Fact,
    facts,
    hidden,
    is_right,
)
from kodo.agent.window.recalled import pack
from kodo.core.recall import Query
from kodo.engine.catalog import find
from kodo.engine.files import ModelFolder
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import Finished, Request, Turn
from kodo.runtime.config import read_environment

SUMMARY_TOKENS = 500
COMPACT = (
    "You keep the notes of a long session. Write one new summary that joins the summary so far and "
    "what happened next. Keep every name, number, setting, decision and error exactly."
)

_FRAME_TOKENS = 200  # the template, the instructions, the question and the headings


class Conditions(msgspec.Struct, frozen=True):
    """What answers must have in common to be counted together."""

    model: str
    questions: int
    tokens: int
    window: int


class Answers(msgspec.Struct, frozen=True):
    """Which of the three ways answered one question rightly.

    The summary stands in each: it is written once, and takes longest.
    """

    number: int
    truncated: bool
    summarised: bool
    recalled: bool
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All answers, and how often the summary was written in this run."""

    answers: tuple[Answers, ...]
    parts: int
    summary_cpu_s: float

    def lines(self) -> list[str]:
        """Return the report as text."""
        rows = self.answers
        if not rows:
            return ["no question was asked"]
        ways = {
            "recall": [one.recalled for one in rows],
            "truncation": [one.truncated for one in rows],
            "summary compaction": [one.summarised for one in rows],
        }
        shares = ", ".join(f"{name} {100 * mean(right):.1f} %" for name, right in ways.items())
        found = [
            f"n={len(rows)}: right with {shares}",
            f"the summary was written {self.parts} times in {self.summary_cpu_s:.0f} CPU s",
        ]
        for name in ("truncation", "summary compaction"):
            pairs = zip(ways["recall"], ways[name], strict=True)
            differences = [int(one) - int(other) for one, other in pairs]
            half = 1.96 * stdev(differences) / sqrt(len(rows)) if len(rows) > 1 else 1.0
            middle = 100 * mean(differences)
            found.append(
                f"recall against {name}: {middle:+.1f} points, "
                f"95 % interval {middle - 100 * half:+.1f} to {middle + 100 * half:+.1f}"
            )
        return found


class Reader:
    """A model with a window of so many tokens, and the texts that are made to fit it."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self._room = engine.context_tokens - OUTPUT_TOKENS - _FRAME_TOKENS
        self.parts = 0

    async def newest(self, history: str, beside: str = "") -> str:
        """Return the end of a history that fits the window beside another text."""
        room = max(0, self._room - len(await self._engine.tokens(beside)))
        if room == 0:
            return ""
        return await self._cut(history[-room * 8 :], room)

    async def summarise(self, history: str) -> str:
        """Return the model's summary of a history, made part by part."""
        summary = ""
        # Half the window for what is new: the rest is for the summary, twice.
        most = min(SUMMARY_TOKENS, self._room // 4)
        room = self._room // 2 - most // 2
        while history:
            part = await self._cut(history[: room * 8], room, from_end=False)
            if not part:
                raise ValueError(
                    f"a window of {self._engine.context_tokens} tokens leaves no room for a summary"
                )
            history = history[len(part) :]
            asked = f"Summary so far:\n{summary or 'nothing yet'}\n\nWhat happened next:\n{part}"
            prompt = await self._engine.render([Turn("system", COMPACT), Turn("user", asked)])
            async for event in self._engine.generate(Request(prompt, most)):
                if isinstance(event, Finished):
                    summary = event.text.strip()
            self.parts += 1
        return summary

    async def answers(self, text: str, fact: Fact) -> bool:
        """Tell whether the model answers rightly from a text."""
        return await is_right(self._engine, text, fact)

    async def _cut(self, text: str, room: int, *, from_end: bool = True) -> str:
        """Return the end, or the beginning, of a text that has at most `room` tokens."""
        while text and (count := len(await self._engine.tokens(text))) > room:
            kept = min(len(text) - 1, len(text) * room // count)
            text = text[len(text) - kept :] if from_end else text[:kept]
        return text


async def measure(
    engine: LlamaEngine,
    folder: Path,
    count: int,
    tokens: int,
    done: Sequence[Answers] = (),
    kept: Path | None = None,
) -> Report:
    """Hide `count` facts in a history of about `tokens` tokens and ask for each in three ways.

    `done` are answers of an earlier run; new ones are added to the file `kept`.
    """
    asked = facts(count)
    texts = hidden(_of_size(documents(tokens), tokens * BYTES_A_TOKEN), asked)
    reader = Reader(engine)
    history = _as_text(texts)
    newest = await reader.newest(history)
    before = process_time()
    if done:
        summary = done[0].summary
    else:
        summary = await reader.summarise(history[: len(history) - len(newest)])
    summary_cpu_s = process_time() - before
    noted = f"Summary of what came before:\n{summary}\n\n"
    summarised = noted + await reader.newest(history, noted)
    answers = list(done)
    known = {one.number for one in done}
    async with open_memory(folder) as (store, recall):
        await fill(store, folder / "workspace", texts)
        await recall.catch_up()
        for number, fact in enumerate(asked):
            if number in known:
                continue
            hits = await recall.search(Query(fact.question, k=HITS))
            room = min(BUDGET_TOKENS, engine.context_tokens // 3)
            block = pack(hits, room, "").text
            recalled = f"{await reader.newest(history, block)}\n\n{block}"
            one = Answers(
                number,
                truncated=await reader.answers(newest, fact),
                summarised=await reader.answers(summarised, fact),
                recalled=await reader.answers(recalled, fact),
                summary=summary,
            )
            answers.append(one)
            if kept is not None:
                keep(kept, one)
    return Report(tuple(answers), reader.parts, summary_cpu_s)


def _of_size(texts: Iterable[Document], size: int) -> list[Document]:
    """Return the first documents, the last one cut, so that they have so many characters."""
    found: list[Document] = []
    for document in texts:
        found.append(Document(document.path, document.text[:size]))
        size -= len(found[-1].text)
        if size <= 0:
            break
    return found


def _as_text(texts: Sequence[Document]) -> str:
    return "\n\n".join(f"[{document.path}]\n{document.text}" for document in texts)


def main() -> None:
    """Run the benchmark and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=60_000)
    parser.add_argument("--window", type=int, default=8192, help="of the model, in tokens")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--models", type=Path, help="the folder of model files, if not kodo's own")
    parser.add_argument("--answers", type=Path, help="keep answers there, and go on from them")
    options = parser.parse_args()
    conditions = Conditions(options.model, options.questions, options.tokens, options.window)
    done: list[Answers] = []
    if options.answers is not None:
        try:
            done = read_answers(options.answers, conditions, Answers)
        except ValueError as error:
            parser.error(str(error))
    models = options.models or read_environment().paths().models
    file = ModelFolder(models).require(find(options.model))
    report = anyio.run(_run, file, conditions, done, options.answers)
    print(f"{options.model}, window {options.window}, history {options.tokens} tokens")
    print("\n".join(report.lines()))


async def _run(
    file: Path, conditions: Conditions, done: Sequence[Answers], kept: Path | None
) -> Report:
    engine = await LlamaEngine.load(file, Settings(context_tokens=conditions.window))
    try:
        with tempfile.TemporaryDirectory() as folder:
            count, tokens = conditions.questions, conditions.tokens
            return await measure(engine, Path(folder), count, tokens, done, kept)
    finally:
        await engine.aclose()


if __name__ == "__main__":
    main()
