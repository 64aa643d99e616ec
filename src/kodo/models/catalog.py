"""What is known of well-known models: windows, limits, prices, abilities, and what a call costs.

Does not ask anybody: the table in catalog.json is data with a source and a date. Guards honesty: an
unknown price is None, never a guess.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from kodo.core.messages import Usage, Value
from kodo.core.model import Ability, ModelInfo, Price

CACHE_WRITE_FACTOR = 1.25  # Anthropic's five-minute cache: writing costs a quarter more than input


class CatalogEntry(Value, frozen=True):
    """A model as the table has it. `name` also stands for its dated and `-latest` names.

    `source` names where the numbers come from and when they were read.
    """

    provider: str
    name: str
    context_tokens: int
    output_tokens: int
    source: str
    inputs: tuple[Literal["text", "image"], ...] = ("text", "image")
    price: Price | None = None
    abilities: frozenset[Ability] = frozenset({"tools", "parallel_tools", "images", "schema"})


_OPENAI: frozenset[Ability] = frozenset(
    {"tools", "parallel_tools", "schema", "images", "reasoning"}
)
_ANTHROPIC: frozenset[Ability] = frozenset({"tools", "parallel_tools", "images"})
_OWN_SERVER: frozenset[Ability] = frozenset(
    {"tools", "parallel_tools", "schema", "seed", "logprobs"}
)


@cache
def entries() -> tuple[CatalogEntry, ...]:
    """Return the whole table, in the order of the file."""
    data = Path(__file__).with_name("catalog.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[CatalogEntry, ...])


def find(provider: str, name: str) -> CatalogEntry | None:
    """Return the entry of a model, by its name or by the longest entry it is a version of.

    `gpt-4.1-mini-2025-04-14` and `claude-sonnet-4-5-20250929` are versions of their names;
    `gpt-4.1-mini` is not one of `gpt-4.1`.
    """
    best: CatalogEntry | None = None
    for entry in entries():
        if entry.provider != provider or not _is_version(name, entry.name):
            continue
        if best is None or len(entry.name) > len(best.name):
            best = entry
    return best


def model_info(provider: str, name: str, *, known_as: str | None = None) -> ModelInfo:
    """Return what is known of `provider/name`.

    `known_as` is the provider whose table is read (a gateway of one's own may serve OpenAI's
    models). A model that is not in the table gets a usual window and no price.
    """
    table = known_as or provider
    entry = find(table, name)
    model_id = f"{provider}/{name}"
    if entry is not None:
        return ModelInfo(
            id=model_id,
            provider=provider,
            context_tokens=entry.context_tokens,
            output_tokens=entry.output_tokens,
            inputs=entry.inputs,
            price=entry.price,
            abilities=entry.abilities,
        )
    if table == "anthropic":
        seen = ("text", "image")
        return ModelInfo(model_id, provider, 200_000, 32_000, seen, None, _ANTHROPIC)
    if table == "openai":
        seen = ("text", "image")
        return ModelInfo(model_id, provider, 400_000, 128_000, seen, None, _OPENAI)
    # A server of one's own: most run open models with windows of at least this size.
    return ModelInfo(model_id, provider, 32_768, 8_192, ("text",), None, _OWN_SERVER)


def cost_usd(usage: Usage, price: Price | None, *, cache_write_tokens: int = 0) -> float | None:
    """Return what `usage` costs in US dollars, or None where the price is unknown.

    `cache_write_tokens` is the part of the input that was written to the provider's cache at
    `CACHE_WRITE_FACTOR`. Cached input without a price of its own costs what input costs.
    """
    if price is None:
        return None
    cached_usd = price.input_usd if price.cached_usd is None else price.cached_usd
    fresh = max(0, usage.input_tokens - usage.cached_tokens - cache_write_tokens)
    total = (
        fresh * price.input_usd
        + usage.cached_tokens * cached_usd
        + cache_write_tokens * price.input_usd * CACHE_WRITE_FACTOR
        + usage.output_tokens * price.output_usd
    )
    return total / 1_000_000


def _is_version(name: str, base: str) -> bool:
    if name == base:
        return True
    rest = name.removeprefix(f"{base}-") if name.startswith(f"{base}-") else ""
    return rest == "latest" or (len(rest) >= 4 and rest.replace("-", "").isdigit())
