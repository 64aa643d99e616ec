"""What a command line really runs: every program with its words, however it was wrapped.

Unwraps `sudo`, `env`, `xargs`, `find -exec`, `sh -c`, `eval`, here-documents that feed a shell,
git's aliases and `-c` values. Judges nothing. Guards that what cannot be known says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal

import msgspec
from msgspec.structs import replace

from kodo.agent.permission.wrappers import executed_by_find, split_string, wrapped
from kodo.syntax.shell import ShellCommand, shell_commands

Opaque = Literal["", "pipe", "variable", "file", "code", "depth"]
"""Why what runs is not known: read from a pipe, built from a variable, a script, inline code."""

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "rbash", "mksh", "yash"})
INTERPRETERS = frozenset(
    {"python", "python2", "python3", "pypy3", "perl", "ruby", "node", "nodejs", "deno", "bun"}
    | {"php", "lua", "osascript", "tclsh", "Rscript", "pwsh", "powershell"}
)
MAX_DEPTH = 8
_VERSIONED = re.compile(r"^(python|perl|ruby|lua|php|node)[\d.]+$")
_GIT_VALUED = frozenset(
    {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"}
)
_GIT_RUNS = re.compile(
    r"(?i)^(alias\..*|core\.(sshcommand|hookspath|editor|pager|fsmonitor|askpass|gitproxy)"
    r"|credential\..*helper|diff\..*\.(command|textconv)|filter\..*\.(clean|smudge|process)"
    r"|merge\..*\.driver|gpg\..*program|gpg\.program|sequence\.editor|uploadpack\..*|url\..*"
    r"|http\..*proxy|pager\..*|interactive\.difffilter|protocol\..*|include\.path|includeif\..*)$"
)


class Invocation(msgspec.Struct, frozen=True):
    """One program that would run. `words[0]` is its name without folders; empty: only redirects.

    `writes` are files that its output goes to, `sets` the variables set for it. `opaque` says why
    more than these words may run. `cwd` None means that the folder it runs in is not known.
    """

    words: tuple[str, ...]
    writes: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    opaque: Opaque = ""
    cwd: str | None = "."
    dynamic: frozenset[int] = msgspec.field(default_factory=frozenset[int])

    @property
    def name(self) -> str:
        """The program."""
        return self.words[0] if self.words else ""


class _Reading(msgspec.Struct):
    aliases: Mapping[str, str]
    known: Mapping[str, str]
    cwd: str | None = "."


def invocations(
    text: str, *, known: Mapping[str, str] | None = None, aliases: Mapping[str, str] | None = None
) -> tuple[Invocation, ...]:
    """Return everything that the command line `text` would run.

    `known` are values of variables (HOME), `aliases` git's own by name.
    """
    return tuple(_read(text, _Reading(aliases or {}, known or {}), 0))


def _read(text: str, reading: _Reading, depth: int) -> Iterator[Invocation]:
    if depth > MAX_DEPTH:
        yield Invocation(("",), opaque="depth")
        return
    commands = shell_commands(text, reading.known)
    for command in commands:
        yield from _one(command, commands, reading, depth)


def _one(
    command: ShellCommand, commands: Sequence[ShellCommand], reading: _Reading, depth: int
) -> Iterator[Invocation]:
    sets = tuple(item.partition("=")[0].rstrip("+") for item in command.assignments)
    at = Invocation(command.words, command.writes, sets, cwd=reading.cwd, dynamic=command.dynamic)
    if not command.words:
        yield at
        return
    for found in _unwrap(at, reading, depth):
        if found.name in {"cd", "pushd"}:
            reading.cwd = _moved(reading.cwd, found)
        if found.opaque != "pipe" or (found.words[1:2] and found.words[1].startswith("<(")):
            yield found
            continue
        texts = _fed(command, commands)
        if found.name in SHELLS:
            yield found if texts is None else replace(found, opaque="")
            for text in texts or ():
                yield from _read(text, reading, depth + 1)
        else:
            yield found if texts is None else replace(found, opaque="code")


def _moved(cwd: str | None, found: Invocation) -> str | None:
    targets = [word for word in found.words[1:] if not word.startswith("-") or word == "-"]
    if 1 in found.dynamic or targets == ["-"]:
        return None
    target = targets[0] if targets else "~"
    if target.startswith(("/", "~")):
        return target
    return None if cwd is None else f"{cwd}/{target}"


def _fed(command: ShellCommand, commands: Sequence[ShellCommand]) -> list[str] | None:
    """Return what a command reads as its input; None where that does not stand in the text."""
    texts = [] if command.stdin is None or command.fed_by else [command.stdin]
    for index in command.fed_by:
        feeder = commands[index]
        if feeder.words[:1] in (("echo",), ("printf",)) and not feeder.dynamic:
            texts.append(" ".join(feeder.words[1:]).replace("\\n", "\n"))
        elif feeder.words == ("cat",) and feeder.stdin is not None:
            texts.append(feeder.stdin)
        else:
            return None
    return texts or None


def _unwrap(at: Invocation, reading: _Reading, depth: int) -> Iterator[Invocation]:
    """Yield the invocation and everything inside it, outermost first."""
    name = PurePosixPath(at.words[0]).name if "/" in at.words[0] else at.words[0]
    name = found[1] if (found := _VERSIONED.match(name)) else name
    if 0 in at.dynamic or any(c in name for c in "*?[{"):
        yield replace(at, opaque="variable")
        return
    at = replace(at, words=(name, *at.words[1:]))
    if depth > MAX_DEPTH:
        yield replace(at, opaque="depth")
        return
    if name in SHELLS or (name == "su" and split_string(at.words)):
        yield from _shell(at, reading, depth)
    elif name in INTERPRETERS:
        yield replace(at, opaque=_interpreter_source(at.words))
    elif name == "eval":
        dynamic = any(index in at.dynamic for index in range(1, len(at.words)))
        yield replace(at, opaque="variable" if dynamic else "")
        yield from _read(" ".join(at.words[1:]), reading, depth + 1)
    elif name in {"source", "."}:
        piped = len(at.words) > 1 and at.words[1].startswith("<(")
        yield replace(at, opaque="pipe" if piped else "file")
    elif name in {"find", "fd", "fdfind"}:
        yield at
        for inner in executed_by_find(at.words):
            yield from _inner(at, inner, reading, depth)
    elif name == "git":
        yield from _git(at, reading, depth)
    elif name == "env" and (text := split_string(at.words)):
        yield at
        yield from _read(text, reading, depth + 1)
    elif name == "trap" and len(at.words) > 1:
        yield at
        yield from _read(at.words[1], reading, depth + 1)
    elif name == "alias":
        yield at
        for word in at.words[1:]:
            if "=" in word:
                yield from _read(word.partition("=")[2], reading, depth + 1)
    elif (inside := wrapped(name, at.words)) is not None:
        yield at
        words = at.words[inside.start :]
        if len(words) == 1 and " " in words[0]:  # watch "cmd", parallel "cmd"
            yield from _read(words[0], reading, depth + 1)
            return
        more = ("$ARGUMENTS",) if inside.more else ()
        yield from _inner(at, [*words, *more], reading, depth, inside.start)
    else:
        yield at


def _inner(
    at: Invocation, words: Sequence[str], reading: _Reading, depth: int, start: int = 0
) -> Iterator[Invocation]:
    """Yield what the words of a wrapped command run; the wrapper's redirects are the wrapper's."""
    shifted = {index - start for index in at.dynamic if start and index >= start}
    added = {i for i, word in enumerate(words) if word in {"$ARGUMENTS", "{}"}}
    inner = Invocation(tuple(words), sets=at.sets, cwd=at.cwd, dynamic=frozenset(shifted | added))
    yield from _unwrap(inner, reading, depth + 1)


def _shell(at: Invocation, reading: _Reading, depth: int) -> Iterator[Invocation]:
    """Yield a shell and what it runs: the text behind -c, a script, or its standard input."""
    words = at.words
    for index, word in enumerate(words[1:], 1):
        inline = word.startswith("-") and not word.startswith("--") and "c" in word[1:]
        if inline or word == "--command":
            text = next((w for w in words[index + 1 :] if not w.startswith(("-", "+"))), "")
            dynamic = text in words and words.index(text) in at.dynamic
            unknown = dynamic and re.fullmatch(r"\$[\w{}@*]+|\$\(.*\)|`.*`", text, re.S)
            yield replace(at, opaque="variable" if unknown else "")
            yield from _read(text, reading, depth + 1)
            return
    script = next((w for w in words[1:] if not w.startswith(("-", "+"))), None)
    reads_stdin = "-s" in words or script in (None, "-", "/dev/stdin")
    if reads_stdin or (script or "").startswith("<("):
        only_asks = any(w in {"--version", "--help"} for w in words)
        yield replace(at, opaque="" if only_asks else "pipe")
    else:
        yield replace(at, opaque="file")


def _interpreter_source(words: Sequence[str]) -> Opaque:
    for word in words[1:]:
        if word == "-":
            return "pipe"
        if word in {"-c", "-e", "-E", "--eval", "-r", "-p", "-pe", "-ne", "eval"}:
            return "code"
        if not word.startswith("-") or word in {"-m", "--version", "-V", "-v", "--help", "-h"}:
            return ""
    return "pipe" if len(words) == 1 else ""


def _git(at: Invocation, reading: _Reading, depth: int) -> Iterator[Invocation]:
    """Yield git with its subcommand second, its global options last; and what it would run."""
    words = at.words
    index, options, cwd = 1, list[str](), at.cwd
    aliases = dict(reading.aliases)
    while index < len(words) and words[index].startswith("-"):
        word = words[index]
        taken = 2 if word in _GIT_VALUED else 1
        value = words[index + 1] if taken == 2 and index + 1 < len(words) else ""
        options += words[index : index + taken]
        if word == "-C":
            cwd = value if value.startswith(("/", "~")) else f"{at.cwd}/{value}"
        if word == "-c":
            key, _, setting = value.partition("=")
            if _GIT_RUNS.match(key):
                yield replace(at, words=("git", "-c", key, setting))
            if key.lower().startswith("alias."):
                aliases[key[6:]] = setting
        index += taken
    subcommand = words[index] if index < len(words) else ""
    rest = words[index + 1 :]
    if index in at.dynamic:
        yield replace(at, opaque="variable", cwd=cwd)
        return
    shift = 2 - (index + 1)
    dynamic = frozenset(i + shift for i in at.dynamic if i > index)
    yield replace(at, words=("git", subcommand, *rest, *options), cwd=cwd, dynamic=dynamic)
    if subcommand in aliases:
        inner = _Reading(aliases, reading.known, reading.cwd)
        yield from _alias(at, subcommand, inner, depth, rest)
    if subcommand == "submodule" and rest[:1] == ("foreach",):
        yield from _read(" ".join(w for w in rest[1:] if not w.startswith("-")), reading, depth + 1)
    if subcommand == "bisect" and rest[:1] == ("run",):
        yield from _inner(at, rest[1:], reading, depth)
    if subcommand == "rebase":
        for flag, text in pairwise(rest):
            if flag in {"-x", "--exec"}:
                yield from _read(text, reading, depth + 1)


def _alias(
    at: Invocation, name: str, reading: _Reading, depth: int, rest: Sequence[str]
) -> Iterator[Invocation]:
    others = dict(reading.aliases)
    value = others.pop(name)
    if value.startswith("!"):
        yield from _read(value[1:], reading, depth + 1)
        return
    inner = Invocation(("git", *value.split(), *rest), cwd=at.cwd)
    yield from _git(inner, _Reading(others, reading.known, reading.cwd), depth + 1)
