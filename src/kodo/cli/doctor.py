"""`kodo doctor env`: what works on this host, and the way to fix what does not.

Shows no key, only whether one is set. The monitors of runs and CI come with the doctor room.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Literal, get_args

import anyio
import msgspec

from kodo import __version__
from kodo.base.errors import KodoError
from kodo.base.text import printable
from kodo.cli.host import existing_folder, find_program, memory_bytes, processors
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.cli.render import wants_colour
from kodo.core.sandbox import Guarantee
from kodo.engine.catalog import EMBEDDED
from kodo.engine.files import ModelFolder
from kodo.engine.pull import free_bytes
from kodo.runtime.cage import make_jail, rung_note
from kodo.runtime.config import Settings
from kodo.runtime.rungs import forget
from kodo.sandboxes.ladder import lacks, probe_rungs
from kodo.tui.ansi import Paint, Tone
from kodo.tui.words import size

EXAMPLES = """\
examples:
  kodo doctor env
  kodo doctor env --json
"""

ENOUGH_DISK_BYTES = 3_000_000_000

State = Literal["ok", "missing", "broken"]


class Item(msgspec.Struct, frozen=True):
    """One thing that was looked at. `fix` is empty where nothing needs fixing."""

    group: str
    name: str
    state: State
    detail: str = ""
    fix: str = ""


class Report(msgspec.Struct, frozen=True):
    """`kodo doctor env --json`. `ready`: a task can be started with the configured model."""

    ready: bool
    items: list[Item]


class Toolchain(msgspec.Struct, frozen=True):
    """The programs of a language: any of `needs` does; `extra` are worth having."""

    language: str
    needs: tuple[str, ...]
    extra: tuple[str, ...]
    fix: str


TOOLCHAINS: tuple[Toolchain, ...] = (
    Toolchain("Python", ("python3",), ("pytest",), "apt install python3 python3-pytest"),
    Toolchain("JavaScript", ("node",), ("npm",), "apt install nodejs npm"),
    Toolchain("TypeScript", ("tsc", "tsx", "deno", "bun"), (), "npm install -g typescript tsx"),
    Toolchain("Rust", ("cargo",), ("rustc",), "install rustup, then: rustup default stable"),
    Toolchain("Go", ("go",), (), "apt install golang"),
    Toolchain("Java", ("javac",), ("mvn", "gradle"), "apt install default-jdk maven"),
    Toolchain("C++", ("g++", "clang++"), ("cmake", "make"), "apt install g++ cmake make"),
    Toolchain("Ruby", ("ruby",), ("bundle",), "apt install ruby ruby-bundler"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare env."""
    actions = parser.add_subparsers(dest="action", metavar="env", required=True)
    env = actions.add_parser("env", help="sandbox, model, disk, memory, keys, toolchains")
    add_json(env)
    add_common(env)


def run(arguments: argparse.Namespace) -> int:
    """Look and report; 0 where a task can be started, else 1. Raises ConfigError."""
    settings = load(arguments)
    report = anyio.run(examine, settings)
    if arguments.json:
        print_json(report)
    else:
        paint = Paint(colour=wants_colour(settings.environment, sys.stdout))
        print("\n".join(lines(report, paint)))
    return 0 if report.ready else 1


async def examine(settings: Settings) -> Report:
    """Return what was found."""
    rungs = await _rungs(settings)
    model = _model(settings)
    items = [*_host(settings), *rungs, model, *_models(settings), *_keys(settings)]
    items += [*_programs(settings), *_toolchains(settings)]
    ready = model.state == "ok" and any(item.state == "ok" for item in rungs)
    return Report(ready, items)


def _host(settings: Settings) -> Iterator[Item]:
    yield Item("host", "kodo", "ok", f"{__version__}, Python {platform.python_version()}")
    yield Item("host", "system", "ok", f"{platform.system()} {platform.machine()}")
    yield Item("host", "processors", "ok", str(processors()))
    yield Item("host", "memory", "ok", size(memory_bytes()))
    home = existing_folder(settings.paths.models)
    free = free_bytes(home)
    if not os.access(home, os.W_OK):
        yield Item("host", "disk", "broken", f"{home} is not writable", "set KODO_HOME elsewhere")
    elif free < ENOUGH_DISK_BYTES:
        fix = f"free some space in {home}, or set KODO_HOME to another disk"
        yield Item("host", "disk", "broken", f"only {size(free)} free", fix)
    else:
        yield Item("host", "disk", "ok", f"{size(free)} free for {settings.paths.models}")
    detail = str(settings.paths.config_file)
    if not settings.paths.config_file.exists():
        detail += " (not there: defaults count)"
    yield Item("host", "config", "ok", detail)


