"""All names that are loaded by string lead somewhere; the floors' contract knows what is built."""

import re
import tomllib
from pathlib import Path

import pytest

from kodo.cli.border import load_command
from kodo.cli.main import COMMANDS
from kodo.core.tool import Tool
from kodo.runtime.registry import (
    EXTRAS,
    EXTRAS_NEED,
    MCP,
    MEMORY,
    MODELS,
    NETWORK,
    STRATEGIES,
    TELEMETRY,
    TOOLS,
    is_installed,
    load,
)
from kodo.syntax.languages import GRAMMARS, LANGUAGES, new_parser

REPOSITORY = Path(__file__).parents[2]


def test_all_three_tables_resolve() -> None:
    for name, command in COMMANDS.items():
        module = load_command(command.module)
        assert callable(module.run), name
        assert callable(module.add_arguments), name
    for table in (MCP, MEMORY, MODELS, NETWORK, STRATEGIES, TELEMETRY, TOOLS):
        for name in table:
            assert callable(load(table, name)), name
    assert set(GRAMMARS) == set(LANGUAGES)
    for language in LANGUAGES:
        assert new_parser(language).parse(b"").root_node is not None, language


def test_extras_are_loaded_only_where_they_are_installed() -> None:
    assert EXTRAS.keys() == EXTRAS_NEED.keys()
    for name in EXTRAS:
        if is_installed(name):
            assert callable(load(EXTRAS, name)), name


def test_a_tool_is_called_as_its_table_says() -> None:
    background = load(TOOLS, "background")()
    for name in TOOLS.keys() - {"background"}:
        needs = name in ("shell", "shell_input")
        tool: Tool = load(TOOLS, name)(background) if needs else load(TOOLS, name)()
        assert tool.name == name
        assert tool.timeout_s > 0


def test_a_name_that_is_not_in_the_table() -> None:
    with pytest.raises(KeyError):
        load(TOOLS, "teleport")


def test_only_three_files_load_by_string() -> None:
    found = {
        str(path.relative_to(REPOSITORY / "src" / "kodo"))
        for path in (REPOSITORY / "src" / "kodo").rglob("*.py")
        if re.search(r"\bimport_module\(|__import__\(", path.read_text("utf-8"))
    }
    # The border loads what the table of cli/main.py names; runner_*.py run inside the sandbox.
    found = {name for name in found if "/runner_" not in name}
    assert found == {
        "cli/border.py",
        "cli/main.py",
        "runtime/registry.py",
        "syntax/languages.py",
    }


def test_a_layer_that_is_built_stands_without_parentheses() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    (floors,) = (
        item
        for item in project["tool"]["importlinter"]["contracts"]
        if item["type"] == "layers" and item["containers"] == ["kodo"]
    )
    layers = [name.strip() for line in floors["layers"] for name in line.split("|")]
    optional = {name.strip("() ") for name in layers if name.startswith("(")}
    required = {name for name in layers if not name.startswith("(")}
    package = REPOSITORY / "src" / "kodo"
    built = {path.parent.name for path in package.glob("*/__init__.py")}
    assert optional & built == set(), "take the parentheses off these layers in pyproject.toml"
    assert required <= built, "these layers are not built: put them in parentheses"
    assert built <= optional | required
