"""The KV cache on the chain: what the next turn costs, against llama.cpp's own way, in one run.

Four conversations that share a system prompt take turns over two slots; then one conversation
alone. Both engines are the same build and the same model: ours with its book of chains, and
llama.cpp's choice of slots by similarity and age, with and without its cache of prompts in RAM.
Figures are CPU seconds of the process (a busy machine does not change them) and tokens read; the
time to the first token of an otherwise idle machine is their quotient by the threads.
Run: python -m benchmarks.serving.chain MODEL.gguf [SHARED_WORDS OWN_WORDS]
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.process import middle
from kodo.engine.llama import LlamaEngine, Settings
from kodo.engine.request import Finished, Piece, Request

CHAINS = ("apples", "birds", "cats", "dogs")
TURNS = 2
OUTPUT_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: CPU seconds to its first token and to its end, and tokens read anew."""

    first_cpu_s: float
    whole_cpu_s: float
    read_tokens: int
    prompt_tokens: int


async def main(path: Path, shared_words: int, own_words: int) -> None:
    """Measure all engines and print one line each, then the ratios."""
    ways = {
        "chains": Settings(context_tokens=16_384, slots=2, threads=1, chains=True),
        "llama.cpp, prompt cache": Settings(context_tokens=16_384, slots=2, threads=1),
        "llama.cpp, slots only": Settings(
            context_tokens=16_384, slots=2, threads=1, saved_prompts_mib=0
        ),
    }
    four: dict[str, float] = {}
    one: dict[str, float] = {}
    for name, settings in ways.items():
        engine = await LlamaEngine.load(path, settings)
        try:
            cold, warm = await interleaved(engine, shared_words, own_words)
            alone = await single(engine, own_words)
        finally:
            await engine.aclose()
        four[name] = middle([turn.first_cpu_s for turn in warm])
        one[name] = middle([turn.whole_cpu_s for turn in alone])
        print(
            f"{name}: four chains over two slots, {warm[0].prompt_tokens} tokens each: first token"
            f" {middle([turn.first_cpu_s for turn in cold]):.2f} CPU s cold (the first"
            f" {cold[0].first_cpu_s:.2f}), {four[name]:.2f} on the next turn"
            f" ({middle([float(turn.read_tokens) for turn in warm]):.0f} tokens read);"
            f" one chain {one[name]:.2f} a turn",
            flush=True,
        )
    for name in list(ways)[1:]:
        print(
            f"against {name}: four chains {four[name] / four['chains']:.1f} times faster to the"
            f" first token (bar 2), one chain {one['chains'] / one[name]:.2f} of its CPU (bar 1.1)"
        )


async def interleaved(
    engine: LlamaEngine, shared_words: int, own_words: int
) -> tuple[list[Turn], list[Turn]]:
    """Return the first turns of all chains, and the later ones."""
    said = {
        chain: "You are a careful poet. " * (shared_words // 5)
        + f"Let us talk about {chain}. " * (own_words // 5)
        for chain in CHAINS
    }
    turns: list[list[Turn]] = []
    for number in range(1 + TURNS):
        turns.append([])
        for chain in CHAINS:
            turn, text = await _ask(engine, chain, said[chain])
            turns[-1].append(turn)
            said[chain] += f"{text}\nGo on with part {number}, please.\n"
    return turns[0], [turn for later in turns[1:] for turn in later]


async def single(engine: LlamaEngine, own_words: int) -> list[Turn]:
    """Return the later turns of one chain alone."""
    said = "Once upon a time there was a river. " * (own_words // 8)
    turns: list[Turn] = []
    for number in range(6):
        turn, text = await _ask(engine, "river", said)
        turns.append(turn)
        said += f"{text}\nGo on with part {number}, please.\n"
    return turns[1:]


async def _ask(engine: LlamaEngine, chain: str, prompt: str) -> tuple[Turn, str]:
    began_s = time.process_time()
    first_s = 0.0
    text = ""
    async for event in engine.generate(Request(prompt, OUTPUT_TOKENS, chain=chain)):
        if isinstance(event, Piece) and not first_s:
            first_s = time.process_time() - began_s
        if isinstance(event, Finished):
            took = event.timings
            whole_s = time.process_time() - began_s
            read = took.prompt_tokens - took.cached_tokens
            text = event.text
            return Turn(first_s or whole_s, whole_s, read, took.prompt_tokens), text
    raise SystemExit("the engine gave no answer")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        raise SystemExit(__doc__)
    shared, own = [int(word) for word in sys.argv[2:]] or [1_500, 700]
    anyio.run(main, Path(sys.argv[1]), shared, own)
