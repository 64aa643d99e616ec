"""One way to run a project's tests, whole or by file or by name.

Knows placeholders, not projects. Guards that a name from a test report fits the command line of the
runner that reported it.
"""

import re
import shlex
from pathlib import PurePosixPath
from typing import ClassVar, Literal

import msgspec

from kodo.core.messages import Value

DEFAULT_TIMEOUT_S = 120.0
_MARK = re.compile(r"\{(?:file|stem|dir|module|name)\}")


class TestCommand(Value, frozen=True):
    """One way to run tests. `command` is an argv, or a text for `bash -c`.

    `language` is one of kodo.syntax.languages or "" when unknown. `runner` is the program family
    (`pytest`, `cargo`, ...). `file_command` and `name_command` are argvs in which `{file}` (path),
    `{stem}`, `{dir}`, `{module}` (dotted path) and `{name}` are filled in, () where the runner
    cannot. `env` adds to the sandbox's environment. `origin` says where the command comes from: a
    person, a build file, or a guess from the files. `available` is False where the program was not
    found.
    """

    __test__: ClassVar[bool] = False  # pytest must not collect it

    command: tuple[str, ...] | str
    language: str = ""
    runner: str = ""
    scope: Literal["all", "file"] = "all"
    origin: Literal["stated", "config", "guess"] = "guess"
    file_command: tuple[str, ...] = ()
    name_command: tuple[str, ...] = ()
    env: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    timeout_s: float = DEFAULT_TIMEOUT_S
    available: bool = True

    @property
    def text(self) -> str:
        """The command as a person would type it."""
        return self.command if isinstance(self.command, str) else shlex.join(self.command)

    def for_file(self, path: str) -> tuple[str, ...] | None:
        """Return the argv that runs one test file, or None where this runner cannot."""
        return _filled(self.file_command, path, "")

    def for_test(self, path: str, name: str) -> tuple[str, ...] | None:
        """Return the argv that runs one test of a file, or None where this runner cannot.

        `name` is a FailingTest's name of the same runner.
        """
        if self.runner == "unittest":
            name = name.replace("::", ".")
        elif self.runner in {"jest", "vitest", "mocha"}:
            name = name.replace(" › ", " ").replace(" > ", " ")
        elif self.runner == "node":
            name = name.rsplit(" > ", 1)[-1]
        elif self.runner in {"minitest", "maven"}:
            name = name.replace("#", ".").rsplit(".", 1)[-1]
        return _filled(self.name_command, path, name)


def _filled(template: tuple[str, ...], path: str, name: str) -> tuple[str, ...] | None:
    if not template:
        return None
    file = PurePosixPath(path)
    values = {
        "{file}": path,
        "{stem}": file.stem,
        "{dir}": str(file.parent),
        "{module}": str(file.with_suffix("")).replace("/", "."),
        "{name}": name,
    }
    return tuple(
        # A word of several lines is a program's source, whose braces are its own.
        word if "\n" in word else _MARK.sub(lambda mark: values[mark[0]], word)
        for word in template
    )
