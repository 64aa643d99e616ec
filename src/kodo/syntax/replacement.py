"""Put a new text in the place of a symbol, keeping its indentation, decorators and doc comment.

Knows text and symbols, not who wrote the new text. Guards the inside of multi-line strings, which
keeps its layout.
"""

from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol
from kodo.syntax.tree import parse, walk

_COMMENT = ("//", "/*", "#")
_DECORATION = ("@", "#[", "export ", "template", "pub ", "declare ")


def replace_symbol(source: bytes, symbol: Symbol, new_text: str) -> bytes:
    """Return `source` with `new_text` in the place of `symbol`, indented as the symbol was.

    Where `new_text` brings no doc comment or decorators of its own, the old ones stay. Common
    indentation of `new_text` is taken off first. Line ends follow the file.
    """
    text = new_text.strip("\r\n").replace("\r\n", "\n").rstrip()
    start = symbol.code_byte
    lead = text.lstrip()
    old_lead = source[symbol.start_byte : symbol.code_byte].decode("utf-8", "replace").lstrip()
    if old_lead:
        if lead.startswith("#[") or (lead.startswith(_DECORATION)):
            start = symbol.decorated_byte
        elif lead.startswith(_COMMENT):
            start = symbol.start_byte
    line_start = source.rfind(b"\n", 0, symbol.start_byte) + 1
    head = source[line_start : symbol.start_byte]
    indent = head[: len(head) - len(head.lstrip())].decode("utf-8", "replace")
    body = reindent(text, indent, symbol.language).encode("utf-8", "replace")
    if b"\r\n" in source:
        body = body.replace(b"\n", b"\r\n")
    return source[:start] + body + source[symbol.end_byte :]


def reindent(text: str, indent: str, language: LanguageName) -> str:
    """Return `text` without its common indentation, `indent` before each line but the first.

    Lines that begin inside a string literal are left as they are.
    """
    lines = text.split("\n")
    inside = _lines_in_strings(text, language)
    free = [line for row, line in enumerate(lines) if line.strip() and row not in inside]
    common = min((_width(line) for line in free), default=0)
    # A model often drops the first line's indentation only.
    rest = min((_width(line) for line in free[1:]), default=0)
    # Below a decorator or a comment stands the definition, else its body, one level deeper.
    least = len(indent) + (0 if lines[0].lstrip().startswith(("@", *_COMMENT)) else 1)
    if common == 0 and len(free) > 1 and indent and rest >= least:
        common = len(indent)
        if lines[0][:common].strip():
            lines[0] = " " * common + lines[0]
    result: list[str] = []
    for row, line in enumerate(lines):
        if row in inside:
            result.append(line)
        elif not line.strip():
            result.append("")
        else:
            result.append((indent if row else "") + line[min(common, _width(line)) :])
    return "\n".join(result)


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _lines_in_strings(text: str, language: LanguageName) -> set[int]:
    if not any(mark in text for mark in ('"""', "'''", "`", 'r"', 'r#"', "<<")):
        return set()
    rows: set[int] = set()
    for node in walk(parse(text.encode("utf-8", "replace"), language).root_node):
        if "string" in node.type and node.start_point[0] < node.end_point[0]:
            parent = node.parent
            if parent is not None and parent.type == "expression_statement":
                continue  # a docstring is indented with its function
            rows.update(range(node.start_point[0] + 1, node.end_point[0] + 1))
    return rows
