"""Statements that a method may lack because its class does the same elsewhere.

Knows the text around a method, by indentation. Guards the number: a few statements of siblings, a
few receivers of a call that the method makes for another object.
"""

import re

from kodo.syntax.scope import Scope

MOST_STATEMENTS = 12
MOST_RECEIVERS = 6
_MIRROR = bytes.maketrans(b"+-", b"-+")
_CALL = re.compile(rb"^(?P<receiver>[\w.>-]+?)(?:\.|->)(?P<call>\w+\([^()\n]{0,30}\);?)$")


def sibling_statements(scope: Scope) -> dict[bytes, float]:
    """Return statements of the class of `scope`'s method that the method has not, with weights.

    Those are assignments and calls on the object itself that stand in other methods, and calls that
    the method makes for one object, made for an attribute of its own object.
    """
    prefix = scope.words.self_.encode()
    own = scope.root.text or scope.source
    around = _class_around(scope) if prefix not in {b"", b"@"} else b""
    if not around:
        return {}
    spelled = re.escape(prefix)
    found: dict[bytes, float] = {}
    for match in re.finditer(rb"^[ \t]+(" + spelled + rb"[^\n]{1,56})$", around, re.MULTILINE):
        text = match.group(1).rstrip()
        simple = re.match(spelled + rb"\w+(?:(?:\.\w+)*\(.*\);?$| = [^=])", text)
        if simple is not None and text not in own and len(found) < MOST_STATEMENTS:
            found.setdefault(text, 0.5)
        counted = re.match(spelled + rb"\w+ ?(?:[+-]=|\+\+;?$|--;?$)", text)
        if counted is not None and len(found) < MOST_STATEMENTS:
            # What one method adds, another one may have to take away.
            for statement in (text.translate(_MIRROR), text):
                if statement not in own:
                    found.setdefault(statement, 0.8)
    attributes = re.findall(spelled + rb"(\w+)\b(?!\()", own + b"\n" + around)
    receivers = [prefix + name for name in dict.fromkeys(attributes)][:MOST_RECEIVERS]
    for line in own.split(b"\n"):
        call = _CALL.match(line.strip())
        if call is None or call["receiver"] + b"." == prefix:
            continue
        for receiver in receivers:
            text = receiver + (b"->" if scope.language == "cpp" else b".") + call["call"]
            if text not in own:
                found.setdefault(text, 0.4)
    return found


def _class_around(scope: Scope) -> bytes:
    """Return the text of the class around the method without the method, or b"" outside of one."""
    indent = len(scope.indent_of(scope.root.start))
    if not indent:
        return b""
    before = scope.source[: scope.root.start].split(b"\n")[:-1]
    after = scope.source[scope.root.end :].split(b"\n")[1:]
    start = next(
        (at for at in range(len(before) - 1, -1, -1) if _indentation(before[at]) < indent), -1
    )
    if start < 0 or re.search(rb"\b(?:class|struct|impl)\b", before[start]) is None:
        return b""
    end = next((at for at, line in enumerate(after) if _indentation(line) < indent), len(after))
    return b"\n".join([*before[start + 1 :], *after[:end]])


def _indentation(line: bytes) -> int:
    """Return the width of a line's indentation; an empty line counts as far in."""
    return len(line) - len(line.lstrip()) if line.strip() else 1 << 16
