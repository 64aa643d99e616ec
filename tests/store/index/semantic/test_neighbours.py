"""Messages change places by what stands beside them; nothing else does."""

from kodo.core.recall import Hit, RecallKind
from kodo.store.index.semantic.neighbours import with_neighbours


def _hit(entry: int, score: float, kind: RecallKind = "user", thread: str = "t") -> Hit:
    return Hit(f"e{entry}", kind, "", 1, 1, thread, entry, "", score, "text")


def _entries(hits: list[Hit]) -> list[int]:
    return [hit.entry for hit in hits]


def test_a_message_among_others_that_match_comes_first() -> None:
    hits = [_hit(50, 1.0), _hit(10, 0.9), _hit(11, 0.8), _hit(12, 0.7)]
    assert _entries(with_neighbours(hits))[0] == 11


def test_other_kinds_keep_their_places() -> None:
    hits = [_hit(1, 1.0, "tool"), _hit(50, 0.9), _hit(2, 0.8, "file"), _hit(10, 0.7)]
    found = with_neighbours(hits)
    assert [found[0].entry, found[2].entry] == [1, 2]
    assert sorted(_entries(found)) == sorted(_entries(hits))


def test_threads_do_not_lend_to_one_another() -> None:
    hits = [_hit(50, 1.0), _hit(10, 0.9), _hit(11, 0.8, thread="other")]
    assert _entries(with_neighbours(hits)) == [50, 10, 11]


def test_two_pieces_of_one_message_and_none_at_all() -> None:
    assert with_neighbours([]) == []
    hits = [_hit(5, 1.0), _hit(5, 0.5)]
    assert with_neighbours(hits) == hits
