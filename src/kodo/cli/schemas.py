"""The JSON Schemas of everything that --json prints, made from the types that print it.

`python -m kodo.cli.schemas FOLDER` writes them; a test holds docs/schema to them.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from kodo.agent.hooks.wire import HookAnswer, HookInput
from kodo.cli import (
    config,
    diff,
    doctor,
    mcp,
    models,
    policy,
    recall,
    rewind,
    serve,
    serve_tokens,
    sessions,
    store,
    undo,
)
from kodo.cli.exec_events import ExecLine
from kodo.cli.typescript import typescript
from kodo.runtime.hooks import HookFile
from kodo.runtime.past.replaying import ReplayReport
from kodo.runtime.past.steps import Comparison
from kodo.runtime.past.windows import WindowReport
from kodo.scan.baseline import Baseline
from kodo.scan.report.summary import Summary
from kodo.server.openapi import document
from kodo.server.sessions.commands import AnyCommand
from kodo.server.sessions.tellings import AnyTelling
from kodo.store.upkeep.collect import Collected
from kodo.store.upkeep.export import Exported
from kodo.store.upkeep.stats import StoreStats
from kodo.store.upkeep.verify import Proof

SCHEMAS: dict[str, tuple[object, str]] = {
    "exec": (ExecLine, "One line of kodo exec --json"),
    "config-show": (config.Report, "kodo config show --json"),
    "context": (WindowReport, "kodo context --json"),
    "diff": (list[diff.FileDiff], "kodo diff --json"),
    "diff-steps": (list[diff.StepDiff], "kodo diff --steps --json"),
    "doctor-env": (doctor.Report, "kodo doctor env --json"),
    "hook-answer": (HookAnswer, "What a hook may write to stdout"),
    "hook-input": (HookInput, "What a hook reads from stdin"),
    "hooks": (HookFile, "The file .kodo/hooks.toml of a project, and [[hooks]] of config.toml"),
    "mcp": (list[mcp.ServerReport], "kodo mcp list --json and kodo mcp test --json"),
    "models-list": (models.Report, "kodo models list --json"),
    "scan": (Summary, "kodo scan --format json"),
    "scan-baseline": (Baseline, "The file of kodo scan --baseline"),
    "policy-check": (policy.CheckReport, "kodo policy check --json"),
    "policy-list": (list[policy.RuleReport], "kodo policy list --json"),
    "recall": (list[recall.Found], "kodo recall --json"),
    "replay": (ReplayReport, "kodo replay --json"),
    "replay-from": (Comparison, "kodo replay --from ENTRY --json"),
    "rewind": (rewind.Report, "kodo rewind --json"),
    "serve": (serve.Ready, "The line of kodo serve --json"),
    "serve-token-add": (serve_tokens.Added, "kodo serve token add --json"),
    "serve-token-list": (list[serve_tokens.Listed], "kodo serve token list --json"),
    "sessions-list": (list[sessions.Listed], "kodo sessions list --json"),
    "session-command": (AnyCommand, "What a face says over kodo serve --sessions"),
    "session-telling": (AnyTelling, "What kodo serve --sessions says to a face"),
    "store-export": (Exported, "kodo store export --json"),
    "store-gc": (Collected, "kodo store gc --json"),
    "store-purge": (store.Purged, "kodo store purge --json"),
    "store-reindex": (store.Reindexed, "kodo store reindex --json"),
    "store-stats": (StoreStats, "kodo store stats --json"),
    "store-verify": (Proof, "kodo store verify --json"),
    "undo": (undo.Moved, "kodo undo --json and kodo redo --json"),
}
"""File name without `.json` → the type that is printed, and the title."""

OPEN_ENDED = ("session-command", "session-telling")
"""Schemas of a wire, where fields that are not known are ignored."""


def schema_json(name: str) -> bytes:
    """Return a schema as its file holds it, indented."""
    kind, title = SCHEMAS[name]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **msgspec.json.schema(kind),
    }
    if name in OPEN_ENDED:
        for definition in schema["$defs"].values():
            definition.pop("additionalProperties", None)  # newer peers say more
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def write_schemas(folder: Path) -> None:
    """Write all schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / f"{name}.json").write_bytes(schema_json(name))
    (folder / "openapi.json").write_bytes(openapi_json())
    (folder / "session.ts").write_text(session_typescript(), "utf-8")


def openapi_json() -> bytes:
    """Return the OpenAPI document of `kodo serve` as its file holds it, indented."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1) + b"\n"


def session_typescript() -> str:
    """Return the types of the session API for faces written in TypeScript."""
    schemas = [
        (name, msgspec.json.decode(schema_json(file), type=dict[str, object]))
        for name, file in (("AnyCommand", "session-command"), ("AnyTelling", "session-telling"))
    ]
    return typescript(schemas, "kodo's types by python -m kodo.cli.schemas")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
