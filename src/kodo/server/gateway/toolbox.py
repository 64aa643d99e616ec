"""The tools of a Responses request as a model sees them, and its calls as the client knows them.

Functions pass as they are; custom tools become functions with one text argument, held to their
grammar where the model can be; namespaces are flattened; hosted tools of other vendors are left
out. Guards that every call comes back under the kind, name and namespace under which its tool was
offered.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from kodo.core.messages import ToolCall
from kodo.core.model import ModelInfo, ToolSpec
from kodo.server.gateway.grammar.lark import check_lark
from kodo.server.gateway.grammar.nodes import GrammarError
from kodo.server.gateway.grammar.rules import gbnf_of_lark, gbnf_of_regex
from kodo.server.problem import bad_request

Kind = Literal["function", "custom", "search"]

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_INPUT = (
    '{"type":"object","properties":{"input":{"type":"string"}},'
    '"required":["input"],"additionalProperties":false}'
)
_SEARCH = '{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}'
_ANYTHING = '{"type":"object","properties":{}}'


class CustomFormat(msgspec.Struct, frozen=True):
    """The form of a custom tool's input: free text, or a grammar in `lark` or `regex`."""

    type: str = "text"
    syntax: str = ""
    definition: str = ""


class FunctionName(msgspec.Struct, frozen=True):
    """The inner object of a tool or choice in the shape of Chat Completions."""

    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class ChatGrammar(msgspec.Struct, frozen=True):
    """A grammar in the shape of Chat Completions."""

    syntax: str = ""
    definition: str = ""


class ChatFormat(msgspec.Struct, frozen=True):
    """The form of a custom tool's input in the shape of Chat Completions."""

    type: str = "text"
    grammar: ChatGrammar = ChatGrammar()


class CustomTool(msgspec.Struct, frozen=True):
    """A custom tool in the shape of Chat Completions."""

    name: str = ""
    description: str | None = None
    format: ChatFormat = ChatFormat()


class WireTool(msgspec.Struct, frozen=True):
    """A tool of a request, whichever type it has."""

    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    format: CustomFormat | None = None
    tools: tuple["WireTool", ...] = ()
    function: FunctionName | None = None
    custom: CustomTool | None = None


class Offered(msgspec.Struct, frozen=True):
    """How a tool was offered: its kind, name and namespace on the wire."""

    kind: Kind
    name: str
    namespace: str = ""


class _Wrapped(msgspec.Struct, frozen=True):
    input: str


