"""Where recalled text stands in a prompt: in the newest message, behind all that will be repeated.

Does not know what was recalled, or why. Guards the prefix: without its recalled text a prompt is
the beginning of the next one, so that every kind of prompt cache goes on holding.
"""

from msgspec.structs import replace

from kodo.base.text import repair_surrogates
from kodo.core.messages import Message, Text, ToolResult, User
from kodo.core.model import Prompt

QUESTION_CHARS = 4_000
"""A person's message of at most so many characters comes behind what was recalled for it."""


def join_recalled(prompt: Prompt) -> Prompt:
    """Return the prompt with its recalled text in the newest message, for wires that join texts."""
    if not prompt.recalled:
        return prompt
    text = repair_surrogates(prompt.recalled)
    newest = prompt.messages[-1] if prompt.messages else None
    messages: tuple[Message, ...] = prompt.messages
    match newest:
        case User() if is_question(newest):
            messages = (*messages[:-1], User((Text(f"{text}\n"), *newest.parts)))
        case User():
            messages = (*messages[:-1], User((*newest.parts, Text(f"\n{text}"))))
        case ToolResult():
            parts = (*newest.parts, Text(f"\n\n{text}"))
            messages = (*messages[:-1], replace(newest, parts=parts))
        case _:
            messages = (*messages, User((Text(text),)))
    return replace(prompt, messages=messages, recalled="")


def is_question(message: Message | None) -> bool:
    """Tell whether recalled text goes before this message, the newest one, and not behind it."""
    return (
        isinstance(message, User)
        and sum(len(part.text) for part in message.parts if isinstance(part, Text))
        <= QUESTION_CHARS
    )
