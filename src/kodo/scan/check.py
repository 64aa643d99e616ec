"""The edit check: what a change would bring into the code, judged before it is kept.

Only new findings gate. Does not know tools or agents. Guards that a deadline never makes a silent
pass, that an edit cannot wave itself through, and that the model hears what to do instead.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import anyio.to_thread

from kodo.base.clock import Monotonic, monotonic_s
from kodo.core.check import DECISIONS, Change, Decision, Finding, Verdict
from kodo.scan.file_scan import FileScan, MakeEngine, Scanned, Silenced
from kodo.scan.findings import FileReport, Weakness
from kodo.scan.newness import Fresh, Pair, find_new, touched_bytes, touched_lines
from kodo.scan.repository import RepositoryFiles, digest_of
from kodo.scan.secrets.placeholders import is_example_path
from kodo.scan.walk.files import kind_of

Ceiling = Literal["block", "ask", "note"]

KEPT_REPORTS = 64
SHOWN_STEPS = 6
WHOLE_FILE_BYTES = 120_000
"""Up to about 3,000 lines the whole file is looked at: a helper's change shows in its callers."""

MANY_FILES = 40
"""A command that changes more files brings in the code of others (a checkout, an install)."""

_CLEAN_AGAIN = (
    "Write it without this weakness. If it is safe here, say why in a comment on that line: "
    "kodo: ignore {rule} -- reason"
)


class ScanCheck:
    """Implements `kodo.core.check.Check`. `make_engine` is called at the first file to scan.

    `root` is where imported files are read. `ceiling` is the strongest decision that may be taken,
    `deadline_s` the time for one file.
    """

    name = "scan"
    when: Literal["edit", "finish"] = "edit"

    def __init__(
        self,
        make_engine: MakeEngine,
        root: Path | None = None,
        *,
        ceiling: Ceiling = "block",
        deadline_s: float = 0.5,
        clock: Monotonic = monotonic_s,
    ) -> None:
        self._make_engine = make_engine
        self._files = RepositoryFiles(root)
        self._ceiling: Decision = ceiling
        self._deadline_s = deadline_s
        self._clock = clock
        self._scan: FileScan | None = None
        self._reports: OrderedDict[tuple[str, bytes], Scanned] = OrderedDict()
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, changes: Sequence[Change]) -> Verdict:
        """Judge the changes together: what moves from one file to another is not new."""
        worth = [
            change
            for change in changes
            if change.after is not None and kind_of(change.path) in ("code", "text")
        ]
        if not worth:
            return Verdict("pass")
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)  # the engine is for one thread at a time
        return await anyio.to_thread.run_sync(self._judge, changes, limiter=self._limiter)

    def _judge(self, changes: Sequence[Change]) -> Verdict:
        pairs: list[Pair] = []
        silenced: list[Silenced] = []
        findings: list[Finding] = []
        is_partial = False
        self._files.forget()
        was = {change.path: change.before for change in changes}
        becomes = {change.path: change.after for change in changes}
        for change in changes:
            if kind_of(change.path) not in ("code", "text"):
                continue
            old_range, new_range = touched_bytes(change.before or b"", change.after or b"")
            self._files.overlay = was
            before = self._look(change.path, change.before, old_range)
            self._files.overlay = becomes
            after = self._look(change.path, change.after, new_range)
            lines = touched_lines(change.before or b"", change.after or b"")
            pairs.append(Pair(before.report, after.report, *lines))
            silenced += _newly_silenced(before, after)
            reason = after.report.partial or after.report.skipped
            if reason and change.after is not None:
                is_partial = True
                if reason != (before.report.partial or before.report.skipped):
                    findings.append(
                        Finding(
                            change.path, 1, f"not scanned whole: {reason}", "scan.partial", "note"
                        )
                    )
        fresh = find_new(pairs)
        imported = len(changes) > MANY_FILES and all(one.origin == "shell" for one in changes)
        ceiling = _least(self._ceiling, "note") if imported else self._ceiling
        decision: Decision = "note" if findings else "pass"
        for one in fresh.new:
            taken = _least(_decide(one), ceiling)
            decision = _worst(decision, taken)
            findings.append(_told(one, taken))
        for item in silenced:
            taken = _least("ask" if _decide(item.weakness) == "block" else "note", ceiling)
            decision = _worst(decision, taken)
            findings.append(_told_silenced(item))
        findings += _told_reworded(fresh)
        if fresh.reworded:
            decision = _worst(decision, "note")
        return Verdict(decision, tuple(findings), partial=is_partial)

    def _look(self, path: str, data: bytes | None, touched: tuple[int, int]) -> Scanned:
        """Scan one side of a change; what was scanned last is remembered by content.

        Of a long file only the functions that the change touches are looked at.
        """
        if data is None:
            return Scanned(FileReport(path))
        only = [touched] if len(data) > WHOLE_FILE_BYTES else None
        key = (path, digest_of(data))
        known = self._reports.get(key) if only is None else None
        if known is not None:
            self._reports.move_to_end(key)
            return known
        if self._scan is None:
            self._scan = FileScan(self._make_engine, self._files)
        deadline = self._clock() + self._deadline_s
        scanned = self._scan.scan(path, data, deadline=deadline, trust_marks=False, only=only)
        if only is None:
            self._reports[key] = scanned
            if len(self._reports) > KEPT_REPORTS:
                self._reports.popitem(last=False)
        return scanned


