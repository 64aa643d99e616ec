"""The baseline: findings that were there before scanning began, so that only new ones count.

A small JSON file for the repository, sorted, one finding a line, made to be diffed. Guards that a
second finding of the same fingerprint is new: each entry covers one.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from kodo.base.errors import ConfigError
from kodo.core.messages import Value
from kodo.scan.findings import Weakness

FORMAT = 1


class Entry(Value, frozen=True):
    """A known finding; rule, path and line are for the people who read the file."""

    fingerprint: str
    rule: str
    path: str
    line: int = 0
    reason: str = ""


class Baseline(Value, frozen=True):
    """`kodo scan --baseline FILE`: what is known. `version` is the form of the file."""

    version: int = FORMAT
    findings: tuple[Entry, ...] = ()

    def split(self, weaknesses: Iterable[Weakness]) -> tuple[list[Weakness], int]:
        """Return the findings that are not known, and how many are."""
        left = Counter(entry.fingerprint for entry in self.findings)
        new: list[Weakness] = []
        known = 0
        for weakness in weaknesses:
            name = weakness.fingerprint
            if left[name] > 0:
                left[name] -= 1
                known += 1
            else:
                new.append(weakness)
        return new, known


def make_baseline(weaknesses: Iterable[Weakness], before: Baseline | None = None) -> Baseline:
    """Return a baseline of these findings; reasons that people wrote into `before` stay."""
    reasons = {entry.fingerprint: entry.reason for entry in before.findings} if before else {}
    entries = [
        Entry(one.fingerprint, one.rule, one.path, one.line, reasons.get(one.fingerprint, ""))
        for one in weaknesses
    ]
    entries.sort(key=lambda entry: (entry.path, entry.line, entry.rule, entry.fingerprint))
    return Baseline(FORMAT, tuple(entries))


def read_baseline(path: Path) -> Baseline:
    """Return the baseline of a file. Raises ConfigError where it is missing or of another form."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no baseline {str(path)!r}; to make one: kodo scan --write-baseline {path}"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the baseline {str(path)!r}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{str(path)!r} is not a baseline: {error}") from error
    if found.version != FORMAT:
        raise ConfigError(
            f"the baseline {str(path)!r} has version {found.version}, this kodo reads {FORMAT}; "
            f"make it again: kodo scan --write-baseline {path}"
        )
    return found


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the file. Raises ConfigError where it cannot be written."""
    lines = ",\n".join("  " + msgspec.json.encode(entry).decode() for entry in baseline.findings)
    body = f"[\n{lines}\n ]" if lines else "[]"
    try:
        path.write_text(f'{{\n "version": {FORMAT},\n "findings": {body}\n}}\n', "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write the baseline {str(path)!r}: {error.strerror}") from error
