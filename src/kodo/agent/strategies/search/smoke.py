"""A first run of a new program: does it parse, does it start?

Knows parsers and one command in the scratch copy. Guards against programs that wait or never end.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from kodo.base.text import repair_utf8
from kodo.core.sandbox import Scratch
from kodo.syntax.languages import language_of
from kodo.syntax.tree import syntax_errors

SMOKE_S = 8.0


@dataclass(frozen=True, slots=True)
class Smoke:
    """How a first run of a program ended: "" in `problem` means well."""

    command: str
    problem: str


async def smoke_run(scratch: Scratch, files: dict[str, str]) -> Smoke | None:
    """Check that each file parses, then start the program once in the scratch copy."""
    for path, text in files.items():
        language = language_of(path)
        problems = syntax_errors(text.encode(), language) if language is not None else []
        if problems:
            return Smoke(f"parse {path}", f"line {problems[0].line}: {problems[0].message}")
        if path.endswith((".html", ".htm")) and (problem := html_problem(text)):
            return Smoke(f"parse {path}", problem)
        target = scratch.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    command = _smoke_command(files)
    if command is None:
        return None
    shown = " ".join(command)
    result = await scratch.sandbox.exec(command, timeout_s=SMOKE_S, stdin=b"")
    output = repair_utf8(result.output)
    waits = (
        result.timed_out
        or "EOFError" in output
        or result.exit_code == 2
        or "_curses.error" in output
    )
    if waits or result.exit_code == 0 or "usage" in output.lower():
        return Smoke(shown, "")
    return Smoke(shown, output[-1500:] or f"exit code {result.exit_code}")


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
