"""Command lines of nothing but plain git: those may write the repository that they run in.

Reads the very tree of the line by an allow list of its nodes, so that what it does not know is
refused. Judges nothing else. Guards that no variable, function, redirect or program of the
workspace comes along.
"""

import re

from tree_sitter import Node

from kodo.agent.permission.gitwords import may_change, why_not_plain
from kodo.core.messages import Value
from kodo.syntax.shell import ShellCommand, shell_commands
from kodo.syntax.tree import parse, walk

_NODE_NAMES = """
    program list pipeline command command_name word string string_content raw_string concatenation
    command_substitution redirected_statement heredoc_redirect heredoc_start heredoc_body
    heredoc_end heredoc_content file_redirect file_descriptor number comment
"""
_NODES = frozenset(_NODE_NAMES.split())
_MARKS = frozenset({"&&", "||", ";", "|", '"', "$(", ")", "<<", "<<-", ">", ">&", "\n", "2>&1"})
_PRINTING = frozenset({"echo", "cat", "head", "tail", "wc", "grep", "pwd", "true", "ls"})
"""They write nothing but their output, whatever their arguments are."""
_GLOBBING = tuple("*?[{~")
_BRACES = re.compile(rb"\{[^}]*(,|\.\.)")
_MESSAGES = ("-m", "--message", "-am")


class GitLine(Value, frozen=True):
    """A line of plain git. `folder` is where a leading `cd` leads, "" for none.

    `why_not` says what keeps it from being plain; only a line with a git command that would change
    something has one.
    """

    changes: bool = False
    folder: str = ""
    why_not: str = ""


def read_git_line(text: str) -> GitLine:
    """Return what a command line is for git: plain and changing, or why it is not."""
    if "git" not in text:
        return GitLine()
    commands = shell_commands(text)
    gits = [command for command in commands if command.words[:1] == ("git",)]
    if not any(may_change(command.words) for command in gits):
        return GitLine()
    root = parse(text.encode("utf-8", "replace"), "bash").root_node
    refused = [why for command in commands if (why := _why_not(command))]
    why_not = _strange(root) or (refused[0] if refused else "")
    folder = ""
    for index, command in enumerate(commands):
        if command.words[:1] == ("cd",):
            if index or len(command.words) != 2 or command.words[1].startswith("-"):
                why_not = why_not or "'cd' that does not come first"
            folder = command.words[1] if len(command.words) == 2 else ""
    return GitLine(not why_not, folder, why_not)


def _strange(root: Node) -> str:
    """Return what of a line's syntax is not on the list, "" for nothing."""
    if root.has_error:
        return "syntax that kodo cannot read"
    for node in walk(root):
        if node.type not in (_NODES if node.is_named else _MARKS):
            text = (node.text or b"").decode("utf-8", "replace")
            return f"{text[:40]!r} (a {node.type.replace('_', ' ')})"
        if node.type == "command_substitution" and not _is_message(node):
            return "a command substitution that is no quoted message"
        if node.type in {"word", "concatenation"} and _BRACES.search(node.text or b""):
            return "a brace expansion"
    return ""


def _is_message(node: Node) -> bool:
    """Tell whether a substitution stands in quotes, as the value of -m."""
    quotes = node.parent
    before = quotes.prev_sibling if quotes is not None else None
    return (
        quotes is not None
        and quotes.type == "string"
        and before is not None
        and (before.text or b"").decode("utf-8", "replace") in _MESSAGES
    )


def _why_not(command: ShellCommand) -> str:
    if not command.words:
        return "a redirect without a command"
    name = command.words[0]
    if command.assignments:
        return f"a variable set in front of {name!r}"
    if bad := [path for path in command.writes if path != "/dev/null"]:
        return f"output that goes to the file {bad[0]!r}"
    if name == "git":
        if 0 in command.dynamic or any(word.startswith(_GLOBBING) for word in command.words[1:2]):
            return "a subcommand that only a run could tell"
        words = command.words
        options = words[: words.index("--")] if "--" in words else words
        patterns = any(word.startswith(("*", "?", "[")) for word in options[2:])
        if patterns and words[1] != "add":  # no option of `git add` does harm
            return "a pattern that could stand for an option (write ./* or -- *)"
        if words[1:2] in (("rebase",), ("am",)) and any("*" in word for word in words):
            return "a pattern among the words of 'git rebase'"
        return why_not_plain(command.words)
    return "" if name in _PRINTING or name == "cd" else f"{name!r} beside git"
