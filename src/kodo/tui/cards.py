"""Tool calls, diffs, checks and the closing summary as lines of text.

Pure: values in, lines out. Knows the shapes of kodo's own tools only as far as a card shows them.
"""

import msgspec

from kodo.core.check import Evidence
from kodo.core.events import FileChange, FilesChanged, RunEnded, RunOutcome
from kodo.core.messages import ToolCall, ToolResult, Value
from kodo.tui.ansi import Paint, Tone, clip, one_line, safe
from kodo.tui.words import duration, spending

OUTPUT_LINES = 8
DIFF_LINES = 60
_SILENT = frozenset({"read", "list", "find", "grep", "recall", "search", "history", "as_of"})


class LineCount(Value, frozen=True):
    """How many lines a change adds and removes."""

    added: int = 0
    removed: int = 0


class _Arguments(msgspec.Struct):
    command: str | list[str] = ""
    path: str = ""
    pattern: str = ""
    query: str = ""
    url: str = ""


class _Details(msgspec.Struct):
    exit_code: int | None = None
    duration_s: float | None = None
    timed_out: bool = False


def call_title(call: ToolCall, width: int) -> str:
    """Return what a call is about, in one line: its command, path, pattern or URL."""
    try:
        found = msgspec.json.decode(call.arguments or "{}", type=_Arguments)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return one_line(call.arguments, width)
    command = found.command if isinstance(found.command, str) else " ".join(found.command)
    pieces = (command, found.pattern, found.query, found.url, found.path)
    return one_line("  ".join(piece for piece in pieces if piece), width)


def call_card(
    call: ToolCall, result: ToolResult, elapsed_s: float, paint: Paint, width: int
) -> list[str]:
    """Return the card of a finished call: its head line, and the end of its output, dimmed."""
    try:
        details = msgspec.json.decode(result.details or "{}", type=_Details)
    except (msgspec.DecodeError, msgspec.ValidationError):
        details = _Details()
    ending: list[str] = []
    bad = result.outcome != "ok" or bool(details.exit_code)
    if details.timed_out:
        ending.append("timed out")
    elif details.exit_code is not None:
        ending.append(f"exit {details.exit_code}")
    elif result.outcome != "ok":
        ending.append(result.outcome)
    ending.append(duration(elapsed_s if details.duration_s is None else details.duration_s))
    tail = " · ".join(ending)
    mark = paint(Tone.BAD if bad else Tone.GOOD, "▸")
    name = paint(Tone.NAME, one_line(call.name, 24))
    title = call_title(call, max(20, width - len(call.name) - len(tail) - 6))
    head = f"{mark} {name} {title}  {paint(Tone.BAD if bad else Tone.DIM, tail)}"
    if call.name in _SILENT and not bad:
        return [head]
    return [head, *output_tail(result.text, paint, width)]


def output_tail(text: str, paint: Paint, width: int) -> list[str]:
    """Return the last lines of an output, dimmed, with how many are not shown."""
    lines = [line.rstrip() for line in safe(text).rstrip().split("\n")]
    lines = [line for line in lines if line]
    if lines and lines[-1].startswith("[exit code "):  # stands in the head of the card
        lines.pop()
    shown = lines[-OUTPUT_LINES:]
    found: list[str] = []
    if len(lines) > len(shown):
        found.append(paint(Tone.DIM, f"  │ … {len(lines) - len(shown)} lines above"))
    found += [paint(Tone.DIM, f"  │ {clip(line, width - 4)}") for line in shown]
    return found


def count_lines(diff: str) -> LineCount:
    """Return the added and removed lines of a unified diff."""
    lines = diff.split("\n")
    return LineCount(
        sum(line.startswith("+") and not line.startswith("+++ ") for line in lines),
        sum(line.startswith("-") and not line.startswith("--- ") for line in lines),
    )


