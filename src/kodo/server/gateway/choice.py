"""`tool_choice` of OpenAI's two APIs: whether a model may, must or must not call, and which tool.

Guards that a choice which names what was not offered is refused before a model hears of it.
"""

import msgspec

from kodo.core.model import ToolChoice
from kodo.server.gateway.toolbox import Toolbox
from kodo.server.problem import bad_request


class ChosenTool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool by its name; Chat Completions has the name in an object inside."""

    type: str = "function"
    name: str = ""
    function: "ChosenTool | None" = None
    custom: "ChosenTool | None" = None

    @property
    def tool(self) -> str:
        """The name, wherever it stands."""
        return self.name or next((one.name for one in (self.function, self.custom) if one), "")


class AllowedTools(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tools that may be called in this reply."""

    mode: str = "auto"
    tools: tuple[ChosenTool, ...] = ()


class WireChoice(ChosenTool, frozen=True, omit_defaults=True):
    """A `tool_choice` that is an object: one tool, or the tools that are allowed."""

    mode: str = "auto"
    tools: tuple[ChosenTool, ...] = ()
    allowed_tools: AllowedTools | None = None


def choose(toolbox: Toolbox, choice: str | WireChoice | None) -> ToolChoice:
    """Return the choice, the toolbox narrowed to what is allowed. Raises RequestError."""
    match choice:
        case None | "auto":
            return ToolChoice()
        case "none":
            return ToolChoice("none") if toolbox.specs else ToolChoice()
        case "required":
            if not toolbox.specs:
                raise bad_request("tool_choice is 'required', but no tools", param="tool_choice")
            return ToolChoice("required")
        case str():
            raise bad_request(
                f"tool_choice is none, auto, required or an object, not {choice!r}",
                param="tool_choice",
            )
        case WireChoice(type="allowed_tools"):
            allowed = choice.allowed_tools or AllowedTools(choice.mode, choice.tools)
            toolbox.keep(tuple(one.tool for one in allowed.tools))
            return choose(toolbox, allowed.mode)
        case _:
            return ToolChoice("named", toolbox.called(choice.tool or choice.type))
