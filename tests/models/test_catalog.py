"""The table of known models and what a call costs."""

import pytest

from kodo.core.messages import Usage
from kodo.core.model import Price
from kodo.models.catalog import cost_usd, entries, find, model_info


def test_the_table_is_whole() -> None:
    names = [(entry.provider, entry.name) for entry in entries()]
    assert len(set(names)) == len(names)
    for entry in entries():
        assert entry.context_tokens >= entry.output_tokens > 0
        assert entry.price is not None
        assert entry.price.output_usd > entry.price.input_usd > 0
        assert "202" in entry.source
        assert ("images" in entry.abilities) == ("image" in entry.inputs)


@pytest.mark.parametrize(
    ("provider", "name", "known"),
    [
        ("openai", "gpt-4.1-mini", "gpt-4.1-mini"),
        ("openai", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("anthropic", "claude-haiku-4-5-latest", "claude-haiku-4-5"),
        ("openai", "gpt-4.1-giga", None),
        ("openai", "gpt", None),
        ("openai", "claude-sonnet-4-5", None),
        ("anthropic", "claude-opus-4-99", None),
    ],
)
def test_versions_are_found_and_relatives_are_not(
    provider: str, name: str, known: str | None
) -> None:
    entry = find(provider, name)
    assert (entry.name if entry else None) == known


def test_what_is_said_of_known_and_unknown_models() -> None:
    known = model_info("openai", "gpt-4.1-2025-04-14")
    assert (known.id, known.context_tokens) == ("openai/gpt-4.1-2025-04-14", 1_047_576)
    assert known.price == Price(2, 8, 0.5)
    for provider in ("openai", "anthropic"):
        unknown = model_info(provider, "newest")
        assert unknown.price is None
        assert "tools" in unknown.abilities
        assert "image" in unknown.inputs
    own = model_info("mine", "qwen")
    assert (own.provider, own.price, own.context_tokens) == ("mine", None, 32_768)
    gateway = model_info("gate", "gpt-4.1", known_as="openai")
    assert (gateway.id, gateway.provider, gateway.price) == ("gate/gpt-4.1", "gate", known.price)


def test_cost() -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000)
    assert cost_usd(usage, None) is None
    assert cost_usd(usage, Price(1, 10, 0.1)) == pytest.approx(0.6 + 0.04 + 1)
    assert cost_usd(usage, Price(1, 10)) == pytest.approx(1 + 1)
    written = cost_usd(usage, Price(1, 10, 0.1), cache_write_tokens=100_000)
    assert written == pytest.approx(0.5 + 0.04 + 0.125 + 1)
