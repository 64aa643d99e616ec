"""Cargo's command lines and messages: the test programs that a build made, and its errors.

Knows cargo's JSON. Guards that a command which does more than `cargo test` is not taken for one.
"""

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from kodo.agent.projects.testcommand import TestCommand
from kodo.agent.strategies.search.trials.schemata.toolchain import Build, CompileError, Program


@dataclass(frozen=True, slots=True)
class CargoPlan:
    """`build` makes the test programs and tells of them in JSON, `words` go to each program."""

    build: tuple[str, ...]
    words: tuple[str, ...]


def plan_cargo(command: TestCommand) -> CargoPlan | None:
    """Return how to build and run the tests in two steps, or None where that is not known."""
    words = command.command
    if isinstance(words, str):
        if any(mark in words for mark in "&|;<>$`(\n"):
            return None
        try:
            words = tuple(shlex.split(words))
        except ValueError:
            return None
    at = words.index("--") if "--" in words else len(words)
    own, rest = words[:at], words[at + 1 :]
    if not own or PurePosixPath(own[0]).name != "cargo" or "test" not in own[1:3]:
        return None
    if {"--doc", "--no-run"} & set(own) or any("message-format" in word for word in own):
        return None
    return CargoPlan((*own, "--no-run", "--message-format=json"), rest)


class _Span(msgspec.Struct):
    file_name: str = ""
    line_start: int = 0
    is_primary: bool = False


class _Diagnostic(msgspec.Struct):
    message: str = ""
    level: str = ""
    rendered: str | None = None
    spans: list[_Span] = []


class _Target(msgspec.Struct):
    name: str = ""
    src_path: str = ""


class _Profile(msgspec.Struct):
    test: bool = False


class _Line(msgspec.Struct):
    reason: str = ""
    message: _Diagnostic | None = None
    target: _Target | None = None
    profile: _Profile | None = None
    executable: str | None = None
    manifest_path: str = ""


def read_build(output: bytes, exit_code: int) -> Build:
    """Return what cargo's messages say."""
    build = Build(exit_code == 0)
    for line in output.split(b"\n"):
        if not line.startswith(b"{"):
            continue
        try:
            said = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            continue
        if said.reason == "compiler-artifact" and said.executable and said.profile:
            if said.profile.test:
                folder = str(PurePosixPath(said.manifest_path).parent)
                source = said.target.src_path if said.target else ""
                build.programs.append(Program(said.executable, folder, source))
        elif said.message is not None and said.message.level == "error" and said.message.spans:
            spans = sorted(said.message.spans, key=lambda span: not span.is_primary)
            places = tuple((span.file_name, span.line_start) for span in spans)
            text = said.message.rendered or said.message.message
            build.errors.append(CompileError(text, places))
    return build
