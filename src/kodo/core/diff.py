"""Changes as unified diffs, for screens and prompts."""

import difflib
from collections.abc import Iterable

from kodo.base.text import repair_utf8
from kodo.core.check import Change

MAX_DIFF_BYTES = 1 << 20


def unified_diff(change: Change, context_lines: int = 3) -> str:
    """Return the change as a unified diff, `/dev/null` standing for an absent side.

    Binary files (a NUL byte) and files over 1 MiB get one line that says so.
    """
    before, after = change.before or b"", change.after or b""
    old_name = f"a/{change.path}" if change.before is not None else "/dev/null"
    new_name = f"b/{change.path}" if change.after is not None else "/dev/null"
    if b"\0" in before or b"\0" in after:
        return f"Binary files {old_name} and {new_name} differ\n"
    if max(len(before), len(after)) > MAX_DIFF_BYTES:
        return f"Files {old_name} and {new_name} differ (too large to show)\n"
    lines = difflib.unified_diff(
        repair_utf8(before).splitlines(keepends=True),
        repair_utf8(after).splitlines(keepends=True),
        old_name,
        new_name,
        n=context_lines,
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def changed_paths(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the paths of the changes, sorted, each once."""
    return tuple(sorted({change.path for change in changes}))
