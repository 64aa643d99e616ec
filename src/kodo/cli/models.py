"""`kodo models`: what can run here, what is on disk, pulling, checking, choosing."""

import argparse
import sys
from pathlib import Path

import anyio
import msgspec

from kodo.base.errors import ConfigError
from kodo.cli.config import set_key
from kodo.cli.host import existing_folder, memory_bytes
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import confirm, print_json, print_table
from kodo.cli.progress import Bar
from kodo.engine.catalog import EMBEDDED, OPEN_MODELS, ModelFile, find, fits
from kodo.engine.files import ModelFolder, State
from kodo.engine.pull import Progress, Puller, free_bytes
from kodo.runtime.config import Settings
from kodo.runtime.settings import RESERVED_PROVIDERS
from kodo.tui.words import size

EXAMPLES = """\
examples:
  kodo models list
  kodo models pull qwen2.5-coder-0.5b
  kodo models pull qwen2.5-coder-1.5b --from ~/Downloads/model.gguf
  kodo models use local/qwen2.5-coder-0.5b
  kodo models verify
  kodo models rm smollm2-135m --yes

KODO_OFFLINE=1 never pulls. A sha256 decides whether a file is the model it claims to be.
"""


class Listed(msgspec.Struct, frozen=True):
    """One embedded model in `models list --json`. `bytes_done` counts an unfinished pull."""

    id: str
    title: str
    state: State
    size_bytes: int
    bytes_done: int
    memory_bytes: int
    context_tokens: int
    fits: bool
    license: str
    license_url: str
    chosen: bool


class Larger(msgspec.Struct, frozen=True):
    """A larger open model: run it with llama.cpp, vLLM or Ollama and name its URL."""

    title: str
    size_bytes: int
    memory_bytes: int
    kind: str
    publisher: str
    fits: bool


class Report(msgspec.Struct, frozen=True):
    """`kodo models list --json`."""

    folder: str
    host_memory_bytes: int
    free_disk_bytes: int
    chosen: str
    embedded: list[Listed]
    larger: list[Larger]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare list, use, pull, rm and verify."""
    actions = parser.add_subparsers(dest="action", metavar="list|use|pull|rm|verify", required=True)
    listing = actions.add_parser("list", help="models, what they need, what is on disk")
    use = actions.add_parser("use", help="make a model the configured one")
    use.add_argument("name", metavar="MODEL", help="provider/model")
    pull = actions.add_parser("pull", help="get an embedded model")
    pull.add_argument("name", metavar="MODEL", nargs="?", help="default: the configured one")
    pull.add_argument("--from", dest="source", metavar="FILE", help="take it from a file")
    pull.add_argument("--force", action="store_true", help="drop what is there first")
    pull.add_argument("--yes", action="store_true", help="do not ask")
    remove = actions.add_parser("rm", help="delete an embedded model from disk")
    remove.add_argument("name", metavar="MODEL")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    verify = actions.add_parser("verify", help="read the files and compare their sha256")
    verify.add_argument("name", metavar="MODEL", nargs="?", help="default: all that are here")
    for action in (listing, use, pull, remove, verify):
        add_json(action)
        add_common(action)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of the five. Raises ConfigError, ModelError."""
    if arguments.action == "use":
        model_id = _full_id(arguments.name)
        provider = model_id.partition("/")[0]
        if provider not in RESERVED_PROVIDERS:
            load(arguments).provider(provider)
        set_key("model", model_id)
        return 0
    settings = load(arguments)
    folder = ModelFolder(settings.paths.models)
    if arguments.action == "list":
        report = make_report(settings, folder)
        if arguments.json:
            print_json(report)
        else:
            _print_report(report)
        return 0
    if arguments.action == "pull":
        source = Path(arguments.source) if arguments.source else None
        model = find(_short_id(arguments.name or settings.config.model))
        return pull(settings, model, source=source, force=arguments.force, assume_yes=arguments.yes)
    if arguments.action == "rm":
        return _remove(folder, find(_short_id(arguments.name)), assume_yes=arguments.yes)
    return _verify(folder, arguments.name)


