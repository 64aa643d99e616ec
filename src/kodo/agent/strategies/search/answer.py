"""Answer a question about the code in plain text; nothing is changed.

Knows which files to show. Guards the length of prompt and answer.
"""

from kodo.agent.agent import Ending
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.ending.deliver import close
from kodo.agent.strategies.search.faults.failure import shorten
from kodo.core.messages import user
from kodo.syntax.languages import language_of
from kodo.syntax.symbols import symbols

MOST_FILE_CHARACTERS = 4000
OUTPUT_TOKENS = 500


async def answer_question(case: Case) -> Ending:
    """Return the ending with the model's answer as its summary."""
    known = case.understanding
    shown = [path for path in known.named if path in known.sources][:2]
    if not shown:
        words = set(known.task.replace("`", " ").replace("(", " ").split())
        shown = [
            path
            for path, text in known.sources.items()
            if (language := language_of(path)) is not None
            and any(symbol.name in words for symbol in symbols(text.encode(), language))
        ][:2] or list(known.sources)[:1]
    pieces = [
        f"`{path}`:\n```\n{shorten(known.sources[path], MOST_FILE_CHARACTERS)}\n```"
        for path in shown
    ]
    if known.document and not shown:
        pieces.append(shorten(known.document, MOST_FILE_CHARACTERS))
    pieces.append(known.task)
    replies = await case.speaker.ask(
        "You are a helpful programmer. Answer briefly and precisely.",
        (user("\n\n".join(pieces)),),
        output_tokens=OUTPUT_TOKENS,
        stop=(),
    )
    text = replies[0].text.strip() if replies else "There was no time for an answer."
    return await close(case, Ending("unverified", text, reason="a question: nothing was changed"))
