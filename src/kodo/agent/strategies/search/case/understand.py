"""What a task asks for and which files it is about: a repair, an implementation, a new program.

Reads names and texts of the workspace, runs nothing. Guards that tests and what configures them
are never among the files that may be written, unless the task names them for editing (see
`kodo.agent.strategies.search.case.leave`).
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kodo.agent.projects.project import Project
from kodo.agent.strategies.search.case.leave import FILE_NAME, edited_files
from kodo.base.text import repair_utf8
from kodo.syntax.languages import LanguageName, language_of

Kind = Literal["repair", "implement", "create", "answer"]

MOST_SOURCE_BYTES = 400_000
MOST_SOURCES = 400
LONGEST_STUB_CHARACTERS = 4000
MOST_DOCUMENT_BYTES = 60_000

_ASKS_TO_TELL = re.compile(
    r"^\s*(?:please\s+)?(?:can you\s+)?(?:explain|describe|summari[sz]e|tell me|show me)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^\s*(?:what|why|how|where|which|who|is|are|does|do)\b(?![^?]*\b(?:must|should)\b)",
    re.IGNORECASE,
)
_ACT = re.compile(
    r"\b(?:fix|repair|implement|complete|write|create|add|build|make|change|rename|remove|refactor|"
    r"solve|update|correct|debug|find the bug|convert|port|generate|replace|improve)\b",
    re.IGNORECASE,
)
_REPAIR = re.compile(
    r"\b(?:fix|bug|repair|wrong|broken|fails?|failing|failed|error|exception|traceback|crash\w*|"
    r"hangs?|red|incorrect|debug|regression|doesn'?t work|should (?:be|give|return))\b",
    re.IGNORECASE,
)
_IMPLEMENT = re.compile(
    r"\b(?:implement\w*|complete|stub|exercise|skeleton|solve|"
    r"write the (?:code|implementation|function))\b",
    re.IGNORECASE,
)
_STUB = re.compile(
    r"todo!\(|unimplemented!\(|raise NotImplementedError|Remove this line and implement|"
    r"throw new Error\(['\"](?:not implemented|todo|remove)|UnsupportedOperationException|"
    r"panic\(\"(?:not implemented|please implement|todo)|"
    r"(?:#|//)\s*(?:TODO|your code here|write your code|implement (?:this|me|here))",
    re.IGNORECASE,
)
_ONLY_PASS = re.compile(
    r"^\s*(?:async\s+)?def [^\n]*\n(?:\s+(?:\"\"\"|''')[\s\S]*?(?:\"\"\"|''')\s*\n)?"
    r"\s+(?:pass|\.\.\.)\s*$",
    re.MULTILINE,
)
_DOCUMENTS = (".docs/instructions.md", ".docs/instructions.append.md", "INSTRUCTIONS.md",
              "instructions.md", "README.md", "README.rst", "README.txt", "README")  # fmt: skip
_CONFIGURES_TESTS = (
    "conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "noxfile.py",
    "package.json", "package-lock.json", "babel.config.js", "babel.config.cjs", "tsconfig.json",
    "Cargo.toml", "Cargo.lock", "build.rs", "Makefile", "CMakeLists.txt", "build.gradle", "pom.xml",
    "Gemfile", "Rakefile", ".rspec", "go.mod", "go.sum", "setup.py",
)  # fmt: skip
_CONFIGURES_PATTERN = re.compile(
    r"(?:^|/)(?:jest|vitest|karma|mocha|\.mocharc|eslint|\.eslintrc)[\w.-]*$"
)


@dataclass(slots=True)
class Understanding:
    """What is to be done. Paths are relative to the workspace.

    `sources` are the texts that may be changed, `named` the files that the task names (existing or
    not), `stubs` those sources that wait to be written, `document` the written instructions.
    `tests` are the tests' texts; one stands in `sources` too where the task says to edit it.
    `guarded` are tests and what configures them that the task names and that may not be changed.
    """

    kind: Kind
    task: str
    sources: dict[str, str] = field(default_factory=dict[str, str])
    tests: dict[str, str] = field(default_factory=dict[str, str])
    named: tuple[str, ...] = ()
    stubs: tuple[str, ...] = ()
    document: str = ""
    language: LanguageName | None = None
    guarded: tuple[str, ...] = ()

    def suspected(self) -> dict[str, str]:
        """Return the sources that may hold a bug: code before tests, even where both may change."""
        code = {path: text for path, text in self.sources.items() if not self.proves(path)}
        named = [path for path in self.named if path in self.sources]
        only_tests = bool(named) and all(self.proves(path) for path in named)
        return self.sources if only_tests else code

    def proves(self, path: str) -> bool:
        """Tell whether a file is a test or configures tests, so that changing it proves nothing."""
        return path in self.tests or configures_tests(path)


def understand(root: Path, task: str, project: Project, instructions: str = "") -> Understanding:
    """Return what `task` asks for in the workspace `root`. `instructions` is AGENTS.md's text."""
    test_files = frozenset(project.test_files)
    names = file_names(task)
    settings = [name for name in names if configures_tests(name) and (root / name).is_file()]
    about_tests = [*project.test_files, *settings]
    leave = edited_files(task, names, tests=_resolve(names, list(project.test_files)))
    edited = _resolve(leave, about_tests)
    sources: dict[str, str] = {}
    for path in dict.fromkeys([*project.source_files[:MOST_SOURCES], *edited]):
        if (path in test_files or configures_tests(path)) and path not in edited:
            continue
        text = _read(root, path, MOST_SOURCE_BYTES)
        if text is not None:
            sources[path] = text
    tests: dict[str, str] = {}
    for path in project.test_files[:MOST_SOURCES]:
        text = _read(root, path, MOST_SOURCE_BYTES)
        if text is not None:
            tests[path] = text
    named = _resolve(names, [*sources, *tests])
    stubs = tuple(path for path, text in sources.items() if is_stub(text))
    named_stubs = tuple(path for path in stubs if path in named)
    document = _document(root, task)
    found = Understanding(
        kind=_kind(task, sources, tests, named, stubs, names),
        task=task,
        sources=sources,
        tests=tests,
        named=named,
        stubs=named_stubs or stubs,
        document=document,
        guarded=tuple(path for path in _resolve(names, about_tests) if path not in sources),
    )
    main = [*found.stubs, *[path for path in named if path in sources], *sources]
    found.language = next((language for path in main if (language := language_of(path))), None)
    return found


