"""`kodo mcp`: which MCP servers there are, what their tools cost, whether they work."""

import argparse

import anyio

from kodo.base.errors import ConfigError, KodoError
from kodo.base.text import printable
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json
from kodo.core.messages import Value
from kodo.runtime.config import Settings, check_tables
from kodo.runtime.config_edit import remove_table, set_value, write_file
from kodo.runtime.config_file import Table, put, read_file
from kodo.runtime.mcp import open_client, pins_of, servers_of
from kodo.tools.mcp.client import KnownTool
from kodo.tools.mcp.remote import tool_name
from kodo.tools.mcp.setting import McpServer
from kodo.tui.words import count

EXAMPLES = """\
examples:
  kodo mcp add files -- npx -y some-mcp-server .
  kodo mcp add docs --url https://mcp.example.org/mcp
  kodo mcp list
  kodo mcp test files
  kodo mcp test files --accept
  kodo mcp rm files

A command runs in a jail of its own: read-only and without the network, unless its table in your
config.toml says `sandbox = "workspace-write"` or `hosts = ["@javascript"]`. Tools whose description
is new or has changed since you accepted them are asked about before they run.
"""


class ToolReport(Value, frozen=True):
    """One tool. `doubt` says why it is asked about before it runs."""

    name: str
    tokens: int
    description: str
    doubt: str = ""


class ServerReport(Value, frozen=True):
    """One server: `failure` where it does not work, `tokens` what its tools take in a prompt."""

    name: str
    reached: str
    enabled: bool
    protocol: str = ""
    tokens: int = 0
    tools: tuple[ToolReport, ...] = ()
    resources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    failure: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be done."""
    parser.add_argument("action", choices=("list", "test", "add", "rm"), help="what to do")
    parser.add_argument("name", nargs="?", default="", help="the server's name")
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="add: the command, behind --")
    parser.add_argument("--url", default="", help="add: the address of a server over HTTP")
    parser.add_argument("--accept", action="store_true", help="test: accept all descriptions")
    add_json(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Carry the action out. Raises ConfigError."""
    settings = load(arguments)
    action, name = arguments.action, arguments.name
    if action == "add":
        return _add(settings, name, arguments.words, arguments.url)
    if action == "rm":
        return _remove(settings, name)
    servers_of(settings)
    known = settings.config.mcp
    if action == "test" and name not in known:
        raise ConfigError(
            f"there is no MCP server {name!r}; there are: {', '.join(known) or 'none'}"
        )
    chosen = {name: known[name]} if action == "test" else known
    reports = anyio.run(_look_at_all, settings, chosen, bool(arguments.accept))
    if arguments.json:
        print_json(reports)
    else:
        for report in reports:
            _show(report, whole=action == "test")
        if not reports:
            print("no MCP server is set up; see: kodo mcp --help")
    return 1 if action == "test" and reports[0].failure else 0


async def _look_at_all(
    settings: Settings, servers: dict[str, McpServer], accept: bool
) -> list[ServerReport]:
    found: dict[str, ServerReport] = {}

    async def look(name: str, server: McpServer) -> None:
        found[name] = await _look_at(settings, name, server, accept=accept)

    async with anyio.create_task_group() as tasks:
        for name, server in servers.items():
            tasks.start_soon(look, name, server)
    return [found[name] for name in servers]


async def _look_at(
    settings: Settings, name: str, server: McpServer, *, accept: bool
) -> ServerReport:
    reached = server.url or " ".join((server.command, *server.args))
    if not server.enabled:
        return ServerReport(name, reached, enabled=False)
    pins = pins_of(settings)
    limit_s = server.start_timeout_s
    try:
        async with open_client(settings, name, server) as client:
            tools = await client.tools(limit_s)
            if accept:
                pins.forget(name)
            doubts = pins.doubts(name, server, tools)
            reports = tuple(_tool(name, tool, doubts.get(tool.name, "")) for tool in tools)
            return ServerReport(
                name,
                reached,
                enabled=True,
                protocol=client.info.protocol_version,
                tokens=sum(report.tokens for report in reports),
                tools=reports,
                resources=tuple(item.uri for item in await client.listed("resources", limit_s)),
                prompts=tuple(item.name for item in await client.listed("prompts", limit_s)),
            )
    except (KodoError, OSError) as error:
        return ServerReport(name, reached, enabled=True, failure=str(error))
    except ExceptionGroup as group:
        failure = "; ".join(map(str, group.exceptions))
        return ServerReport(name, reached, enabled=True, failure=failure)


def _tool(server: str, tool: KnownTool, doubt: str) -> ToolReport:
    name = tool_name(server, tool.name)
    size = (len(name) + len(tool.description) + len(tool.parameters)) // 4 + 8
    return ToolReport(name, size, tool.description, doubt)


def _show(report: ServerReport, *, whole: bool) -> None:
    state = f"{count(len(report.tools), 'tool')}, {count(report.tokens, 'token')}"
    if not report.enabled:
        state = "off"
    if report.failure:
        state = f"does not work: {report.failure}"
    print(f"{report.name}  {printable(report.reached)}  {printable(state)}")
    for tool in report.tools if whole else ():
        mark = f"  ! {tool.doubt}" if tool.doubt else ""
        first = tool.description.strip().partition("\n")[0][:80]
        print(f"  {printable(tool.name)}  {tool.tokens} tokens  {printable(first)}{mark}")


def _text_of(settings: Settings) -> str:
    file = read_file(settings.paths.config_file)
    return file.text if file is not None else ""


def _add(settings: Settings, name: str, words: list[str], url: str) -> int:
    server = McpServer(command=words[0] if words else "", args=tuple(words[1:]), url=url)
    if fault := server.fault(name):
        raise ConfigError(f"the MCP server {name!r}: {fault}")
    values: dict[str, object] = {"url": url} if url else {"command": words[0], "args": words[1:]}
    tables: Table = {}
    text = _text_of(settings)
    for key, value in values.items():
        put(tables, ("mcp", name, key), value)
        text = set_value(text, ("mcp", name, key), value)
    check_tables(tables)
    write_file(settings.paths.config_file, text)
    print(f"added {name}; to see whether it works: kodo mcp test {name}")
    return 0


def _remove(settings: Settings, name: str) -> int:
    if name not in settings.config.mcp:
        known = ", ".join(settings.config.mcp) or "none"
        raise ConfigError(f"there is no MCP server {name!r}; there are: {known}")
    write_file(settings.paths.config_file, remove_table(_text_of(settings), ("mcp", name)))
    pins_of(settings).forget(name)
    print(f"removed {name}")
    return 0
