"""What a prompt should be reminded of: hits for the newest question and the newest errors.

Knows the port Recall and the window, no model. Guards that a turn never fails or waits long because
of memory, and that what is in the window already, or has nothing to do with it, is left out.
"""

import logging

import anyio

from kodo.agent.window.excerpts import tells
from kodo.agent.window.lines import ShownLines
from kodo.agent.window.question import Question
from kodo.agent.window.recalled import Block, pack
from kodo.agent.window.tokens import estimate_tokens
from kodo.agent.window.window import Window
from kodo.base.errors import StoreError, ToolError
from kodo.core.messages import Message, Text, ToolResult
from kodo.core.recall import Hit, Query, Recall

PATIENCE_S = 2.0
"""How long a turn waits for the memory; what comes later than that is not recalled."""

_LONGEST_QUESTION = 2_000
_LONGEST_ERRORS = 800
_SHORT_OUTPUT = 400
_HITS = 24
_COMMANDS = frozenset({"shell", "shell_input"})
_OF_MEMORY = frozenset({"recall", "search", "history", "as_of", "sweep"})
_NEAR_BEST = 0.5

# What is recalled is read anew with every prompt. For a question it comes in full at first; later
# the model has acted on it, and the best of it will do.
_REMINDED_IN_FULL = 3
_LATER_SHARE = 0.25
_MOST_FOR_RESULTS = 3

_LEAST_ANCHORED = 1.2
_MOST_PLAIN = 3

logger = logging.getLogger(__name__)


class Memory:
    """Reminds one run of what the project's memory holds."""

    __slots__ = (
        *("_asked", "_errors", "_for_errors", "_found", "_question", "_recall", "_reminded"),
        *("_shown", "_silent", "_thread", "_window"),
    )

    def __init__(self, recall: Recall, window: Window, thread: str) -> None:
        self._recall = recall
        self._window = window
        self._thread = thread
        self._shown = ShownLines(window)
        self._asked: tuple[int, int] = (0, -1)
        self._found: list[Hit] = []
        self._question = Question("")
        self._reminded = 0
        self._errors = ""
        self._for_errors: list[Hit] = []
        self._silent = False

    async def block(self, budget_tokens: int) -> Block:
        """Return what to recall now, within the budget; nothing where nothing is to the point."""
        if self._silent or budget_tokens <= 0:
            return Block()
        with anyio.move_on_after(PATIENCE_S):
            try:
                return await self._block(budget_tokens)
            except (StoreError, ToolError) as error:
                self._silent = True  # once is enough: the run goes on without its memory
                logger.warning("nothing is recalled in this run: %s", error)
        return Block()

    async def _block(self, budget_tokens: int) -> Block:
        hits = self._worth_it(await self._for_results())[:_MOST_FOR_RESULTS]
        known = {(hit.ref, hit.first_line) for hit in hits}
        found = self._worth_it(await self._for_question(), self._question)
        found = [hit for hit in found if (hit.ref, hit.first_line) not in known]
        self._reminded += 1
        if self._reminded > _REMINDED_IN_FULL:
            found = _best_within(found, budget_tokens * _LATER_SHARE)
        return pack([*hits, *found], budget_tokens, self._thread)

    async def _for_results(self) -> list[Hit]:
        """Return the hits for what the newest results tell of errors."""
        lines: list[str] = []
        for piece in reversed(self._window.pieces):
            if not isinstance(piece.message, ToolResult):
                break
            lines.append(telling_lines(piece.message))
        errors = "\n".join(reversed(lines))[:_LONGEST_ERRORS].strip()
        if errors != self._errors:
            self._for_errors = await self._recall.search(Query(errors, k=_HITS)) if errors else []
            self._errors = errors
        return self._for_errors

    async def _for_question(self) -> list[Hit]:
        """Return the hits for what the person said last; asked again only after an eviction."""
        piece = self._window.question
        if piece is None:
            return []
        asked = (piece.seq, self._window.version)
        if asked != self._asked:
            text = _text(piece.message)
            if len(text) > _LONGEST_QUESTION:
                half = _LONGEST_QUESTION // 2
                text = f"{text[:half]}\n{text[-half:]}"
            found = await self._recall.search(Query(text, k=_HITS)) if text.strip() else []
            self._question = question = Question(text)
            self._found = [
                hit
                for hit in found
                if (hit.current or question.asks_for_old) and not question.is_echoed_by(hit)
            ]
            self._asked, self._reminded = asked, 0
        return self._found

    def _worth_it(self, hits: list[Hit], question: Question | None = None) -> list[Hit]:
        """Return the hits to the point that cannot be read in the window, best first.

        Such share something rare with what was said; without that, only a real question gets its
        first few hits, and only where they hold half of its words.
        """
        found = [hit for hit in hits if not self._shown.cover(hit.text)]
        best = max((hit.score for hit in found if hit.anchored), default=0.0)
        least = max(_LEAST_ANCHORED, best * _NEAR_BEST)
        anchored = [hit for hit in found if hit.anchored and hit.score >= least]
        if anchored or question is None or not question.is_real:
            return anchored
        return [hit for hit in found if question.is_met_by(hit)][:_MOST_PLAIN]


def telling_lines(result: ToolResult) -> str:
    """Return the lines of a result to search by: those of errors, or a command's whole output.

    What the memory itself has brought back is not searched by again.
    """
    text = result.text
    if result.name in _OF_MEMORY:
        return ""
    if len(text) <= _SHORT_OUTPUT and (result.name in _COMMANDS or result.outcome == "error"):
        return text
    found = dict.fromkeys(line.strip() for line in text.split("\n") if tells(line))
    return "\n".join(list(found)[-6:])


def _best_within(hits: list[Hit], budget_tokens: float) -> list[Hit]:
    """Return the first hits that fit, and the first one in any case."""
    kept: list[Hit] = []
    for hit in hits:
        budget_tokens -= estimate_tokens(hit.text)
        if kept and budget_tokens < 0:
            break
        kept.append(hit)
    return kept


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))
