"""Numbers as people read them: durations, counts, money, sizes."""

from kodo.core.limits import Spent


def duration(seconds: float) -> str:
    """Return `0.3 s`, `42 s`, `3 min 5 s` or `1 h 2 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def count(number: int, noun: str) -> str:
    """Return `1 call` or `3 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(size_bytes: int) -> str:
    """Return a size in decimal units, as disks are sold: `1.1 GB`."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit in ("B", "kB") else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def money(cost_usd: float | None) -> str:
    """Return a cost; an unknown one is said to be unknown, never 0."""
    if cost_usd is None:
        return "cost unknown"
    if cost_usd == 0:
        return "no cost"
    return f"${cost_usd:.2f}" if cost_usd >= 1 else f"${cost_usd:.4f}"


def spending(spent: Spent) -> str:
    """Return what a run took, in one line."""
    usage = spent.usage
    tokens = f"{usage.input_tokens:,} tokens in"
    if usage.cached_tokens:
        tokens += f" ({usage.cached_tokens:,} cached)"
    parts = [
        count(spent.model_calls, "model call"),
        count(spent.tool_calls, "tool call"),
        f"{tokens}, {usage.output_tokens:,} out",
    ]
    if spent.model_calls:
        parts.append(money(usage.cost_usd))
    parts.append(duration(spent.seconds))
    return " · ".join(parts)
