"""The slash commands that look back: /recall finds and reads, /rewind steps back.

Knows an open session; prints nothing itself. Guards that a step back is shown before it is taken:
the first /rewind tells what it would do, the second one with `yes` does it.
"""

import re

from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError
from kodo.base.hashing import new_id
from kodo.base.text import repair_utf8
from kodo.core.recall import Hit, Query, Recall
from kodo.core.store import Snapshots
from kodo.runtime.config import Settings
from kodo.runtime.past.rewinding import (
    files_then,
    find_entry,
    points,
    preview_files,
    rewind,
    steps_to,
    touched,
)
from kodo.runtime.past.workspaces import open_writer
from kodo.runtime.session import Session
from kodo.tui.ansi import Paint, Tone, clip, one_line, safe
from kodo.tui.words import count

_REF = re.compile(r"(?:[\w.-]+:)?e\d+|f:\S+")
_HITS = 6
_LINES = 6
_READ_LINES = 60
_WIDTH = 160


async def recall_lines(memory: Recall, words: str, paint: Paint) -> list[str]:
    """Return what a reference holds, or the hits for words, as lines safe for a terminal.

    Raises ToolError for an unknown reference, StoreError.
    """
    if _REF.fullmatch(words):
        data = await memory.read(words, 1, _READ_LINES + 1)
        lines = safe(repair_utf8(data)).removesuffix("\n").split("\n")
        shown = [f"  {clip(line, _WIDTH)}" for line in lines[:_READ_LINES]]
        return [*shown, paint(Tone.DIM, "  …")] if len(lines) > _READ_LINES else shown
    hits = await memory.search(Query(words, k=_HITS))
    if not hits:
        return [f"nothing is found for {safe(words)!r}"]
    return [line for hit in hits for line in _hit_lines(hit, paint)]


def _hit_lines(hit: Hit, paint: Paint) -> list[str]:
    lines = [line for line in safe(hit.text).split("\n") if line.strip()]
    head = f"{one_line(hit.ref, 120)} lines {hit.first_line} to {hit.last_line}"
    return [
        f"{paint(Tone.NAME, head)}  {paint(Tone.DIM, f'{hit.kind} · {hit.at[:16]}')}",
        *(f"  {clip(line, _WIDTH)}" for line in lines[:_LINES]),
    ]


class SteppingBack:
    """Steps back in an open session."""

    def __init__(self, settings: Settings, session: Session, snapshots: Snapshots) -> None:
        self._settings = settings
        self._session = session
        self._snapshots = snapshots

    async def go(self, words: str) -> list[str]:
        """Return where one can step back to, what a step would do, or that it was done.

        Raises ConfigError for what is no entry, ToolError where files were changed since.
        """
        if not words:
            return self._places()
        name, *rest = words.split()
        thread = self._session.thread
        entry = find_entry(thread, name)
        unknown = set(rest) - {"yes", "--messages", "--files", "--force"}
        if unknown:
            raise ConfigError(f"/rewind takes yes, --messages, --files, --force, not {unknown!r}")
        messages, files = "--files" not in rest, "--messages" not in rest
        then = files_then(thread, entry) if files else None
        steps = steps_to(thread, entry)
        blobs = self._session.blobs
        if "yes" not in rest:
            shown: list[str] = []
            if messages:
                shown.append(f"back to {name}: {count(steps.left, 'event')} leave the conversation")
                shown += [f"  you said: {one_line(said, 90)}" for said in steps.said[-8:]]
            if then is not None:
                changes = await preview_files(then, self._snapshots, blobs)
                shown += [f"  {file.how} {one_line(file.path, 200)}" for file in touched(changes)]
            return [*shown, f"to do it: /rewind {' '.join([name, *rest, 'yes'])}"]
        saved_at = await rewind(
            thread,
            entry,
            self._session.log,
            utc_now,
            new_id,
            then=then,
            messages=messages,
            snapshots=self._snapshots,
            blobs=blobs,
            write=open_writer(self._settings, self._settings.cwd),
            force="--force" in rest,
        )
        return [f"done; the other way: /rewind e{saved_at} yes"]

    def _places(self) -> list[str]:
        found = points(self._session.thread)
        if not found:
            return ["nothing was said yet that one could step back before"]
        return [
            "where to step back to, with /rewind ENTRY:",
            *(f"  e{point.entry:<6} before: {one_line(point.said, 90)}" for point in found[-15:]),
        ]
