"""The book of chains: which slot a request gets, and what is copied, kept or thrown away for it."""

from hypothesis import given
from hypothesis import strategies as st

from kodo.engine.chains import Chains, Drop, Erase, Restore, Save, Step, common_length

ROOT = "You are an agent. " * 200


def book(slots: int = 2, context_tokens: int = 100_000, disk_bytes: int = 1 << 30) -> Chains:
    return Chains(slots, context_tokens, disk_bytes)


def run(chains: Chains, chain: str, prompt: str) -> tuple[int, tuple[Step, ...]]:
    """Place a request, carry it out and return its slot and the steps before it."""
    placed = chains.place(chain, prompt, 100)
    for step in placed.steps:
        if isinstance(step, Save):
            chains.saved(step.file, 1000)
    chains.done(placed.slot, f"{prompt} answer", len(prompt) // 4)
    return placed.slot, placed.steps


def test_a_conversation_stays_in_its_slot() -> None:
    chains = book()
    first, _ = run(chains, "a", ROOT + "one")
    other, _ = run(chains, "b", "Something else. " * 100)
    assert other != first
    assert run(chains, "a", ROOT + "one answer two") == (first, ())


def test_without_a_name_the_text_itself_tells() -> None:
    chains = book()
    first, _ = run(chains, "", ROOT + "one")
    run(chains, "", "Something else. " * 100)
    assert run(chains, "", ROOT + "one answer two") == (first, ())


def test_a_third_conversation_puts_the_oldest_aside_and_it_comes_back() -> None:
    chains = book()
    first, _ = run(chains, "a", "Apples. " * 200)
    run(chains, "b", "Birds. " * 200)
    assert run(chains, "c", "Cats. " * 200) == (first, (Save(first, "0.kv"),))
    slot, steps = run(chains, "a", "Apples. " * 200 + " answer and more")
    assert steps == (Save(slot, "1.kv"), Restore(slot, "0.kv"))


def test_a_fork_begins_with_a_copy_and_leaves_the_other_whole() -> None:
    chains = book()
    first, _ = run(chains, "a", ROOT + "Apples. " * 200)
    slot, steps = run(chains, "b", ROOT + "Birds. " * 200)
    assert slot != first
    assert steps == (Save(first, "0.kv"), Restore(slot, "0.kv"))
    assert run(chains, "a", ROOT + "Apples. " * 200 + " answer") == (first, ())


def test_a_fork_with_one_slot_keeps_what_it_overwrites() -> None:
    chains = book(slots=1)
    run(chains, "a", ROOT + "Apples. " * 200)
    assert run(chains, "b", ROOT + "Birds. " * 200)[1] == (Save(0, "0.kv"),)
    assert run(chains, "a", ROOT + "Apples. " * 200)[1] == (Save(0, "1.kv"), Restore(0, "0.kv"))


def test_a_chain_that_goes_back_continues_in_place_but_is_not_lost() -> None:
    chains = book()
    run(chains, "a", ROOT + "Apples. " * 200)
    slot, steps = run(chains, "a", ROOT + "Summary, please.")
    assert (slot, steps) == (0, (Save(0, "0.kv"),))
    assert run(chains, "a", ROOT + "Apples. " * 200 + " answer on") == (0, (Restore(0, "0.kv"),))


def test_a_busy_slot_is_left_alone() -> None:
    chains = book()
    held = chains.place("a", ROOT, 100)
    placed = chains.place("a", ROOT, 100)
    assert placed.slot != held.slot
    assert (placed.steps, chains.idle) == ((), 0)
    chains.broke_off(held.slot)
    assert chains.idle == 1


def test_what_does_not_fit_into_the_cache_goes_to_disk_the_oldest_first() -> None:
    chains = book(slots=3, context_tokens=2_000)
    run(chains, "a", "Apples. " * 300)
    run(chains, "b", "Birds. " * 300)
    _, steps = run(chains, "c", "Cats. " * 400)
    assert steps == (Save(0, "0.kv"), Erase(0))


def test_the_disk_has_a_limit() -> None:
    chains = book(slots=1, disk_bytes=2_000)
    for number, name in enumerate(["Apples. ", "Birds. ", "Cats. "]):
        run(chains, name, name * 200)
        assert chains.idle == 1, number
    chains.place("d", "Dogs. " * 200, 100)
    assert chains.saved("2.kv", 1000) == (Drop("0.kv"),)


def test_slots_lent_unseen_are_taken_for_empty() -> None:
    chains = book()
    run(chains, "a", ROOT)
    assert chains.put_all_aside() == (Save(0, "0.kv"),)
    assert run(chains, "a", ROOT + " answer go on")[1] == (Restore(0, "0.kv"),)
    assert [type(step) for step in chains.put_all_aside()] == [Drop, Save]


def test_a_lost_file_is_not_asked_for_again() -> None:
    chains = book(slots=1)
    run(chains, "a", "Apples. " * 200)
    run(chains, "b", "Birds. " * 200)
    chains.lost("0.kv")
    assert not any(isinstance(step, Restore) for step in run(chains, "a", "Apples. " * 200)[1])


@given(one=st.text("ab", max_size=30), other=st.text("ab", max_size=30))
def test_common_beginnings(one: str, other: str) -> None:
    length = common_length(one, other)
    assert one[:length] == other[:length]
    assert one[: length + 1] != other[: length + 1] or length == min(len(one), len(other))


@given(
    turns=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.integers(0, 1500)), max_size=30
    )
)
def test_no_file_is_used_that_was_not_written_or_was_deleted(
    turns: list[tuple[str, int, int]],
) -> None:
    chains, files = book(slots=2, context_tokens=1500, disk_bytes=4_000), set[str]()
    for chain, root, length in turns:
        placed = chains.place(chain, "xyzw"[root] * 600 + chain * length, 64)
        waiting = list(placed.steps)
        while waiting:
            match waiting.pop(0):
                case Save(_, file):
                    files.add(file)
                    waiting[:0] = chains.saved(file, 1000)
                case Restore(_, file):
                    assert file in files
                case Drop(file):
                    files.discard(file)
                case Erase(slot):
                    assert slot != placed.slot
        assert len(files) <= 5
        chains.done(placed.slot, "xyzw"[root] * 600 + chain * length, 150 + length // 4)
