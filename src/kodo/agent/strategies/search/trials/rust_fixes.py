"""What rustc itself proposes for code that does not compile, as proposals.

Knows cargo's JSON messages. Guards byte ranges: suggestions that overlap are not combined.
"""

from dataclasses import dataclass

import msgspec

from kodo.agent.strategies.search.trials.proposal import Proposal, changed_characters

CHECK = "cargo check --offline --quiet --all-targets --message-format=json"
MOST = 8
_USABLE = ("MachineApplicable", "MaybeIncorrect")


class _Span(msgspec.Struct):
    file_name: str = ""
    byte_start: int = 0
    byte_end: int = 0
    suggested_replacement: str | None = None
    suggestion_applicability: str | None = None


class _Diagnostic(msgspec.Struct):
    message: str = ""
    level: str = ""
    spans: list[_Span] = []
    children: list["_Diagnostic"] = []


class _Line(msgspec.Struct):
    reason: str = ""
    message: _Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposal of the compiler: what to put into byte ranges of the file, and why."""

    edits: tuple[tuple[int, int, str], ...]
    sure: bool
    why: str


def read_suggestions(output: bytes, path: str) -> list[Suggestion]:
    """Return the compiler's suggestions for errors in `path`, in order."""
    found: list[Suggestion] = []
    for line in output.split(b"\n"):
        if not line.startswith(b"{"):
            continue
        try:
            message = msgspec.json.decode(line, type=_Line).message
        except msgspec.DecodeError:
            continue
        if message is None or message.level != "error":
            continue
        for child in message.children:
            usable = [
                span
                for span in child.spans
                if span.suggested_replacement is not None
                and span.file_name == path
                and span.suggestion_applicability in _USABLE
            ]
            if usable:
                edits = tuple(
                    (span.byte_start, span.byte_end, span.suggested_replacement or "")
                    for span in usable
                )
                sure = all(s.suggestion_applicability == "MachineApplicable" for s in usable)
                found.append(Suggestion(edits, sure, child.message))
    return found


def fixed_proposals(proposal: Proposal, path: str, found: list[Suggestion]) -> list[Proposal]:
    """Return the draft with all sure suggestions made, with all made, then with each alone."""
    text = proposal.files[path]
    groups = [found, [item for item in found if item.sure], *([item] for item in found)]
    made: dict[str, Proposal] = {}
    for group in groups:
        new = apply(text, group)
        if new != text and new not in made:
            note = f"{proposal.note}, as rustc says: {group[0].why[:60]}"
            size = changed_characters(text, new)
            made[new] = Proposal({**proposal.files, path: new}, "compiler", note, 1.0, size)
    return list(made.values())[:MOST]


def apply(text: str, group: list[Suggestion]) -> str:
    """Return `text` with the edits of the group made; of overlapping ones the first stays."""
    data = text.encode()
    taken: list[tuple[int, int, str]] = []
    for item in group:
        if all(
            end <= start or begin >= stop
            for begin, end, _ in item.edits
            for start, stop, _ in taken
        ):
            taken.extend(item.edits)
    for start, stop, new in sorted(taken, reverse=True):
        data = data[:start] + new.encode() + data[stop:]
    return data.decode("utf-8", "replace")
