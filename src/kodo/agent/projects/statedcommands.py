"""Test commands that people state: in the task's text, or in an AGENTS.md.

Knows how commands look in prose, not what they do. Guards against taking any quoted word for a
command: the first word must be a program that runs tests.
"""

import re
import shlex
from collections.abc import Iterator

_PROGRAMS = (
    r"(?:python3?|pytest|py\.test|tox|nox|uv|poetry|npm|npx|yarn|pnpm|node|deno|bun|cargo|go|mvn"
    r"|\./mvnw|gradle|\./gradlew|make|ctest|cmake|ruby|rake|rspec|bundle|bash|sh|java|\./[\w./-]+)"
)
_QUOTED = re.compile(r"`+\s*\$?\s*(" + _PROGRAMS + r"(?:\s[^`\n]*)?)`+")
_ANNOUNCED = re.compile(
    r"(?:run|check|test|verify|execute)[\w ]{0,24}?(?:with|by|using|via|running|command)?\s*:\s*"
    r"`?\$?\s*(" + _PROGRAMS + r"\s[^`\n]*?)`?\s*(?:[.;]?\s*$|[.;]\s)",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"^(?:```|~~~)\w*\n(.*?)^(?:```|~~~)", re.DOTALL | re.MULTILINE)
_TESTLIKE = re.compile(r"test|spec|check|verify|tox|nox", re.IGNORECASE)
_SHELLISH = re.compile(r"[|&;<>$`*?(){}\[\]~#]|=")
_RUNNERS = (
    ("pytest", "python"),
    ("py.test", "python"),
    ("unittest", "python"),
    ("tox", "python"),
    ("vitest", "javascript"),
    ("jest", "javascript"),
    ("mocha", "javascript"),
    ("npm", "javascript"),
    ("yarn", "javascript"),
    ("pnpm", "javascript"),
    ("npx", "javascript"),
    ("node", "javascript"),
    ("cargo", "rust"),
    ("go", "go"),
    ("mvn", "java"),
    ("./mvnw", "java"),
    ("gradle", "java"),
    ("./gradlew", "java"),
    ("ctest", "cpp"),
    ("rspec", "ruby"),
    ("rake", "ruby"),
    ("ruby", "ruby"),
    ("python", "python"),
    ("python3", "python"),
)


def stated_commands(text: str) -> Iterator[str]:
    """Yield the test commands that `text` states, in order, each once."""
    seen: set[str] = set()
    found = [(match.start(), match[1], True) for match in _ANNOUNCED.finditer(text)]
    found += [(match.start(), match[1], False) for match in _QUOTED.finditer(text)]
    for fence in _FENCE.finditer(text):
        for line in fence[1].splitlines():
            if re.match(_PROGRAMS + r"\b", line.strip().removeprefix("$ ")):
                found.append((fence.start(), line.strip().removeprefix("$ "), False))
    for _, raw, announced in sorted(found, key=lambda item: item[0]):
        command = raw.strip().rstrip(".,;")
        if command not in seen and (announced or _TESTLIKE.search(command)):
            seen.add(command)
            yield command


def as_command(text: str) -> tuple[str, ...] | str:
    """Return an argv where the text is plain words, else the text for a shell."""
    if _SHELLISH.search(text):
        return text
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return text


def runner_of(text: str) -> tuple[str, str]:
    """Return (runner, language) of a command by its words; ("", "") where they do not tell."""
    words = re.split(r"[\s/=]+", text)
    for runner, language in _RUNNERS:
        if runner in words or text.startswith(runner + " "):
            name = {"py.test": "pytest", "mvn": "maven", "./mvnw": "maven"}.get(runner, runner)
            name = {"npm": "", "yarn": "", "pnpm": "", "npx": "", "python3": "python"}.get(
                name, name
            )
            return name, language
    return ("make", "") if "make" in words else ("", "")
