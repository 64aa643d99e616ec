"""How llama.cpp's threads wait for each other: asleep, not spinning.

Measured: beside other work on the same cores (a test run, a build) spinning made decoding 4 to 8
times slower, since a waiting thread burns the time that the working one needs.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

_VARIABLE = "OMP_WAIT_POLICY"


@contextmanager
def waiting_passively() -> Generator[None, None, None]:
    """Let an OpenMP library that is loaded within the block wait passively.

    libgomp has no other door than the environment, and reads it once, when it is loaded. What the
    user has set stays; the variable is gone again after the block, so children do not get it.
    """
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = "passive"
    try:
        yield
    finally:
        del os.environ[_VARIABLE]
