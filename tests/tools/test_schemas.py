"""The schemas that models see, against the files in docs/schema/tools.

`KODO_WRITE_SCHEMAS=1 pytest tests/tools/test_schemas.py` writes the files anew.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kodo.core.tool import Tool
from kodo.tools.apply_patch import ApplyPatch
from kodo.tools.as_of import AsOf
from kodo.tools.background import Background
from kodo.tools.fetch import Fetch
from kodo.tools.find import Find
from kodo.tools.grep import Grep
from kodo.tools.history import History
from kodo.tools.listing import List
from kodo.tools.plan import Plan
from kodo.tools.read import Read
from kodo.tools.recall import Recall
from kodo.tools.search import Search
from kodo.tools.shell import Shell
from kodo.tools.shell_input import ShellInput
from kodo.tools.sweep import Sweep
from kodo.tools.write import Write

FOLDER = Path(__file__).parents[2] / "docs/schema/tools"
SHARED = Background()
TOOLS: list[Tool] = [
    Shell(SHARED), ShellInput(SHARED), Read(), List(), Find(), Grep(), ApplyPatch(), Write(),
    Plan(), Fetch(), Recall(), Search(), History(), AsOf(), Sweep(),
]  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_schema_is_the_one_on_record(tool: Tool) -> None:
    schema: dict[str, Any] = msgspec.json.decode(tool.parameters)
    page = {"name": tool.name, "description": tool.description, "effect": tool.effect}
    text = msgspec.json.format(msgspec.json.encode({**page, "parameters": schema}), indent=2)
    file = FOLDER / f"{tool.name}.json"
    if os.environ.get("KODO_WRITE_SCHEMAS") == "1":
        file.write_bytes(text + b"\n")
    assert file.read_bytes() == text + b"\n"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_schema_is_plain(tool: Tool) -> None:
    schema: dict[str, Any] = msgspec.json.decode(tool.parameters)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert "$ref" not in tool.parameters
    assert "anyOf" not in tool.parameters
    assert all("description" in field for field in schema["properties"].values())
