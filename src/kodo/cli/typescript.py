"""TypeScript types made from JSON Schemas, for the faces of kodo that are written in it.

Knows the part of JSON Schema that our own types lead to. Guards that what it does not know is an
error, never a wrong type.
"""

import json
from collections.abc import Mapping, Sequence
from typing import cast

Schema = Mapping[str, object]
_PLAIN = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def typescript(schemas: Sequence[tuple[str, Schema]], source: str) -> str:
    """Return a module with a type for each schema, by the name given, and for all they refer to.

    `source` says in the head where it comes from. Raises ValueError for what has no type here.
    """
    found: dict[str, str] = {}
    for name, schema in schemas:
        definitions = cast("dict[str, Schema]", schema.get("$defs", {}))
        for key, definition in definitions.items():
            found[key] = _declared(key, definition)
        if name not in definitions:
            found[name] = _declared(name, schema)
    head = (
        f"// Made from {source}; do not edit. Fields marked `?` have the default that is named.\n"
    )
    return head + "".join(f"\n{found[name]}" for name in sorted(found))


def _declared(name: str, schema: Schema) -> str:
    comment = _comment(str(schema.get("description", "")), "")
    if schema.get("type") == "object" and "properties" in schema:
        return f"{comment}export interface {name} {_members(schema)}\n"
    return f"{comment}export type {name} = {_type(schema)};\n"


def _members(schema: Schema) -> str:
    required = cast("Sequence[str]", schema.get("required", ()))
    lines = ["{"]
    properties = cast("dict[str, Schema]", schema["properties"])
    for key, member in properties.items():
        mark = "" if key in required else "?"
        default = f" // {json.dumps(member['default'])}" if "default" in member else ""
        lines.append(f"  {_key(key)}{mark}: {_type(member)};{default}")
    return "\n".join([*lines, "}"])


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        several = cast("Sequence[Schema]", schema["anyOf"])
        return " | ".join(dict.fromkeys(_type(one) for one in several))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in cast("Sequence[object]", schema["enum"]))
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            items = cast("Sequence[Schema]", schema["prefixItems"])
            return f"[{', '.join(_type(one) for one in items)}]"
        case "array":
            return f"Array<{_type(cast('Schema', schema.get('items', {})))}>"
        case "object" if "properties" in schema:
            return _members(schema)
        case "object":
            of = schema.get("additionalProperties", {})
            return f"Record<string, {_type(cast('Schema', of)) if of else 'unknown'}>"
        case None if not set(schema) - {"default", "title", "description"}:
            return "unknown"
        case kind if isinstance(kind, str) and kind in _PLAIN:
            return _PLAIN[kind]
        case kind:
            raise ValueError(f"no TypeScript type for {kind!r} in {json.dumps(schema)[:200]}")


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _comment(text: str, indent: str) -> str:
    words = text.replace("*/", "* /").strip()
    if not words:
        return ""
    body = "\n".join(f"{indent} * {line.strip()}".rstrip() for line in words.splitlines())
    return f"{indent}/**\n{body}\n{indent} */\n"
