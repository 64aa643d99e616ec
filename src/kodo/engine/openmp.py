"""How llama.cpp's threads wait for each other: a short spin, then asleep.

Measured on 2 cores with a 1.5B model: threads that sleep at once decode at 8.8 tokens a second
where nothing else runs, spinning ones at 14 to 16; beside other work on the same cores endless
spinning is 4 to 8 times slower, since a waiting thread burns the time that the working one needs.
A short spin is as fast as either (docs/log.md).
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

SPINS = "30000"
_SPIN_COUNT = "GOMP_SPINCOUNT"
_POLICY = "OMP_WAIT_POLICY"


@contextmanager
def waiting_briefly() -> Generator[None, None, None]:
    """Let an OpenMP library that is loaded within the block spin for a moment before it sleeps.

    libgomp has no other door than the environment, and reads it once, when it is loaded. What the
    user has set stays; the variable is gone again after the block, so children do not get it.
    """
    if _SPIN_COUNT in os.environ or _POLICY in os.environ:
        yield
        return
    os.environ[_SPIN_COUNT] = SPINS
    try:
        yield
    finally:
        del os.environ[_SPIN_COUNT]
