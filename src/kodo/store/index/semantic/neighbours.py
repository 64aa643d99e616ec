"""Messages by the company they keep: an answer often stands beside what has the words asked.

Knows hits, not texts. Guards that only messages change places, and only with one another.
"""

from collections.abc import Sequence

from kodo.core.recall import Hit

# By how far away a message stands in its thread: the share of its score that it lends.
_LENT = {1: 0.5, 2: 0.17}
_BESIDE_SHOWN = 0.85


def with_neighbours(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits, their messages in a new order: by their own and their neighbours' scores.

    What stands beside a message that is shown already tells less, and comes a little later.
    """
    messages = [hit for hit in hits if hit.kind in {"user", "assistant"}]
    own: dict[tuple[str, int], float] = {}
    for hit in messages:
        place = (hit.thread, hit.entry)
        own[place] = max(hit.score, own.get(place, 0.0))
    lent = {
        (thread, entry): score
        + sum(
            share * (own.get((thread, entry - away), 0.0) + own.get((thread, entry + away), 0.0))
            for away, share in _LENT.items()
        )
        for (thread, entry), score in own.items()
    }
    ordered: list[Hit] = []
    beside: set[tuple[str, int]] = set()
    while messages:
        best = max(
            messages,
            key=lambda hit: (
                lent[hit.thread, hit.entry]
                * (_BESIDE_SHOWN if (hit.thread, hit.entry) in beside else 1.0)
            ),
        )
        messages.remove(best)
        ordered.append(best)
        beside |= {(best.thread, best.entry - 1), (best.thread, best.entry + 1)}
    following = iter(ordered)
    return [next(following) if hit.kind in {"user", "assistant"} else hit for hit in hits]
