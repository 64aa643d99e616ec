"""Tool calls for models that cannot make them by themselves: one JSON object under a schema.

Qwen2.5-Coder writes fenced JSON that no parser takes; held to a schema it calls well. An answer is
either `{"tool": name, "arguments": {...}}` or `{"answer": text}`, so exactly one call a reply. A
free-form tool takes its input as it is: `{"tool": name}`, a line end, and the text under the tool's
grammar. Pure: knows neither the engine nor the wire.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from kodo.core.messages import Text, ToolCall
from kodo.core.model import ToolChoice, ToolSpec
from kodo.engine.grammars import after, either


class Bounds(NamedTuple):
    """What holds a reply: a JSON Schema, a grammar (GBNF), or either of both."""

    schema: str | None
    grammar: str | None


class _Input(msgspec.Struct):
    input: str


class _Called(msgspec.Struct):
    tool: str | None = None
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    answer: msgspec.Raw = msgspec.Raw()


def instructions(tools: Sequence[ToolSpec]) -> str:
    """Return the text that tells a model how to call `tools`."""
    lines = [
        "You can use tools. Reply with exactly one JSON object and nothing else:",
        '{"tool": NAME, "arguments": {...}} to use a tool, or',
        '{"answer": TEXT} when the task is done or no tool is needed.',
        "The tools are:",
    ]
    lines += [f"- {tool.name}: {tool.description} {_form(tool)}" for tool in tools]
    return "\n".join(lines)


def _form(tool: ToolSpec) -> str:
    if not tool.grammar:
        return f"Arguments: {tool.parameters}"
    return f"It takes plain text: reply with the line {_head(tool.name)} and the text behind it."


def bounds(tools: Sequence[ToolSpec], choice: ToolChoice, answer_schema: str | None) -> Bounds:
    """Return what one reply may be: a call of one of `tools`, or an answer, as `choice` allows.

    `answer_schema` (JSON text) holds the answer.
    """
    offered = [] if choice.mode == "none" else list(tools)
    if choice.mode == "named":
        offered = [tool for tool in offered if tool.name == choice.name]
    choices: list[object] = [
        _object({"tool": {"const": tool.name}, "arguments": _parameters(tool)})
        for tool in offered
        if not tool.grammar
    ]
    if not choice.must_call:
        answer: object = {"type": "string"}
        if answer_schema is not None:
            answer = msgspec.Raw(answer_schema.encode())
        choices.append(_object({"answer": answer}))
    texts = [after(f"{_head(tool.name)}\n", tool.grammar) for tool in offered if tool.grammar]
    schema = msgspec.json.encode({"anyOf": choices}).decode() if choices else None
    return Bounds(schema, either(texts) if texts else None)


def write(call: ToolCall, tools: Sequence[ToolSpec]) -> str:
    """Return a call as the model would have written it, for its own history."""
    if any(tool.name == call.name and tool.grammar for tool in tools):
        try:
            text = msgspec.json.decode(call.arguments, type=_Input).input
        except msgspec.DecodeError:
            text = call.arguments
        return f"{_head(call.name)}\n{text}"
    try:
        arguments: object = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        arguments = call.arguments
    return msgspec.json.format(
        msgspec.json.encode({"tool": call.name, "arguments": arguments}), indent=0
    ).decode()


def read(text: str, call_id: str, tools: Sequence[ToolSpec]) -> Text | ToolCall:
    """Return the call or the answer in `text`; `text` itself where it is neither (cut short).

    An answer that is no string (it was held to a schema) is its JSON text.
    """
    head, line_end, rest = text.partition("\n")
    for tool in tools:
        if tool.grammar and line_end and head == _head(tool.name):
            return ToolCall(call_id, tool.name, msgspec.json.encode(_Input(rest)).decode())
    try:
        found = msgspec.json.decode(text, type=_Called)
    except msgspec.DecodeError:
        return Text(text)
    if found.tool is not None:
        return ToolCall(call_id, found.tool, bytes(found.arguments).decode())
    answer = bytes(found.answer).decode() or text
    return Text(msgspec.json.decode(answer, type=str) if answer.startswith('"') else answer)


def answer_span(text: str) -> tuple[int, int]:
    """Return where in a reply its answer stands, from and to; (0, 0) where it is a call.

    Exact for replies that were held to `bounds`; quotes of a plain text are not part of it.
    """
    if not text.startswith(_ANSWER):
        return 0, 0
    begin, end = len(_ANSWER), len(text.removesuffix("}"))
    if text[begin : begin + 1] == '"':
        begin, end = begin + 1, end - 1
    return begin, end


_ANSWER = '{"answer": '


def _head(name: str) -> str:
    return msgspec.json.format(msgspec.json.encode({"tool": name}), indent=0).decode()


def _object(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _parameters(tool: ToolSpec) -> object:
    return msgspec.json.decode(tool.parameters) if tool.parameters else {"type": "object"}
