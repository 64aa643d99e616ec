"""The plan tool: the model's list of steps, for itself and for whoever watches.

Keeps nothing: the list lives in the thread. Guards that at most one step is in progress.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kodo.base.errors import ToolError
from kodo.core.messages import Text
from kodo.core.tool import Effect, ToolContext, ToolOutput
from kodo.tools.arguments import Arguments, decode, schema_text

_MARKS = {"pending": "[ ]", "in_progress": "[>]", "done": "[x]"}


class PlanItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step and how far it is."""

    step: Annotated[str, Meta(description="What is to be done.", min_length=1, max_length=400)]
    status: Literal["pending", "in_progress", "done"] = "pending"


class PlanArguments(Arguments, frozen=True, forbid_unknown_fields=True):
    """See the descriptions of the fields."""

    items: Annotated[
        tuple[PlanItem, ...],
        Meta(description="All steps in order; replaces the earlier plan.", max_length=50),
    ]


class Plan:
    """Shows the plan."""

    name = "plan"
    description = (
        "Write down or update the steps of a longer task: the whole list every time, at most one "
        "step in_progress."
    )
    parameters = schema_text(PlanArguments)
    effect: Effect = "read"
    timeout_s: float = 10

    async def run(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Return the plan as text. Raises ToolError where two steps are in progress."""
        del context
        items = decode(PlanArguments, arguments, self.name).items
        busy = [item.step for item in items if item.status == "in_progress"]
        if len(busy) > 1:
            raise ToolError(f"plan: at most one step can be in_progress, not {len(busy)}")
        text = "\n".join(f"{_MARKS[item.status]} {item.step}" for item in items) or "(empty plan)"
        return ToolOutput((Text(text),), details=msgspec.json.encode({"items": items}).decode())
