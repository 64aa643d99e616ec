"""One textual edit, and how plausible each kind of edit is as the repair of a one-place bug.

Knows kinds and weights, not trees. Guards one table where all priors can be read side by side.
"""

from typing import NamedTuple

# What the weights stand on: studies of one-statement bug fixes in open projects find wrong
# identifiers, wrong or missing arguments, wrong literals and wrong operators in front, conditions
# that are too wide or too narrow next, then missing or misplaced statements. A weight is that of
# the kind at one place; where a place has many alternatives of a kind they share it (see `share`).
PRIORS: dict[str, float] = {
    "compare": 1.0,  # < to <=, == to !=, ...
    "compare-bound": 0.14,  # == 0 to <= 1
    "arithmetic": 0.7,
    "logic": 0.7,  # and to or
    "assign-operator": 0.7,  # += to -=
    "swap-operands": 0.4,
    "drop-operand": 0.3,  # a + b to a
    "negate": 0.45,
    "drop-not": 0.6,
    "widen-condition": 0.45,  # c to c or not x
    "guard-none": 0.35,  # c to x is None or c
    "integer": 0.7,  # n to n + 1
    "offset": 0.4,  # e to e - 1
    "offset-index": 0.7,  # the same in a subscript, a slice or a range
    "offset-name": 0.25,  # e to e - k
    "scale": 0.1,  # e to e * 2, e ** 2
    "bound": 0.3,  # e to max(0, e)
    "constant": 0.5,  # True to False, None to ""
    "constant-name": 0.35,  # while True to while queue
    "constant-test": 0.22,  # return True to return depth == 0
    "container": 0.4,  # [] to [x]
    "variable": 1.0,
    "target": 0.35,  # the variable that is assigned
    "attribute": 0.6,
    "swap-arguments": 0.6,
    "drop-argument": 0.3,
    "add-argument": 0.35,
    "operand": 0.5,  # an expression replaced by another one of the function
    "unwrap": 0.35,  # f(x) to x
    "equals": 0.5,  # a == b to a.equals(b)
    "wrap": 0.3,  # x to list(x)
    "slice": 0.25,  # xs to xs[k:]
    "copy": 0.25,
    "alias": 0.8,  # [[0] * n] * m to [[0] * n for _ in range(m)]
    "await": 0.5,
    "self": 0.5,
    "callee": 0.6,  # any to all
    "callee-name": 0.4,  # f to another function of the file
    "string": 0.3,
    "prefix": 0.2,  # return e to return acc + e
    "return": 0.4,  # f(x) to return f(x), and back
    "yield": 0.4,
    "delete": 0.3,
    "move": 0.35,
    "move-block": 0.45,
    "guard": 0.3,  # if not x: return []
    "guard-statement": 0.3,  # s to if x: s; if not x: continue
    "branches": 0.3,
    "jump": 0.35,  # break to continue
    "insert": 0.4,
    "loop": 0.45,  # if to while, and back
    "flush": 0.45,  # what a loop's branch does, once more behind the loop
    "wrap-around": 0.6,  # i++ to i = (i + 1) % n, where i is an index
    "clamp": 0.4,  # xs[:n] with n no more than there is
}


class Edit(NamedTuple):
    """`text` for the bytes [start, end). `sure` edits swap token for token and need no parse."""

    start: int
    end: int
    text: bytes
    kind: str
    weight: float
    sure: bool = False


def share(alternatives: int) -> float:
    """Return the part of a kind's weight that each of so many alternatives at one place gets."""
    return 1.0 / (1.0 + 0.25 * max(0, alternatives - 1))