def change_line(change: FileChange, paint: Paint) -> str:
    """Return `✎ path +3 -1`, with `new` or `deleted`."""
    lines = count_lines(change.diff)
    word = "  new" if change.before is None else "  deleted" if change.after is None else ""
    counts = f"{paint(Tone.GOOD, f'+{lines.added}')} {paint(Tone.BAD, f'-{lines.removed}')}"
    return f"✎ {paint(Tone.BOLD, one_line(change.path, 200))} {counts}{word}"


def diff_lines(diff: str, paint: Paint, limit: int | None = DIFF_LINES) -> list[str]:
    """Return a unified diff in colours, at most `limit` lines of it."""
    lines = safe(diff).rstrip("\n").split("\n")
    shown = lines if limit is None else lines[:limit]
    found = [paint.diff(line) for line in shown]
    if len(shown) < len(lines):
        found.append(paint(Tone.DIM, f"… {len(lines) - len(shown)} more lines (kodo diff)"))
    return found


def changes_card(changed: FilesChanged, paint: Paint) -> list[str]:
    """Return the changed files with their diffs, without the two lines of file names."""
    found: list[str] = []
    for change in changed.changes:
        found.append(change_line(change, paint))
        lines = change.diff.split("\n")
        body = lines[2:] if lines[0].startswith("--- ") else lines
        if any(body):
            found += [f"  {line}" for line in diff_lines("\n".join(body), paint)]
    return found


def check_line(evidence: Evidence, paint: Paint, width: int) -> str:
    """Return `✓ pytest -q  12 passed · 3.1 s` or the same with ✗."""
    good = evidence.exit_code == 0 and not evidence.timed_out
    facts: list[str] = []
    if evidence.timed_out:
        facts.append("timed out")
    elif not good:
        facts.append(f"exit {evidence.exit_code}")
    if evidence.passed is not None:
        facts.append(f"{evidence.passed} passed")
    if evidence.failed:
        facts.append(f"{evidence.failed} failed")
    facts.append(duration(evidence.duration_s))
    mark = paint(Tone.GOOD, "✓") if good else paint(Tone.BAD, "✗")
    tail = " · ".join(facts)
    return f"{mark} {one_line(evidence.command, max(20, width - len(tail) - 6))}  " + paint(
        Tone.DIM, tail
    )


_OUTCOMES: dict[RunOutcome, tuple[Tone, str]] = {
    "verified": (Tone.GOOD, "✓ verified"),
    "unverified": (Tone.WARN, "? done, not verified"),
    "failed": (Tone.BAD, "✗ failed"),
    "denied": (Tone.BAD, "✗ denied"),
    "limit": (Tone.WARN, "✗ limit reached"),
    "broken": (Tone.BAD, "✗ broken"),
    "interrupted": (Tone.WARN, "✗ interrupted"),
}


def summary(ended: RunEnded, counts: dict[str, LineCount], paint: Paint, width: int) -> list[str]:
    """Return the closing lines of a run; the last says UNVERIFIED where nothing proved it."""
    tone, word = _OUTCOMES[ended.outcome]
    reason = f": {one_line(ended.reason, width - len(word) - 2)}" if ended.reason else ""
    found = [paint(Tone.DIM, "─" * min(width, 72)), paint(tone, word) + reason]
    for number, path in enumerate(ended.changed):
        lines = counts.get(path)
        shown = f" +{lines.added} -{lines.removed}" if lines else ""
        found.append(f"  {'files ' if number == 0 else '      '}  {one_line(path, 200)}{shown}")
    for number, ran in enumerate(ended.evidence):
        label = "checks" if number == 0 else "      "
        found.append(f"  {label}  {check_line(ran, paint, width - 10)}")
    found.append(f"  used    {spending(ended.spent)}")
    if ended.changed:
        found.append(f"  next    {paint(Tone.NAME, 'kodo diff')} · {paint(Tone.NAME, 'kodo undo')}")
    if ended.outcome == "unverified":
        found.append(paint(Tone.WARN, "UNVERIFIED") + ": no check could prove this result")
    return found
