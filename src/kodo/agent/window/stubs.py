"""What stands in for messages that left the window: what was there, and how to get it back.

Pure: the same message gives the same stub for ever, so that prefixes stay equal. Knows no window.
Guards that a stub is shorter than what it stands for, and that arguments of calls stay JSON.
"""

from typing import Any, cast

import msgspec
from msgspec.structs import replace

from kodo.agent.window.excerpts import RULES, Lines, clipped, excerpt, middle_cut
from kodo.agent.window.tokens import estimate_tokens, message_tokens
from kodo.core.messages import (
    Assistant,
    Image,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    UserPart,
)

LONG_VALUE_BYTES = 240
LONG_ARGUMENTS_BYTES = 320
LONG_WORDS_BYTES = 400

_SAVES = 0.75  # a stub that is not at least so much shorter is not worth it
_KEPT = "\n[the whole output is kept as "


class _Details(msgspec.Struct):
    exit_code: int | None = None
    timed_out: bool = False


def title_of(call: ToolCall) -> str:
    """Return a call in one short line: `shell(command="pytest -q")`."""
    try:
        given = msgspec.json.decode(call.arguments or "{}", type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return f"{call.name}({clipped(_one_line(call.arguments), 60)})"
    pairs = [
        f"{name}={clipped(_one_line(bytes(value).decode()), 60)}" for name, value in given.items()
    ]
    return f"{call.name}({clipped(', '.join(pairs), 120)})"


def cut_output(result: ToolResult, ref: str, limit_bytes: int) -> ToolResult:
    """Return a result whose text is longer than the limit with its middle left out."""
    text = result.text
    if len(text) <= limit_bytes // 4 or len(text.encode("utf-8", "replace")) <= limit_bytes:
        return result
    cut = middle_cut(text, limit_bytes, f'recall("{ref}", {{first}}, {{last}})')
    images = tuple(part for part in result.parts if isinstance(part, Image))
    return replace(result, parts=(Text(cut), *images), details="")


def stub_output(result: ToolResult, ref: str, title: str, budget_bytes: int) -> ToolResult:
    """Return a stub with head, tail and error lines, or the result where that saves little."""
    text = result.text.partition(_KEPT)[0]
    lines = Lines(text)
    head = _headline(result, ref, title, lines)
    made = _result(result, "\n".join((head, *excerpt(lines, budget_bytes))))
    return made if message_tokens(made) < _SAVES * message_tokens(result) else result


def short_output(result: ToolResult, ref: str, title: str) -> ToolResult:
    """Return a stub of one line, or the result where that saves little."""
    lines = Lines(result.text.partition(_KEPT)[0])
    made = _result(result, _headline(result, ref, title, lines))
    return made if message_tokens(made) < _SAVES * message_tokens(result) else result


def outcome_of(result: ToolResult) -> str:
    """Return how a call ended in a word or two: `exit code 1`, `denied`, or nothing."""
    details = _details(result)
    if details.timed_out:
        return "timed out"
    if details.exit_code is not None:
        return f"exit code {details.exit_code}"
    return "" if result.outcome == "ok" else result.outcome


def short_reply(reply: Assistant, ref: str) -> Assistant:
    """Return a reply without its reasoning, its text and the arguments of its calls cut short."""
    parts: list[Part] = []
    for part in reply.parts:
        match part:
            case Text():
                cut = middle_cut(part.text, LONG_WORDS_BYTES, f'recall("{ref}")')
                parts.append(Text(cut))
            case ToolCall():
                parts.append(replace(part, arguments=short_arguments(part.arguments, ref)))
            case Reasoning() | Image():
                pass
    made = replace(reply, parts=tuple(parts))
    return made if message_tokens(made) < message_tokens(reply) else reply


def short_arguments(arguments: str, ref: str) -> str:
    """Return arguments with long values cut, as the JSON of an object that wires accept."""
    if len(arguments) <= LONG_ARGUMENTS_BYTES:
        return arguments
    try:
        given: Any = msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.DecodeError:
        given = {"unparsed": arguments}
    made = msgspec.json.encode(_short_value(given, ref)).decode()
    return made if len(made) < len(arguments) else arguments


def cut_words(message: User, ref: str, limit_bytes: int) -> User:
    """Return what a person said; of a long text its head, its tail, and lines that set rules."""
    if all(len(part.text) <= limit_bytes for part in message.parts if isinstance(part, Text)):
        return message
    parts: list[UserPart] = []
    for part in message.parts:
        parts.append(
            Text(short_words(part.text, ref, limit_bytes)) if isinstance(part, Text) else part
        )
    return User(tuple(parts))


def short_words(text: str, ref: str, limit_bytes: float) -> str:
    """Return a text within about `limit_bytes`, and how the whole is had where it is cut."""
    size = len(text.encode("utf-8", "replace"))
    if size <= limit_bytes:
        return text
    lines = Lines(text)
    longest = max(LONG_VALUE_BYTES // 3, int(limit_bytes * 0.25))
    shown = excerpt(lines, limit_bytes, RULES, longest)
    back = f'recall("{ref}", 1, {lines.count})'
    shown.append(f"[{size} bytes, cut to save room; get all of it with {back}]")
    return "\n".join(shown)


def _headline(result: ToolResult, ref: str, title: str, lines: Lines) -> str:
    facts = [ref, title, outcome_of(result)]
    count, tokens = lines.count, estimate_tokens(result.text)
    facts.append(f"{count} lines, about {tokens:,} tokens" if count != 1 else f"{tokens} tokens")
    images = sum(isinstance(part, Image) for part in result.parts)
    if images:
        facts.append("an image" if images == 1 else f"{images} images")
    back = f'recall("{ref}", 1, {count})'
    return f"[{' · '.join(filter(None, facts))}; it left the window, get it back with {back}]"


def _result(result: ToolResult, text: str) -> ToolResult:
    return ToolResult(result.call_id, result.name, (Text(text),), result.outcome)


def _details(result: ToolResult) -> _Details:
    if not result.details:
        return _Details()
    try:
        return msgspec.json.decode(result.details, type=_Details)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Details()


def _short_value(value: Any, ref: str) -> Any:
    if isinstance(value, str):
        size = len(value.encode("utf-8", "replace"))
        if size <= LONG_VALUE_BYTES:
            return value
        kept = value[: LONG_VALUE_BYTES // 2]
        return f'{kept} [… {size - len(kept.encode())} bytes left the window: recall("{ref}") …]'
    if isinstance(value, list):
        items = cast(list[Any], value)
        more = [f"[… {len(items) - 6} more …]"] if len(items) > 6 else []
        return [_short_value(item, ref) for item in items[:6]] + more
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return {name: _short_value(item, ref) for name, item in fields.items()}
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())
