"""The exit codes of the contract, and which error or outcome leads to which.

Does not print and does not end the process.
"""

from collections.abc import Iterator

from kodo.base.errors import (
    ConfigError,
    KodoError,
    LimitReached,
    ModelError,
    NotStored,
    ProtocolError,
    SandboxError,
    StoreError,
)
from kodo.core.events import RunOutcome

OK = 0
FAILED = 1
USAGE = 2
LIMIT = 3
BROKEN = 4
PARTIAL = 5
INTERRUPTED = 130
PIPE_CLOSED = 141

_ERRORS: tuple[tuple[type[KodoError], int], ...] = (
    (ConfigError, USAGE),
    (LimitReached, LIMIT),
    (ModelError, BROKEN),
    (SandboxError, BROKEN),
    (NotStored, USAGE),
    (StoreError, BROKEN),
    (ProtocolError, BROKEN),
)

_OUTCOMES: dict[RunOutcome, int] = {
    "verified": OK,
    "unverified": OK,
    "failed": FAILED,
    "denied": FAILED,
    "limit": LIMIT,
    "broken": BROKEN,
    "interrupted": INTERRUPTED,
}


def outcome_code(outcome: RunOutcome) -> int:
    """Return the exit code of a run that ended so."""
    return _OUTCOMES[outcome]


def error_code(error: BaseException) -> int:
    """Return the exit code for an error; what kodo does not know is 4."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    for kind, code in _ERRORS:
        if isinstance(error, kind):
            return code
    return FAILED if isinstance(error, KodoError) else BROKEN


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside nested exception groups, in order; a plain error is its own leaf."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            yield from leaves(inner)  # pyright: ignore[reportUnknownArgumentType]
    else:
        yield error


def cause(error: BaseException) -> BaseException:
    """Return the error to report: of a group, the interrupt if there is one, else the first."""
    found = list(leaves(error))
    for leaf in found:
        if isinstance(leaf, KeyboardInterrupt):
            return leaf
    for leaf in found:
        if isinstance(leaf, KodoError):
            return leaf
    return found[0]
