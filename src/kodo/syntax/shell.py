"""The simple commands inside a shell command, however they are chained, piped or nested.

Knows bash syntax, not what commands do. Guards that nothing hides in a substitution; what cannot be
known without running (variables, globs) stays in the words as written.
"""

import re
from dataclasses import dataclass

from tree_sitter import Node

from kodo.syntax.tree import parse, walk

_NESTING = {"subshell", "command_substitution", "process_substitution"}
_COMMANDS = {"command", "declaration_command", "unset_command", "test_command"}
_NO_WORD = {"herestring_redirect", "heredoc_redirect", "file_redirect", "heredoc_body", "comment"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_ESCAPE = re.compile(r'\\([$`"\\\n])')


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """One simple command: `words` without quotes, redirect targets apart.

    `nested` says that it stands in a subshell or a substitution, `writes` are the files that it
    is redirected to. `assignments` are the variables set in front of it, as written.
    """

    words: tuple[str, ...]
    nested: bool = False
    writes: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()


def shell_commands(text: str) -> tuple[ShellCommand, ...]:
    """Return every simple command of `text` in source order; nested ones follow their holder."""
    root = parse(text.encode("utf-8", "replace"), "bash").root_node
    return tuple(_command(node) for node in walk(root) if node.type in _COMMANDS)


def _command(node: Node) -> ShellCommand:
    words: list[str] = []
    assignments: list[str] = []
    redirects = _redirects(node)
    for child in node.children:
        if child.type == "variable_assignment" and node.type == "command":
            assignments.append(_text(child))
        elif child.type not in _NO_WORD:
            words.append(_word(child))
    inner, parent, nested, last = node, node.parent, False, True
    while parent is not None:
        nested = nested or parent.type in _NESTING
        if parent.type in {"list", "pipeline"}:
            # `a && b > out`: the grammar hangs the redirect on the list, bash on its last command.
            last = last and parent.children[-1] == inner
        elif parent.type == "redirected_statement" and last:
            redirects += _redirects(parent)
        inner, parent = parent, parent.parent
    writes = tuple(target for redirect in redirects if (target := _written_file(redirect)))
    return ShellCommand(tuple(words), nested, writes, tuple(assignments))


def _redirects(node: Node) -> list[Node]:
    found: list[Node] = []
    for child in node.children:
        found += _redirects(child) if child.type == "heredoc_redirect" else ()
        found += (child,) if child.type == "file_redirect" else ()
    return found


def _written_file(redirect: Node) -> str | None:
    """Return the file that a redirect writes; None for one that reads or copies a descriptor."""
    target = redirect.child_by_field_name("destination")
    operators = {child.type for child in redirect.children if not child.is_named}
    if target is None or not operators & {">", ">>", "&>", "&>>", ">|", "<>"}:
        return None
    return _word(target)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _word(node: Node) -> str:
    """Return a word as the shell would see it, as far as that is known without running it."""
    kind, text = node.type, _text(node)
    if kind == "raw_string":
        return text[1:-1]
    if kind == "string":
        return _QUOTED_ESCAPE.sub(r"\1", text[1:-1])
    if kind == "word":
        return _ESCAPE.sub(r"\1", text)
    if kind in {"concatenation", "command_name"} and node.children:
        return "".join(_word(child) for child in node.children)
    return text
