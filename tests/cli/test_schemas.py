"""docs/schema is what commands print; to renew: `python -m kodo.cli.schemas docs/schema`."""

import json
from pathlib import Path

import msgspec
import pytest

from kodo.cli import config, doctor, models
from kodo.cli.schemas import SCHEMAS, schema_json

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
