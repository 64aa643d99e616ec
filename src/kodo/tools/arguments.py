"""Arguments of tools: the schema that a model sees and the strict decoding of what it sends.

Both come from one struct, so they cannot differ. Guards that a wrong argument is answered with the
field, the expectation and the whole list of fields. Knows no tool.
"""

from typing import Any, TypeVar, cast

import msgspec

from kodo.base.errors import ToolError


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every tool's arguments."""


A = TypeVar("A", bound=Arguments)


def schema_text(kind: type[Arguments]) -> str:
    """Return the JSON Schema of `kind` as compact JSON text, without references or titles."""
    schema = msgspec.json.schema(kind)
    definitions: dict[str, dict[str, Any]] = schema["$defs"]
    plain = _inlined(schema, definitions)
    plain.pop("description", None)  # the struct's docstring is for people who read the code
    return msgspec.json.encode(plain).decode()


def _inlined(node: Any, definitions: dict[str, dict[str, Any]]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    fields = cast(dict[str, Any], node)
    reference: str | None = fields.get("$ref")
    if reference is not None:
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    options = cast("list[dict[str, Any]] | None", fields.get("anyOf"))
    if options and options[-1] == {"type": "null"} and len(options) == 2:
        # An optional field is simply left out; a plain type is what small models get right.
        fields = {
            **options[0],
            **{k: v for k, v in fields.items() if k not in ("anyOf", "default")},
        }
    return {
        key: _inlined(value, definitions)
        for key, value in fields.items()
        if key not in ("$defs", "title") or (isinstance(value, dict) and key == "title")
    }


def decode(kind: type[A], data: bytes, tool: str) -> A:
    """Return the arguments. Raises ToolError with a message that tells the model what to send."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ToolError(f"{tool}: {_explain(str(error))}. {_usage(kind, tool)}") from error


def _explain(reason: str) -> str:
    reason, _, path = reason.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    return f"field {field!r}: {reason}" if field else reason


def _usage(kind: type[Arguments], tool: str) -> str:
    schema = msgspec.json.decode(schema_text(kind))
    properties: dict[str, dict[str, Any]] = schema["properties"]
    fields = [
        f"{name} ({field.get('type', 'value')}{', required' if name in schema['required'] else ''})"
        for name, field in properties.items()
    ]
    return f"The arguments of {tool} are one JSON object with: {', '.join(fields)}"
