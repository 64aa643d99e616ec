"""The JSON Schemas of everything that --json prints, made from the types that print it.

`python -m kodo.cli.schemas FOLDER` writes them; a test holds docs/schema to them.
"""

import sys
from pathlib import Path

import msgspec

from kodo.cli import config, diff, doctor, models, sessions, undo
from kodo.cli.exec_events import ExecLine

SCHEMAS: dict[str, tuple[object, str]] = {
    "exec": (ExecLine, "One line of kodo exec --json"),
    "config-show": (config.Report, "kodo config show --json"),
    "diff": (list[diff.FileDiff], "kodo diff --json"),
    "doctor-env": (doctor.Report, "kodo doctor env --json"),
    "models-list": (models.Report, "kodo models list --json"),
    "sessions-list": (list[sessions.Listed], "kodo sessions list --json"),
    "undo": (undo.Moved, "kodo undo --json and kodo redo --json"),
}
"""File name without `.json` → the type that is printed, and the title."""


def schema_json(name: str) -> bytes:
    """Return a schema as its file holds it, indented."""
    kind, title = SCHEMAS[name]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **msgspec.json.schema(kind),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def write_schemas(folder: Path) -> None:
    """Write all schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / f"{name}.json").write_bytes(schema_json(name))


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
