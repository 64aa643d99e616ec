"""docs/schema is what commands print; to renew: `python -m kodo.cli.schemas docs/schema`."""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from kodo.cli import config, doctor, models
from kodo.cli.schemas import SCHEMAS, openapi_json, schema_json, session_typescript
from kodo.cli.typescript import typescript

from .conftest import Kodo

FOLDER = Path(__file__).parents[2] / "docs" / "schema"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_on_disk_is_that_of_the_types(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_bytes() == schema_json(name)


def test_what_the_commands_print_is_of_these_types(kodo: Kodo) -> None:
    msgspec.json.decode(kodo("config", "show", "--json").out, type=config.Report)
    msgspec.json.decode(kodo("models", "list", "--json").out, type=models.Report)
    msgspec.json.decode(kodo("doctor", "env", "--json").out, type=doctor.Report)
    assert json.loads(kodo("sessions", "list", "--json").out) == []


def test_the_typescript_on_disk_is_that_of_the_types() -> None:
    assert (FOLDER / "session.ts").read_text("utf-8") == session_typescript()


def test_what_has_no_type_in_typescript_is_an_error() -> None:
    assert "x?: Array<unknown>;" in typescript(
        [("A", {"type": "object", "properties": {"x": {"type": "array"}}})], "a test"
    )
    with pytest.raises(ValueError, match="no TypeScript type for 'date'"):
        typescript([("A", {"type": "object", "properties": {"x": {"type": "date"}}})], "a test")


def test_a_face_in_typescript_compiles_with_these_types(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("no tsc on the PATH (npm install -g typescript)")
    shutil.copy(FOLDER / "session.ts", tmp_path / "session.ts")
    right = """\
import type { AnyCommand, AnyTelling } from "./session";
const open: AnyCommand = { type: "open", id: "1", mode: "resume", after_seq: 7 };
export function show(told: AnyTelling): string {
  if (told.type === "event" && told.event.body.type === "run_ended") return told.event.body.outcome;
  return told.type === "delta" ? told.delta.text ?? "" : JSON.stringify(open);
}
"""
    (tmp_path / "face.ts").write_text(right)
    options = ["--noEmit", "--strict", "--target", "es2022", "--moduleResolution", "bundler"]
    command = [compiler, *options, "--module", "esnext", "face.ts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "face.ts").write_text(right.replace('"resume"', '"reopen"'))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert '"reopen"' in done.stdout


def test_the_openapi_document_is_written() -> None:
    assert (FOLDER / "openapi.json").read_bytes() == openapi_json()
