"""The simple commands inside a shell command, however they are chained, piped or nested.

Knows bash syntax, not what commands do. Guards that nothing hides in a substitution, a
here-document or a variable that is set on the spot; what only a run could tell stays in the words
as written and is marked `dynamic`.
"""

import re
from collections.abc import Mapping

import msgspec
from tree_sitter import Node

from kodo.syntax.tree import parse, walk

_NESTING = {"subshell", "command_substitution", "process_substitution"}
_COMMANDS = {"command", "declaration_command", "unset_command", "test_command"}
_NO_WORD = {"herestring_redirect", "heredoc_redirect", "file_redirect", "heredoc_body", "comment"}
_EXPANSIONS = {
    "simple_expansion",
    "expansion",
    "command_substitution",
    "process_substitution",
    "arithmetic_expansion",
}
_WRITING = {">", ">>", "&>", "&>>", ">|", "<>", ">&"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_ESCAPE = re.compile(r'\\([$`"\\\n])')
_NAMED = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|.)", re.S)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b"}


class ShellCommand(msgspec.Struct, frozen=True):
    """One simple command: `words` without quotes, redirect targets apart.

    `nested` says that it stands in a subshell or a substitution, `writes` are the files that it
    is redirected to. `assignments` are the variables set in front of it, as written. `dynamic` are
    the indexes of words that only a run could tell. `stdin` is the text of a here-document or
    here-string, `fed_by` the indexes of the commands whose output it reads through a pipe.
    """

    words: tuple[str, ...]
    nested: bool = False
    writes: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    dynamic: frozenset[int] = frozenset()
    stdin: str | None = None
    fed_by: tuple[int, ...] = ()


def shell_commands(text: str, known: Mapping[str, str] | None = None) -> tuple[ShellCommand, ...]:
    """Return every simple command of `text` in source order; nested ones follow their holder.

    A redirect without a command is one without words. `known` are the values of variables; those
    that `text` itself sets once, to something plain, are added.
    """
    root = parse(text.encode("utf-8", "replace"), "bash").root_node
    nodes = [node for node in walk(root) if node.type in _COMMANDS or _is_bare_redirect(node)]
    order = {node.id: index for index, node in enumerate(nodes)}
    values = {**(known or {}), **_constants(root, known or {})}
    return tuple(_command(node, order, values) for node in nodes)


def _is_bare_redirect(node: Node) -> bool:
    return node.type == "redirected_statement" and node.child_by_field_name("body") is None