def make_report(settings: Settings, folder: ModelFolder) -> Report:
    """Return what can run here and what is on disk."""
    memory = memory_bytes()
    embedded: list[Listed] = []
    for model in EMBEDDED:
        present = folder.look(model)
        embedded.append(
            Listed(
                f"local/{model.id}",
                model.title,
                present.state,
                model.size_bytes,
                present.bytes_done,
                model.memory_bytes,
                model.context_tokens,
                fits(model.memory_bytes, memory),
                model.license.name,
                model.license.url,
                settings.config.model == f"local/{model.id}",
            )
        )
    larger = [
        Larger(
            item.title,
            item.size_bytes,
            item.memory_bytes,
            item.kind,
            item.hub,
            fits(item.memory_bytes, memory),
        )
        for item in OPEN_MODELS
    ]
    free = free_bytes(existing_folder(folder.folder))
    return Report(str(folder.folder), memory, free, settings.config.model, embedded, larger)


def pull(
    settings: Settings,
    model: ModelFile,
    *,
    source: Path | None = None,
    force: bool = False,
    assume_yes: bool = False,
) -> int:
    """Get a model after saying its size and asking. Returns 1 where the answer is no.

    Raises ConfigError where KODO_OFFLINE forbids it, ModelError.
    """
    folder = ModelFolder(settings.paths.models)
    if not force and folder.look(model).state == "present":
        print(f"{model.id} is here: {folder.path(model)}")
        return 0
    offline = settings.config.offline
    if not offline or source is not None:
        print(f"{model.title}: {size(model.size_bytes)}, licence {model.license.name}", flush=True)
    if source is None and not offline and not confirm("pull it?", assume_yes=assume_yes):
        print(f"not pulled; without a question: kodo models pull {model.id} --yes", file=sys.stderr)
        return 1
    bar = Bar(sys.stderr, terminal=sys.stderr.isatty())
    puller = Puller(folder, offline=offline)

    def on_progress(progress: Progress) -> None:
        bar.show(progress.source, progress.bytes_done, progress.bytes_total)

    async def fetch() -> Path:
        return await puller.pull(model, on_progress, local=source, force=force)

    try:
        path = anyio.run(fetch)
    finally:
        bar.close()
    print(f"{model.id} is here: {path}")
    return 0


def _verify(folder: ModelFolder, named: str | None) -> int:
    models = [find(_short_id(named))] if named else list(EMBEDDED)
    if not named:
        models = [model for model in models if folder.look(model).state != "absent"]
        if not models:
            print("no model is on this machine; get one with: kodo models pull")
            return 1
    bar = Bar(sys.stderr, terminal=sys.stderr.isatty())
    for model in models:
        try:
            path = folder.verify(model, lambda done, total: bar.show("checking", done, total))
        finally:
            bar.close()
        print(f"{model.id} is whole: {path}")
    return 0


def _remove(folder: ModelFolder, model: ModelFile, *, assume_yes: bool) -> int:
    present = folder.look(model)
    if present.state == "absent":
        print(f"{model.id} is not on this machine")
        return 0
    if not confirm(f"delete {present.path}?", assume_yes=assume_yes):
        print(f"kept {present.path}; to delete it without a question: --yes", file=sys.stderr)
        return 1
    print(f"{model.id} is gone, {size(folder.remove(model))} freed")
    return 0


def _print_report(report: Report) -> None:
    rows = [
        (
            "→" if item.chosen else " ",
            item.id,
            size(item.size_bytes),
            size(item.memory_bytes),
            "fits" if item.fits else "too large",
            item.state
            if item.state != "partial"
            else f"partial ({100 * item.bytes_done // item.size_bytes} %)",
            item.license,
        )
        for item in report.embedded
    ]
    print_table(("", "EMBEDDED", "SIZE", "MEMORY", "HERE", "ON DISK", "LICENCE"), rows)
    print()
    larger = [
        (
            " ",
            f"{item.publisher}/{item.title}",
            size(item.size_bytes),
            size(item.memory_bytes),
            "fits" if item.fits else "too large",
            item.kind,
        )
        for item in report.larger
    ]
    print_table(("", "LARGER OPEN MODELS", "SIZE", "MEMORY", "HERE", "KIND"), larger)
    print()
    print(
        f"this host: {size(report.host_memory_bytes)} memory, "
        f"{size(report.free_disk_bytes)} free in {report.folder}"
    )
    print(f"configured: {report.chosen}")
    print("larger ones: serve a GGUF as local/PATH.gguf, or name a server under [providers.NAME]")


def _short_id(model_id: str) -> str:
    provider, slash, name = model_id.partition("/")
    if slash and provider != "local":
        raise ConfigError(
            f"{model_id!r} is not an embedded model; those are listed by: kodo models list"
        )
    return name if slash else provider


def _full_id(model_id: str) -> str:
    if "/" in model_id:
        return model_id
    return f"local/{find(model_id).id}"
