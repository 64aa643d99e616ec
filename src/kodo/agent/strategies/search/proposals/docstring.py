"""Long docstrings: cut in what a small model is shown, put back whole into what it wrote.

Knows Python functions by `ast`. Guards that no description is lost because a model left it out.
"""

import ast
import textwrap

from kodo.syntax.languages import LanguageName
from kodo.syntax.symbols import Symbol

SHOWN_LINES = 5
WHOLE_FILE_CHARACTERS = 2000


def shown_function(text: str, symbol: Symbol | None, language: LanguageName | str) -> str:
    """Return a function (a short file whole) as the model should see it."""
    if symbol is None or len(text) <= WHOLE_FILE_CHARACTERS:
        return text
    data = text.encode()
    start = data.rfind(b"\n", 0, symbol.start_byte) + 1
    body = data[start : symbol.end_byte].decode("utf-8", "replace")
    return cut_docstring(body) if language == "python" else body


def cut_docstring(function: str) -> str:
    """Return the function with its docstring cut to SHOWN_LINES lines."""
    found = _docstring_lines(function)
    if found is None or found[1] - found[0] <= SHOWN_LINES:
        return function
    lines = function.split("\n")
    first, last = found
    mark = '"""' if '"""' in lines[first] else "'''"
    kept = lines[first : first + SHOWN_LINES - 1]
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    return "\n".join([*lines[:first], *kept, indent + mark, *lines[last:]])


def keep_docstring(old: str, new: str) -> str:
    """Return `new` with the docstring of `old` in place of its own, where `old` has one."""
    was, now = _docstring_lines(old), _docstring_lines(new)
    if was is None:
        return new
    old_lines, new_lines = old.split("\n"), new.split("\n")
    kept = textwrap.dedent("\n".join(old_lines[was[0] : was[1]])).split("\n")
    if now is not None:
        first, last = now
        model_line = new_lines[first]
    else:
        first = _body_line(new)
        if first is None:
            return new
        last, model_line = first, new_lines[first]
    indent = model_line[: len(model_line) - len(model_line.lstrip())]
    indented = [indent + line if line.strip() else "" for line in kept]
    return "\n".join([*new_lines[:first], *indented, *new_lines[last:]])


def _function_of(text: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError):
        return None
    node = tree.body[0] if tree.body else None
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _docstring_lines(text: str) -> tuple[int, int] | None:
    """Return the docstring's lines as [first, last), 0-based, or None."""
    node = _function_of(text)
    if node is None or ast.get_docstring(node, clean=False) is None:
        return None
    statement = node.body[0]
    if statement.lineno == node.lineno or statement.end_lineno is None:
        return None
    return statement.lineno - 1, statement.end_lineno


def _body_line(text: str) -> int | None:
    node = _function_of(text)
    if node is None or node.body[0].lineno == node.lineno:
        return None
    return node.body[0].lineno - 1
