"""Tool calls for models that cannot make them by themselves: one JSON object under a schema.

Qwen2.5-Coder writes fenced JSON that no parser takes; held to a schema it calls well. An answer is
either `{"tool": name, "arguments": {...}}` or `{"answer": text}`, so exactly one call a reply.
Pure: knows neither the engine nor the wire.
"""

from collections.abc import Sequence

import msgspec

from kodo.core.messages import Text, ToolCall
from kodo.core.model import ToolSpec


class _Called(msgspec.Struct):
    tool: str | None = None
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    answer: str | None = None


def instructions(tools: Sequence[ToolSpec]) -> str:
    """Return the text that tells a model how to call `tools`."""
    lines = [
        "You can use tools. Reply with exactly one JSON object and nothing else:",
        '{"tool": NAME, "arguments": {...}} to use a tool, or',
        '{"answer": TEXT} when the task is done or no tool is needed.',
        "The tools are:",
    ]
    lines += [f"- {tool.name}: {tool.description} Arguments: {tool.parameters}" for tool in tools]
    return "\n".join(lines)


def schema(tools: Sequence[ToolSpec]) -> str:
    """Return the JSON Schema (JSON text) of one reply: a call of one of `tools`, or an answer."""
    choices: list[object] = [
        _object({"tool": {"const": tool.name}, "arguments": _parameters(tool)}) for tool in tools
    ]
    choices.append(_object({"answer": {"type": "string"}}))
    return msgspec.json.encode({"anyOf": choices}).decode()


def write(call: ToolCall) -> str:
    """Return a call as the model would have written it, for its own history."""
    try:
        arguments: object = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        arguments = call.arguments
    return msgspec.json.format(
        msgspec.json.encode({"tool": call.name, "arguments": arguments}), indent=0
    ).decode()


def read(text: str, call_id: str) -> Text | ToolCall:
    """Return the call or the answer in `text`; `text` itself where it is neither (cut short)."""
    try:
        found = msgspec.json.decode(text, type=_Called)
    except msgspec.DecodeError:
        return Text(text)
    if found.tool is not None:
        return ToolCall(call_id, found.tool, bytes(found.arguments).decode())
    return Text(text if found.answer is None else found.answer)


def _object(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _parameters(tool: ToolSpec) -> object:
    return msgspec.json.decode(tool.parameters) if tool.parameters else {"type": "object"}
