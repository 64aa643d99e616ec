"""What the embedded model does on this host: prefill, decode, samples over one shared prefix.

Ratios within one run: reading once and sampling four times against four separate answers, and a
repeated prompt against a new one. Run: python -m benchmarks.local [MODEL_ID]
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks.process import middle
from kodo.engine.catalog import find
from kodo.engine.files import ModelFolder
from kodo.engine.llama import LlamaEngine
from kodo.engine.request import Finished, Request
from kodo.runtime.config import read_environment

PROMPT_BYTES = 2_400
OUTPUT_TOKENS = 48
RUNS = 3


async def main(name: str) -> None:
    """Measure and print one line a figure."""
    folder = ModelFolder(read_environment().paths().models)
    path = folder.require(find(name))
    began_s = time.monotonic()
    engine = await LlamaEngine.load(path)
    print(f"local: {name} loaded in {time.monotonic() - began_s:.1f} s")
    try:
        await measure(engine)
    finally:
        await engine.aclose()


async def measure(engine: LlamaEngine) -> None:
    """Measure a loaded engine."""
    source = Path(__file__).with_name("overhead.py").read_text("utf-8")[:PROMPT_BYTES]
    prefill: list[float] = []
    decode: list[float] = []
    gain: list[float] = []
    cached: list[float] = []
    for number in range(RUNS):
        asked = f"# variant {number}\n{source}\nExplain."
        prompt = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
        new_s, (first,) = await _timed(engine, prompt, 1)
        prefill.append(first.timings.prefill_per_s)
        decode.append(first.timings.decode_per_s)
        again_s, _ = await _timed(engine, prompt, 1)
        cached.append(new_s / again_s)
        four_s, samples = await _timed(engine, prompt, 4)
        tokens = sum(sample.timings.decoded_tokens for sample in samples)
        gain.append((tokens / four_s) / (OUTPUT_TOKENS / again_s))
    print(f"local: prefill {middle(prefill):.0f} tokens/s, decode {middle(decode):.1f} tokens/s")
    print(f"local: a repeated prompt answers {middle(cached):.1f} times faster than a new one")
    print(f"local: four samples together give {middle(gain):.2f} times the tokens/s of one")


async def _timed(
    engine: LlamaEngine, prompt: str, samples: int
) -> tuple[float, Sequence[Finished]]:
    began_s = time.monotonic()
    request = Request(
        prompt,
        output_tokens=OUTPUT_TOKENS,
        temperature=0.7 if samples > 1 else 0.0,
        seed=1,
        samples=samples,
    )
    done = [event async for event in engine.generate(request) if isinstance(event, Finished)]
    return time.monotonic() - began_s, done


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "qwen2.5-coder-1.5b")
