"""Write new files: a script, a page, a small game; several files from one answer.

Knows names, fences and smoke runs. Guards that nothing that exists is overwritten unless the task
names it, and that what was not verified is said.
"""

import re
from pathlib import PurePosixPath

from kodo.agent.strategies.search.case.answers import Block, blocks
from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.case.understand import file_names
from kodo.agent.strategies.search.faults.failure import shorten
from kodo.agent.strategies.search.writing.smoke import Smoke, smoke_run
from kodo.core.messages import Assistant, Message, Text, user
from kodo.core.sandbox import Scratch

MOST_OUTPUT_TOKENS = 1800
INSTRUCTIONS = (
    "You are an expert programmer. Write complete, working programs. Put each file in a code block "
    "of its own, with its file name on the line before the block. No explanations."
)
_ENDINGS = {
    "python": ".py", "py": ".py", "javascript": ".js", "js": ".js", "typescript": ".ts",
    "ts": ".ts", "html": ".html", "css": ".css", "rust": ".rs", "go": ".go", "bash": ".sh",
    "sh": ".sh",
    "shell": ".sh", "ruby": ".rb", "java": ".java", "c": ".c", "cpp": ".cpp", "c++": ".cpp",
    "json": ".json", "toml": ".toml", "yaml": ".yaml", "sql": ".sql", "markdown": ".md",
}  # fmt: skip
_WORDS = {
    "html": r"\b(?:web ?page|website|html|landing page|browser)\b",
    "javascript": r"\b(?:javascript|node(?:\.js)?)\b",
    "rust": r"\brust\b",
    "go": r"\b(?:golang|in go)\b",
    "bash": r"\b(?:shell script|bash)\b",
    "ruby": r"\bruby\b",
}


async def write_program(case: Case, scratch: Scratch) -> tuple[dict[str, str], Smoke | None]:
    """Return the files of a new program and its smoke run; no files where nothing came of it."""
    names = _wanted_names(case)
    for name in names:
        case.meet(name)
    prompt = case.understanding.task.strip()
    if names:
        prompt += "\n\nFiles: " + ", ".join(names)
    context = _context(case)
    messages: tuple[Message, ...] = (user(context + prompt),)
    files: dict[str, str] = {}
    smoke: Smoke | None = None
    for turn in range(4):
        if case.allowance.over():
            break
        await case.note("writing the program" if turn == 0 else "asking to correct it")
        replies = await case.speaker.ask(
            INSTRUCTIONS,
            messages,
            output_tokens=MOST_OUTPUT_TOKENS,
            temperature=0.0 if turn < 2 else 0.6,
            stop=(),
            most_s=200,
        )
        made = (
            name_blocks(blocks(replies[0].text), names, case.understanding.task) if replies else {}
        )
        made = {path: text for path, text in made.items() if _allowed(case, path)}
        if not made:
            continue
        files = {**files, **made}
        smoke = await smoke_run(scratch, files)
        if smoke is None or not smoke.problem:
            break
        await case.note(f"{smoke.command}: {smoke.problem.splitlines()[-1][:160]}")
        said = Assistant((Text(_as_answer(files)),), case.speaker.model_id)
        shown = shorten(smoke.problem, 700)
        ask = f"`{smoke.command}` shows:\n```\n{shown}\n```\nWrite the corrected file."
        messages = (messages[0], said, user(ask))
    return files, smoke


def _context(case: Case) -> str:
    pieces: list[str] = []
    for path in case.understanding.named:
        text = case.understanding.sources.get(path)
        if text is not None:
            pieces.append(f"`{path}` now:\n```\n{shorten(text, 2500)}\n```\n\n")
    return "".join(pieces)


def _wanted_names(case: Case) -> list[str]:
    found = re.findall(
        r"(?<![\w/])((?:[\w.-]+/)*[\w-]+\.(?:py|js|ts|tsx|jsx|mjs|html|css|rs|go|rb|sh|java|c|cpp|h|json|toml|md|txt|sql))\b",
        case.understanding.task,
    )
    known = case.understanding
    return [
        name for name in dict.fromkeys(found) if name not in known.tests or name in known.sources
    ]


def name_blocks(found: list[Block], wanted: list[str], task: str) -> dict[str, str]:
    """Return path → text for the blocks of an answer; unnamed ones get a name that fits."""
    files: dict[str, str] = {}
    waiting = [
        name
        for name in wanted
        if not any(block.name == name or block.name.endswith("/" + name) for block in found)
    ]
    for block in found:
        if block.info in ("bash", "sh", "shell", "console") and not block.name and len(found) > 1:
            continue  # how to run it, not a file
        name = block.name
        if not name or (wanted and name not in wanted and waiting and len(found) == 1):
            ending = _ENDINGS.get(block.info.lower(), "")
            fitting = [item for item in waiting if not ending or item.endswith(ending)]
            if fitting:
                name = fitting[0]
            elif not name:
                name = default_name(block, task, ending)
        if name in waiting:
            waiting.remove(name)
        if name and name not in files and is_inside(name):
            files[name] = block.text if block.text.endswith("\n") else block.text + "\n"
    return files


def default_name(block: Block, task: str, ending: str) -> str:
    """Return a file name for a block that nobody named."""
    if not ending:
        if re.search(r"<!DOCTYPE|<html", block.text, re.IGNORECASE):
            ending = ".html"
        else:
            ending = next(
                (
                    _ENDINGS[word]
                    for word, pattern in _WORDS.items()
                    if re.search(pattern, task, re.IGNORECASE)
                ),
                ".py",
            )
    names = {".html": "index.html", ".css": "style.css", ".js": "script.js", ".rs": "main.rs"}
    return names.get(ending, f"main{ending}")


def is_inside(name: str) -> bool:
    """Tell whether a path that a model gave stays in the workspace and out of hidden folders."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and not name.startswith((".git", "~"))


def _allowed(case: Case, path: str) -> bool:
    """Tell whether a file may be written: it is new, or the task names it."""
    known = case.understanding
    if path in known.tests and path not in known.sources:
        return False
    return case.meet(path) is None or path in known.named or path in file_names(known.task)


def _as_answer(files: dict[str, str]) -> str:
    return "\n\n".join(f"{path}\n```\n{text.rstrip()}\n```" for path, text in files.items())
