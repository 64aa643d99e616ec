"""Find the code in what a model answered, whatever it wrapped around it.

Knows fences, file names and habits of small models. Guards nothing about the code itself: who takes
it parses it.
"""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)
_NAME = re.compile(
    r"(?:^|[\s`*\"'(:])((?:[\w.-]+/)*[\w.-]+\.[A-Za-z][A-Za-z0-9]{0,9})(?=$|[\s`*\"'):,])"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its text, the info word behind the fence, and a file name said near it."""

    text: str
    info: str = ""
    name: str = ""


def blocks(answer: str) -> list[Block]:
    """Return the fenced blocks of `answer` in order; an unclosed last fence counts.

    An answer without any fence is one block where it looks like code, else nothing.
    """
    found: list[Block] = []
    at = 0
    while (opening := _FENCE.search(answer, at)) is not None:
        fence, info = opening.group(1), opening.group(2).strip()
        closing = re.compile(rf"^[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
        start = opening.end() + 1
        end = closing.search(answer, start)
        text = answer[start : end.start() if end else len(answer)]
        found.append(
            Block(text, info.split(" ")[0], _name_near(answer[at : opening.start()], info))
        )
        if end is None:
            break
        at = end.end()
    if not found and _looks_like_code(answer):
        found.append(Block(answer.strip("\n") + "\n"))
    return [block for block in found if block.text.strip()]


def longest_block(answer: str) -> str | None:
    """Return the text of the longest block, or None where there is no code."""
    found = blocks(answer)
    return max((block.text for block in found), key=len) if found else None


def _name_near(before: str, info: str) -> str:
    named = _NAME.findall(" " + info)
    if named:
        return named[-1]
    lines = [line for line in before.rstrip().splitlines()[-2:] if line.strip()]
    for line in reversed(lines):
        named = _NAME.findall(line)
        if named:
            return named[-1]
    return ""


_CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|export |function |const |let |pub |fn |use |impl |"
    r"struct |#include|package |public |return |<!DOCTYPE|<html)",
    re.MULTILINE,
)


def _looks_like_code(text: str) -> bool:
    return _CODE.search(text) is not None