def file_names(task: str) -> tuple[str, ...]:
    """Return the file names that a task states, each once; none that leads out of the workspace."""
    names = [name.removeprefix("./") for name in FILE_NAME.findall(task)]
    return tuple(dict.fromkeys(name for name in names if ".." not in name.split("/")))


def configures_tests(path: str) -> bool:
    """Tell whether a file could switch tests off; such files are left alone."""
    name = path.rsplit("/", 1)[-1]
    return name in _CONFIGURES_TESTS or _CONFIGURES_PATTERN.search(path) is not None


def is_stub(text: str) -> bool:
    """Tell whether a source only waits to be written."""
    if len(text) > LONGEST_STUB_CHARACTERS:
        return False  # a long file with a "TODO" somewhere is a program, not a stub
    if _STUB.search(text):
        return True
    code = "\n".join(
        line
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith(("#", "//"))
    )
    if not code.strip():
        return True
    bodies = len(_ONLY_PASS.findall(text))
    functions = len(re.findall(r"^\s*(?:async\s+)?def ", text, re.MULTILINE))
    return bodies > 0 and bodies * 2 >= functions


def _kind(
    task: str,
    sources: dict[str, str],
    tests: dict[str, str],
    named: tuple[str, ...],
    stubs: tuple[str, ...],
    names: tuple[str, ...],
) -> Kind:
    # "When it fails, it returns None. It must raise." begins like a question and is none.
    stated = _REPAIR.search(task) is not None and "?" not in task
    asks = (
        task.rstrip().endswith("?")
        or _ASKS_TO_TELL.search(task) is not None
        or (_QUESTION.search(task) is not None and not stated)
    )
    words = re.sub(r"`[^`]*`|\w+\([^)]*\)", "", task)  # names of code are not what is asked
    if asks and not _ACT.search(words):
        return "answer"
    missing = [
        name for name in names if not any(path.endswith(name) for path in [*sources, *tests])
    ]
    if stubs and (_IMPLEMENT.search(task) or not _REPAIR.search(task) or set(stubs) & set(named)):
        return "implement"
    if not sources:
        return "create"
    if _REPAIR.search(task):
        return "repair"
    creates = re.search(r"\b(?:create|write|build|make|generate|new)\b", task, re.IGNORECASE)
    if creates and (missing or not any(path in sources for path in named)):
        return "create"
    return "implement" if any(path in sources for path in named) else "repair"


def _resolve(names: tuple[str, ...], paths: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        clean = name.removeprefix("./")
        matches = [path for path in paths if path == clean or path.endswith("/" + clean)]
        found.extend(matches[:1])
    return tuple(dict.fromkeys(found))


def _document(root: Path, task: str) -> str:
    texts: list[str] = []
    for name in _DOCUMENTS:
        text = _read(root, name, MOST_DOCUMENT_BYTES)
        if text is None:
            continue
        if name.startswith("README") and texts and "README" not in task:
            break
        texts.append(text)
    return "\n\n".join(texts)


def _read(root: Path, name: str, most_bytes: int) -> str | None:
    """Return a text of the workspace; None where it is large, binary, or really lies elsewhere."""
    path = Path(os.path.realpath(root / name))
    try:
        if not path.is_relative_to(os.path.realpath(root)) or not path.is_file():
            return None
        if path.stat().st_size > most_bytes:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data else repair_utf8(data)