def _decide(one: Weakness) -> Decision:
    """What a new finding is worth by severity and confidence, before the ceiling.

    Tests and examples do on purpose what a program must not; there it is a note.
    """
    if is_example_path(one.path):
        return "note"
    if one.severity == "error" and one.confidence == "high":
        return "block"
    if one.severity == "error" and one.confidence == "medium":
        return "ask"
    return "note"


def _least(decision: Decision, ceiling: Decision) -> Decision:
    return DECISIONS[min(DECISIONS.index(decision), DECISIONS.index(ceiling))]


def _worst(one: Decision, other: Decision) -> Decision:
    return DECISIONS[max(DECISIONS.index(one), DECISIONS.index(other))]


def _newly_silenced(before: Scanned, after: Scanned) -> list[Silenced]:
    """Return what a suppression silences that was not silenced, and not there at all, before."""
    old = [item.weakness.fingerprint for item in before.silenced]
    old += [weakness.fingerprint for weakness in before.report.weaknesses]
    return [item for item in after.silenced if item.weakness.fingerprint not in old]


def _told(one: Weakness, taken: Decision) -> Finding:
    """Return the finding as the model and the person read it: the way, the fix, what to do."""
    lines = [f"{one.message} (CWE-{one.cwe}, {one.confidence} confidence)"]
    steps = one.trace
    if len(steps) > SHOWN_STEPS:
        steps = (*steps[: SHOWN_STEPS // 2], *steps[-SHOWN_STEPS // 2 :])
    lines += [f"    {step.path}:{step.line}: {step.note}" for step in steps]
    if one.fix:
        lines.append(f"    fix: {one.fix}")
    if taken in ("ask", "block"):
        lines.append("    " + _CLEAN_AGAIN.format(rule=one.rule))
    return Finding(one.path, one.line, "\n".join(lines), one.rule, one.severity)


def _told_silenced(item: Silenced) -> Finding:
    one = item.weakness
    message = f"this edit silences: {one.message} (reason given: {item.reason})"
    return Finding(one.path, one.line, message, one.rule, one.severity)


def _told_reworded(fresh: Fresh) -> list[Finding]:
    return [
        Finding(
            one.path,
            one.line,
            f"still there after this edit: {one.message}" + (f" fix: {one.fix}" if one.fix else ""),
            one.rule,
            "warning" if one.severity == "error" else one.severity,
        )
        for one in fresh.reworded
    ]
