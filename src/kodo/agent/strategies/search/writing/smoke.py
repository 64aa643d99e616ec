"""A first run of a new program: does it parse, does it start?

Knows parsers and one command in the scratch copy. Guards against programs that wait or never end.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from kodo.base.errors import ToolError
from kodo.base.text import repair_utf8
from kodo.core.sandbox import ExecResult, Scratch
from kodo.syntax.languages import language_of
from kodo.syntax.tree import syntax_errors

SMOKE_S = 8.0


@dataclass(frozen=True, slots=True)
class Smoke:
    """How a first run of a program ended: "" in `problem` means well, `ended` says how."""

    command: str
    problem: str
    ended: str = "failed"


async def smoke_run(scratch: Scratch, files: dict[str, str]) -> Smoke | None:
    """Check that each file parses, then start the program once in the scratch copy."""
    for path, text in files.items():
        language = language_of(path)
        problems = syntax_errors(text.encode(), language) if language is not None else []
        if problems:
            return Smoke(f"parse {path}", f"line {problems[0].line}: {problems[0].message}")
        if path.endswith((".html", ".htm")) and (problem := html_problem(text)):
            return Smoke(f"parse {path}", problem)
        try:
            await scratch.sandbox.write(Path(path), text.encode("utf-8", "surrogateescape"))
        except ToolError as error:
            return Smoke(f"write {path}", str(error))
    command = _smoke_command(files)
    if command is None:
        return None
    shown = " ".join(command)
    result = await scratch.sandbox.exec(command, timeout_s=SMOKE_S, stdin=b"")
    output = repair_utf8(result.output)
    ended = how_ended(result, output)
    if ended == "failed":
        return Smoke(shown, output[-1500:] or f"exit code {result.exit_code}")
    return Smoke(shown, "", ended)


def how_ended(result: ExecResult, output: str) -> str:
    """Return how a first run without arguments and input ended, in words; "failed" for a crash."""
    if result.timed_out:
        return f"went on until it was stopped after {SMOKE_S:g} s"
    if result.exit_code == 0:
        return "ran to its end"
    if "EOFError" in output or "_curses.error" in output:
        return "waits for input, so it was not run to its end"
    if "usage" in output.lower() and "Traceback (most recent call last)" not in output:
        return "stopped with a usage message"
    return "failed"


def _smoke_command(files: dict[str, str]) -> list[str] | None:
    mains = [p for p, text in files.items() if p.endswith(".py") and "__main__" in text]
    scripts = mains or [p for p in files if p.endswith(".py")]
    if scripts:
        return ["python3", scripts[0]]
    for path, text in files.items():
        if path.endswith(".sh"):
            return ["bash", "-n", path]
        if path.endswith((".js", ".mjs")) and not any(p.endswith(".html") for p in files):
            browser = "document." in text or "window." in text
            return None if browser else ["node", path]
    return None


class _Pairs(HTMLParser):
    """Notes elements that are closed without having been opened, or never closed."""

    _VOID = frozenset(
        {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"}
        | {"track", "wbr", "p", "li", "td", "tr", "th", "option"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problem = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._VOID or tag in ("tbody", "thead"):
            return
        if tag not in self.open:
            self.problem = self.problem or f"</{tag}> closes nothing (line {self.getpos()[0]})"
            return
        while self.open and self.open.pop() != tag:
            pass


def html_problem(text: str) -> str:
    """Return what is wrong with a page's elements or its inline scripts, or ""."""
    parser = _Pairs()
    parser.feed(text)
    if parser.problem:
        return parser.problem
    for script in re.findall(
        r"<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)</script>", text, re.IGNORECASE
    ):
        problems = syntax_errors(script.encode(), "javascript")
        if problems:
            return f"inline script, line {problems[0].line}: {problems[0].message}"
    if parser.open and parser.open[0] == "html" and "</html>" not in text.lower():
        return "the page is cut off: </html> is missing"
    return ""
