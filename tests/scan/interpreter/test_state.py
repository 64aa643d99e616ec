"""Heaps that part and meet."""

from kodo.scan.interpreter.state import Heap, State, join_states
from kodo.scan.interpreter.values import Cells, Value


def holding(constant: int) -> Cells:
    """A list of one number."""
    return Cells("list", {0: Value(constant)})


def constant_in(heap: Heap, cell: int) -> object:
    """What is first in a container."""
    return heap[cell].items[0].constant


def test_what_both_paths_leave_alone_is_shared() -> None:
    """Only what was written since the paths parted is joined."""
    before = State({}, Heap())
    before.heap.write(1, holding(1))
    before.heap.write(2, holding(2))
    one, other = before.copy(), before.copy()
    one.heap.write(2, holding(5))
    other.heap.write(3, holding(3))
    joined = join_states(one, other)
    assert joined is not None
    assert joined.heap[1] is before.heap[1]
    assert constant_in(joined.heap, 2) not in (2, 5)
    assert constant_in(joined.heap, 3) == 3


def test_joined_paths_meet_a_third() -> None:
    """What two paths wrote is known when their join meets another."""
    before = State({}, Heap())
    before.heap.write(1, holding(1))
    one, other, third = before.copy(), before.copy(), before.copy()
    one.heap.write(1, holding(2))
    other.heap.write(4, holding(4))
    joined = join_states(join_states(one, other), third)
    assert joined is not None
    assert constant_in(joined.heap, 1) not in (1, 2)
    assert constant_in(joined.heap, 4) == 4
    assert constant_in(third.heap, 1) == 1


def test_take_sets_what_the_other_changed() -> None:
    """What a closure changes is seen around it, also behind a join."""
    outer = Heap()
    outer.write(1, holding(1))
    inner = Heap(outer)
    inner.write(1, holding(7))
    inner.write(2, holding(8))
    outer.take(inner)
    assert (constant_in(outer, 1), constant_in(outer, 2)) == (7, 8)
    later = Heap(outer)
    later.write(2, holding(9))
    met = join_states(State({}, Heap(outer)), State({}, later))
    assert met is not None
    assert constant_in(met.heap, 2) not in (8, 9)