async def _rungs(settings: Settings) -> list[Item]:
    forget(rung_note(settings))
    try:
        reports = await probe_rungs(make_jail(settings))
    except KodoError as error:
        return [Item("sandbox", "jail", "broken", str(error), "choose another folder with -C")]
    found: list[Item] = []
    if sys.platform == "win32":
        fix = "use kodo in WSL2 or in a container"
        found.append(Item("sandbox", "jail", "broken", "Windows has none that kodo can use", fix))
    elif sys.platform == "darwin":
        fix = "kodo sandbox --show-seatbelt > kodo.sb; sandbox-exec -f kodo.sb CMD"
        found.append(Item("sandbox", "jail", "broken", "kodo runs none on macOS yet", fix))
    for report in reports:
        if report.works:
            found.append(Item("sandbox", report.name, "ok", _guaranteed(report.guarantees)))
        else:
            fix = "apt install bubblewrap" if report.name == "bwrap" else ""
            if report.name == "bwrap" and find_program("bwrap", settings.environment.get("PATH")):
                fix = "allow unprivileged user namespaces for bwrap (sysctl, AppArmor)"
            found.append(Item("sandbox", report.name, "broken", report.why_not, fix))
    return found


def _guaranteed(held: frozenset[Guarantee]) -> str:
    """Say what holds and, as plainly, what does not."""
    every: tuple[Guarantee, ...] = get_args(Guarantee)
    missing = [name for name in every if lacks(held, [name])]
    text = ", ".join(name for name in every if name in held) or "isolates nothing"
    return (f"{text}; NOT {', '.join(missing)}" if missing else text).replace("_", " ")


def _model(settings: Settings) -> Item:
    """Judge the configured model: is it here, or has its provider a key?"""
    model_id = settings.config.model
    provider, _, name = model_id.partition("/")
    title = f"configured: {model_id}"
    if provider == "local":
        for model in EMBEDDED:
            if model.id == name:
                state = ModelFolder(settings.paths.models).look(model).state
                if state == "present":
                    return Item("model", title, "ok", "on disk")
                return Item("model", title, "missing", state, f"kodo models pull {name}")
        path = settings.cwd / name
        if path.is_file():
            return Item("model", title, "ok", str(path))
        return Item("model", title, "missing", f"no file {name!r}", "kodo models list")
    if provider == "scripted":
        here = (settings.cwd / name).is_file()
        return Item("model", title, "ok" if here else "missing", "" if here else "no such script")
    try:
        settings.api_key(provider)
    except KodoError as error:
        return Item("model", title, "missing", str(error), "kodo init")
    return Item("model", title, "ok", settings.provider(provider).base_url)


def _models(settings: Settings) -> Iterator[Item]:
    try:
        yield Item("model", "engine", "ok", f"xllamacpp {metadata.version('xllamacpp')}")
    except metadata.PackageNotFoundError:
        fix = "pip install xllamacpp (not needed for models behind a URL)"
        yield Item("model", "engine", "missing", "no xllamacpp", fix)
    folder = ModelFolder(settings.paths.models)
    for model in EMBEDDED:
        state = folder.look(model).state
        if state == "present":
            yield Item("model", f"local/{model.id}", "ok", "on disk")
        else:
            fix = f"kodo models pull {model.id} ({size(model.size_bytes)})"
            damaged = state == "damaged"
            again = " --force" if damaged else ""
            yield Item(
                "model",
                f"local/{model.id}",
                "broken" if damaged else "missing",
                state,
                fix.replace(" (", f"{again} ("),
            )


def _keys(settings: Settings) -> Iterator[Item]:
    for name, provider in settings.config.providers.items():
        if not provider.env_key:
            yield Item("keys", name, "ok", f"{provider.base_url} needs none")
        elif settings.environment.get(provider.env_key):
            yield Item("keys", name, "ok", f"${provider.env_key} is set")
        else:
            detail = f"${provider.env_key} is not set"
            yield Item("keys", name, "missing", detail, f"export {provider.env_key}=…")


def _programs(settings: Settings) -> Iterator[Item]:
    path = settings.environment.get("PATH")
    for name, program, why, fix in (
        ("git", "git", "needed for --commit; snapshots work without", "apt install git"),
        ("ripgrep", "rg", "grep is slower without", "apt install ripgrep"),
    ):
        found = find_program(program, path)
        if found:
            yield Item("programs", name, "ok", found)
        else:
            yield Item("programs", name, "missing", why, fix)


def _toolchains(settings: Settings) -> Iterator[Item]:
    path = settings.environment.get("PATH")
    for chain in TOOLCHAINS:
        found = [name for name in chain.needs if find_program(name, path)]
        extra = [name for name in chain.extra if find_program(name, path)]
        if found:
            yield Item("toolchains", chain.language, "ok", ", ".join((*found, *extra)))
        else:
            missing = f"no {' or '.join(chain.needs)}"
            yield Item("toolchains", chain.language, "missing", missing, chain.fix)


def lines(report: Report, paint: Paint) -> Iterator[str]:
    """Yield the report for people, the way to fix a thing beside it."""
    marks = {
        "ok": paint(Tone.GOOD, "✓"),
        "missing": paint(Tone.WARN, "–"),
        "broken": paint(Tone.BAD, "✗"),
    }
    group = ""
    wide = max(len(item.name) for item in report.items)
    for item in report.items:
        if item.group != group:
            if group:
                yield ""
            group = item.group
            yield paint(Tone.BOLD, group)
        line = f"  {marks[item.state]} {item.name:<{wide}}  {printable(item.detail)}"
        yield line.rstrip() + (f"  → {paint(Tone.NAME, item.fix)}" if item.fix else "")
    yield ""
    yield "ready: kodo exec can start" if report.ready else "not ready: see the arrows above"