class Toolbox:
    """The tools of one request, for the model of `info`."""

    __slots__ = ("_holds_grammars", "_offered", "specs")

    def __init__(self, tools: Iterable[WireTool], info: ModelInfo) -> None:
        self._offered: dict[str, Offered] = {}
        self._holds_grammars = "custom_tools" in info.abilities
        self.specs: tuple[ToolSpec, ...] = tuple(self._read(tools, ""))

    def _read(self, tools: Iterable[WireTool], namespace: str) -> Iterator[ToolSpec]:
        for number, tool in enumerate(tools):
            param = f"tools[{number}]"
            match tool.type:
                case "function":
                    inner = tool.function or FunctionName(
                        tool.name, tool.description, tool.parameters
                    )
                    yield self._spec(
                        Offered("function", inner.name, namespace),
                        inner.description or "",
                        _schema(inner.parameters, param),
                        param,
                    )
                case "custom":
                    if tool.custom is not None:
                        tool = _flattened(tool.custom)
                    yield self._spec(
                        Offered("custom", tool.name, namespace),
                        _described(tool),
                        _INPUT,
                        param,
                        self._grammar(tool, param),
                    )
                case "namespace":
                    _check_name(tool.name, param)
                    yield from self._read(tool.tools, tool.name)
                case "tool_search":
                    yield self._spec(
                        Offered("search", tool.name or "tool_search"),
                        tool.description or "Find tools that are not listed here.",
                        _schema(tool.parameters, param) if tool.parameters else _SEARCH,
                        param,
                    )
                case _:
                    pass  # hosted tools (web_search, file_search, ...) that nothing here serves

    def _spec(
        self, offered: Offered, description: str, parameters: str, param: str, grammar: str = ""
    ) -> ToolSpec:
        _check_name(offered.name, param)
        name = flat_name(offered.namespace, offered.name)
        self._offered[name] = offered
        return ToolSpec(name, description, parameters, grammar)

    def _grammar(self, tool: WireTool, param: str) -> str:
        """Return the grammar of a custom tool in GBNF where the model can be held to it."""
        form = tool.format
        if form is None or form.type != "grammar":
            return ""
        try:
            if not self._holds_grammars:
                _check_grammar(form)
                return ""
            if form.syntax == "regex":
                return gbnf_of_regex(form.definition)
            _check_syntax(form)
            return gbnf_of_lark(form.definition)
        except GrammarError as error:
            raise bad_request(
                f"the grammar of the tool {tool.name!r} does not compile: {error}",
                code="invalid_grammar",
                param=f"{param}.format.definition",
            ) from error

    def offered(self, name: str) -> Offered:
        """Return how a tool was offered; a name that was not is a plain function."""
        return self._offered.get(name) or Offered("function", name)

    def called(self, name: str) -> str:
        """Return what the model calls a tool. Raises RequestError where it is not there."""
        for spec in self.specs:
            if name in (spec.name, self.offered(spec.name).name):
                return spec.name
        raise bad_request(f"tool_choice names {name!r}, which is no tool here", param="tool_choice")

    def keep(self, names: Iterable[str]) -> None:
        """Offer these tools only. Raises RequestError where one is not there."""
        kept = {self.called(name) for name in names}
        self.specs = tuple(spec for spec in self.specs if spec.name in kept)


def flat_name(namespace: str, name: str) -> str:
    """Return the name of a tool inside a namespace, as the model calls it."""
    return f"{namespace}__{name}" if namespace else name


def custom_call(call_id: str, name: str, text: str) -> ToolCall:
    """Return the call of a custom tool with that input, as the model would have made it."""
    return ToolCall(call_id, name, msgspec.json.encode(_Wrapped(text)).decode())


def custom_input(arguments: str) -> str:
    """Return the input of a custom tool out of the arguments that a model gave.

    What is not the one text argument is taken as the input itself.
    """
    try:
        return msgspec.json.decode(arguments, type=_Wrapped).input
    except msgspec.DecodeError:
        return arguments


def _flattened(tool: CustomTool) -> WireTool:
    grammar = tool.format.grammar
    form = CustomFormat(tool.format.type, grammar.syntax, grammar.definition)
    return WireTool("custom", tool.name, tool.description, format=form)


def _described(tool: WireTool) -> str:
    description = tool.description or ""
    form = tool.format
    if form is None or form.type != "grammar":
        return description
    return f"{description}\nThe input follows this {form.syntax} grammar:\n{form.definition}"


def _check_grammar(form: CustomFormat) -> None:
    """Raise GrammarError for a grammar that no model could keep to."""
    _check_syntax(form)
    if form.syntax == "lark":
        check_lark(form.definition)
        return
    try:
        re.compile(form.definition)
    except (re.error, OverflowError, RecursionError) as error:
        raise GrammarError(str(error)) from error


def _check_syntax(form: CustomFormat) -> None:
    if form.syntax not in ("lark", "regex"):
        raise GrammarError(f"a grammar's syntax is 'lark' or 'regex', not {form.syntax!r}")


def _schema(parameters: msgspec.Raw, param: str) -> str:
    text = bytes(parameters).decode() if parameters else "null"
    if text == "null":
        return _ANYTHING
    if not text.startswith("{"):
        raise bad_request(
            f"parameters must be a JSON Schema object, not {text[:40]!r}",
            param=f"{param}.parameters",
        )
    return text


def _check_name(name: str, param: str) -> None:
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"a tool's name is 1 to 128 letters, digits, '_', '-' or '.', not {name[:140]!r}",
            param=f"{param}.name",
        )
