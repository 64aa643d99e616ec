"""One task under search: what every source of proposals needs, and what has been tried.

Knows no idea of its own. Guards that nothing is tried twice and that people see each step.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kodo.agent.agent import Agent
from kodo.agent.inbox import Inbox
from kodo.agent.journal import Journal
from kodo.agent.strategies.search.case.allowance import Allowance
from kodo.agent.strategies.search.case.judged import blocked
from kodo.agent.strategies.search.case.speaker import Speaker
from kodo.agent.strategies.search.case.understand import Understanding
from kodo.agent.strategies.search.trials.proposal import Proposal, Trial
from kodo.base.text import repair_utf8
from kodo.core.events import Noted
from kodo.core.messages import Text
from kodo.syntax.languages import language_of
from kodo.syntax.tree import fingerprint, syntax_errors


@dataclass(slots=True)
class Case:
    """The task, the means, and the trials so far (the best of them in `best`).

    `stood` holds the texts, None for no file, of what is no source when the search first met it.
    """

    agent: Agent
    journal: Journal
    inbox: Inbox
    allowance: Allowance
    speaker: Speaker
    understanding: Understanding
    best: Trial | None = None
    greens: list[Trial] = field(default_factory=list[Trial])
    tried: int = 0
    blocked: list[str] = field(default_factory=list[str])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    stood: dict[str, str | None] = field(default_factory=dict[str, str | None])
    _told: set[str] = field(default_factory=set[str])
    _seen: set[tuple[tuple[str, str], ...]] = field(
        default_factory=set[tuple[tuple[str, str], ...]]
    )

    async def note(self, text: str) -> None:
        """Tell people what happens now."""
        await self.journal.record(Noted(text))

    async def note_once(self, text: str) -> None:
        """Tell people what happens now, unless these very words were told before.

        A question names the model's speed: it is told again as long as the model answers.
        """
        if text not in self._told:
            self._told.add(text)
            await self.note(text)

    async def warn(self, text: str) -> None:
        """Tell people what they should know before they trust the rest."""
        await self.journal.record(Noted(text, "warning"))

    def now(self, path: str) -> str | None:
        """Return what stands in a file of the workspace now, or None where there is no file.

        A symlink to what lies outside counts as none.
        """
        root = os.path.realpath(self.agent.workspace)
        at = Path(os.path.realpath(self.agent.workspace / path))
        inside = at.is_relative_to(root) and at.is_file()
        return repair_utf8(at.read_bytes()) if inside else None

    def meet(self, path: str) -> str | None:
        """Return what stood in a file when the search first read it or asked for it."""
        if path in self.understanding.sources:
            return self.understanding.sources[path]
        if path not in self.stood:
            self.stood[path] = self.now(path)
        return self.stood[path]

    async def hear(self) -> bool:
        """Take what people said meanwhile into the task; True where they said something."""
        said = self.inbox.take_all()
        for message in said:
            await self.journal.add(message)
            text = "".join(part.text for part in message.parts if isinstance(part, Text))
            self.understanding.task += f"\n{text}"
        return bool(said)

    def fresh(self, proposals: Iterable[Proposal]) -> list[Proposal]:
        """Return the proposals that parse and that are new, by the tokens of their files."""
        kept: list[Proposal] = []
        for proposal in proposals:
            marks: list[tuple[str, str]] = []
            for path, text in sorted(proposal.files.items()):
                language = language_of(path)
                data = text.encode("utf-8", "replace")
                if language is None:
                    marks.append((path, text))
                    continue
                if syntax_errors(data, language):
                    break
                marks.append((path, fingerprint(data, language)))
            else:
                mark = tuple(marks)
                if mark not in self._seen:
                    self._seen.add(mark)
                    kept.append(proposal)
        return kept

    async def learn(self, trials: Sequence[Trial]) -> list[Trial]:
        """Remember trials; returns the green ones that the checks of edits let pass."""
        greens: list[Trial] = []
        for trial in trials:
            self.tried += 1
            origin = trial.proposal.origin
            self.counts[origin] = self.counts.get(origin, 0) + 1
            if trial.green and (why := await blocked(self.agent, self.journal, trial.proposal)):
                self.blocked.append(why)
                await self.warn(f"passes the tests, but a check blocks it: {why}")
                trial.green, trial.broken = False, why
            if trial.green:
                greens.append(trial)
            if trial.whole and (self.best is None or trial.rank > self.best.rank):
                self.best = trial
        self.greens.extend(greens)
        return greens