def _constants(root: Node, known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set exactly once in the text, and to plain text."""
    found: dict[str, str | None] = {}
    for node in walk(root):
        if node.type == "for_statement" and (name := node.child_by_field_name("variable")):
            found[_text(name)] = None
        elif node.type == "command" and _text(node).startswith("read "):
            found.update(dict.fromkeys(_text(node).split()[1:]))
        elif node.type == "variable_assignment":
            target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            plain = value is None or not _has_expansion(value, known)
            appended = any(child.type == "+=" for child in node.children)
            name_text = _text(target) if target is not None else ""
            fresh = plain and not appended and name_text not in found
            found[name_text] = (_word(value, known) if value else "") if fresh else None
    return {name: value for name, value in found.items() if value is not None}


def _command(node: Node, order: Mapping[int, int], known: Mapping[str, str]) -> ShellCommand:
    words: list[str] = []
    dynamic: set[int] = set()
    assignments: list[str] = []
    redirects = _redirects(node)
    stdin = _here_text(node, known)
    for child in () if node.type == "redirected_statement" else node.children:
        if child.type == "variable_assignment" and node.type == "command":
            assignments.append(_text(child))
        elif child.type not in _NO_WORD:
            if _has_expansion(child, known):
                dynamic.add(len(words))
            words += _split_words(child, known)
    inner, parent, nested, last = node, node.parent, False, True
    while parent is not None:
        nested = nested or parent.type in _NESTING
        if parent.type in {"list", "pipeline"}:
            # `a && b > out`: the grammar hangs the redirect on the list, bash on its last command.
            last = last and parent.children[-1] == inner
        elif parent.type == "redirected_statement" and last:
            redirects += _redirects(parent)
            stdin = _here_text(parent, known) if stdin is None else stdin
        inner, parent = parent, parent.parent
    writes = tuple(target for redirect in redirects if (target := _written_file(redirect, known)))
    return ShellCommand(
        tuple(words),
        nested,
        tuple(dict.fromkeys(writes)),
        tuple(assignments),
        frozenset(dynamic),
        stdin,
        _feeders(node, order),
    )


def _feeders(node: Node, order: Mapping[int, int]) -> tuple[int, ...]:
    """Return the commands of the pipeline's stage before the one that holds `node`."""
    inner, parent = node, node.parent
    while parent is not None and parent.type not in _NESTING - {"subshell"}:
        source: Node | None = None
        if parent.type == "pipeline" and parent.named_children[0] != inner:
            source = parent.named_children[parent.named_children.index(inner) - 1]
        elif parent.type == "heredoc_redirect" and inner.type in {"pipeline", "command"}:
            # `cat <<E | sh`: the grammar hangs the rest of the pipeline below the here-document.
            statement = parent.parent
            if inner.type == "pipeline" and statement is not None:
                source = statement.child_by_field_name("body")
        if source is not None:
            return tuple(order[item.id] for item in walk(source) if item.id in order)
        inner, parent = parent, parent.parent
    return ()


def _here_text(node: Node, known: Mapping[str, str]) -> str | None:
    for child in node.children:
        if child.type == "heredoc_redirect":
            bodies = [item for item in child.children if item.type == "heredoc_body"]
            return "".join(map(_text, bodies))
        if child.type == "herestring_redirect" and child.named_children:
            return _word(child.named_children[-1], known)
    return None


def _redirects(node: Node) -> list[Node]:
    found: list[Node] = []
    for child in node.children:
        found += _redirects(child) if child.type == "heredoc_redirect" else ()
        found += (child,) if child.type == "file_redirect" else ()
    return found


def _written_file(redirect: Node, known: Mapping[str, str]) -> str | None:
    """Return the file that a redirect writes; None for one that reads or copies a descriptor."""
    target = redirect.child_by_field_name("destination")
    operators = {child.type for child in redirect.children if not child.is_named}
    if target is None or not (operators & _WRITING or _broken(redirect)):
        return None
    word = _word(target, known)
    return None if word.isdecimal() or word == "-" else word  # `>&2` copies a descriptor


def _broken(redirect: Node) -> bool:
    return any(child.type == "ERROR" for child in redirect.children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _has_expansion(node: Node, known: Mapping[str, str]) -> bool:
    """Tell whether a word holds something whose value is not known."""
    return any(
        item.type in _EXPANSIONS and _value_of(item, known) is None
        for item in walk(node)
        if item.type != "raw_string"
    )


def _value_of(node: Node, known: Mapping[str, str]) -> str | None:
    if node.type not in {"simple_expansion", "expansion"}:
        return None
    name = _NAMED.fullmatch(_text(node))
    return known.get(name[1] or name[2]) if name else None


def _split_words(node: Node, known: Mapping[str, str]) -> list[str]:
    """Return the words that one argument becomes: an unquoted variable is split at blanks."""
    inner = node.named_children[0] if node.type == "command_name" and node.named_children else node
    value = _value_of(inner, known)
    return value.split() if value is not None else [_word(node, known)]


def _word(node: Node, known: Mapping[str, str]) -> str:
    """Return a word as the shell would see it, as far as that is known without running it."""
    kind, text = node.type, _text(node)
    if kind == "raw_string":
        return text[1:-1]
    if kind == "ansi_c_string":
        return _ANSI.sub(_ansi_character, text[2:-1])
    if kind == "string":
        return _expanded(_QUOTED_ESCAPE.sub(r"\1", text[1:-1]), known)
    if kind == "word":
        return _ESCAPE.sub(r"\1", text)
    if (value := _value_of(node, known)) is not None:
        return value
    if kind in {"concatenation", "command_name"} and node.children:
        return "".join(_word(child, known) for child in node.children)
    return text


def _expanded(text: str, known: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda found: known.get(found[1] or found[2], found[0]), text)


def _ansi_character(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _ANSI_LETTERS.get(code, code)
