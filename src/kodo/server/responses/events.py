"""The objects and events that the Responses API sends, in the fields that clients read.

Shapes only. Guards that every event has its type first and its sequence number, so that any client
can read it. Field order is the order on the wire.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from kodo.server.gateway.choice import WireChoice
from kodo.server.gateway.scores import TokenLogprob

Status = Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]


class TextContent(msgspec.Struct, tag_field="type", tag="output_text"):
    """Text inside a message."""

    text: str
    annotations: tuple[str, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class RefusalContent(msgspec.Struct, tag_field="type", tag="refusal"):
    """A refusal inside a message."""

    refusal: str


class SummaryText(msgspec.Struct, tag_field="type", tag="summary_text"):
    """Readable reasoning."""

    text: str


class MessageItem(msgspec.Struct, tag_field="type", tag="message"):
    """A message of the model."""

    id: str
    status: Status
    content: tuple[TextContent | RefusalContent, ...]
    role: str = "assistant"


class ReasoningItem(msgspec.Struct, tag_field="type", tag="reasoning"):
    """Reasoning, to be sent back as it is."""

    id: str
    summary: tuple[SummaryText, ...]
    encrypted_content: str | UnsetType = UNSET


class FunctionCallItem(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a function; `arguments` is JSON text."""

    id: str
    status: Status
    call_id: str
    name: str
    arguments: str
    namespace: str | UnsetType = UNSET


class CustomCallItem(msgspec.Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a custom tool; `input` is plain text."""

    id: str
    status: Status
    call_id: str
    name: str
    input: str
    namespace: str | UnsetType = UNSET


class SearchCallItem(msgspec.Struct, tag_field="type", tag="tool_search_call"):
    """A search for tools, which the client carries out."""

    id: str
    status: Status
    call_id: str
    arguments: msgspec.Raw
    execution: str = "client"


class CompactionItem(msgspec.Struct, tag_field="type", tag="compaction"):
    """What stands in for a conversation that was folded."""

    id: str
    encrypted_content: str


Item = MessageItem | ReasoningItem | FunctionCallItem | CustomCallItem | SearchCallItem
Output = Item | CompactionItem


class CachedDetails(msgspec.Struct):
    """Where input tokens came from."""

    cached_tokens: int


class ReasoningDetails(msgspec.Struct):
    """What output tokens were for."""

    reasoning_tokens: int


class WireUsage(msgspec.Struct):
    """Tokens of one response."""

    input_tokens: int
    input_tokens_details: CachedDetails
    output_tokens: int
    output_tokens_details: ReasoningDetails
    total_tokens: int


class WireError(msgspec.Struct):
    """A failure. `type` and `param` are left out inside a response."""

    code: str
    message: str
    type: str | UnsetType = UNSET
    param: str | UnsetType | None = UNSET


class IncompleteDetails(msgspec.Struct):
    """Why a response is not whole."""

    reason: str


class Response(msgspec.Struct):
    """A response. What a client asked for is echoed as it was sent."""

    id: str
    created_at: int
    status: Status
    model: str
    object: str = "response"
    output: tuple[Output, ...] = ()
    usage: WireUsage | None = None
    error: WireError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    parallel_tool_calls: bool = True
    tool_choice: str | WireChoice = "auto"
    tools: tuple[msgspec.Raw, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None
    store: bool = False
    metadata: dict[str, str] = {}


class Compacted(msgspec.Struct):
    """What POST /v1/responses/compact answers: the items that stand in for a conversation."""

    id: str
    created_at: int
    output: tuple[Output, ...]
    usage: WireUsage | None
    object: str = "response.compaction"


class Event(msgspec.Struct, tag_field="type", kw_only=True):
    """The base of all events."""

    sequence_number: int
    stream_id: str | UnsetType = UNSET


class Created(Event, tag="response.created"):
    """The response began."""

    response: Response


class InProgress(Event, tag="response.in_progress"):
    """It goes on; sent again while nothing else is, so that no idle timer ends the stream."""

    response: Response


class Completed(Event, tag="response.completed"):
    """It is whole."""

    response: Response


class Incomplete(Event, tag="response.incomplete"):
    """It was cut."""

    response: Response


class Failed(Event, tag="response.failed"):
    """It failed."""

    response: Response


class ItemAdded(Event, tag="response.output_item.added"):
    """An item begins."""

    output_index: int
    item: Output


class ItemDone(Event, tag="response.output_item.done"):
    """An item is whole."""

    output_index: int
    item: Output


class PartAdded(Event, tag="response.content_part.added"):
    """A content part begins."""

    item_id: str
    output_index: int
    part: TextContent | RefusalContent
    content_index: int = 0


class PartDone(Event, tag="response.content_part.done"):
    """A content part is whole."""

    item_id: str
    output_index: int
    part: TextContent | RefusalContent
    content_index: int = 0


class TextDelta(Event, tag="response.output_text.delta"):
    """A piece of text."""

    item_id: str
    output_index: int
    delta: str
    content_index: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


class TextDone(Event, tag="response.output_text.done"):
    """The whole text."""

    item_id: str
    output_index: int
    text: str
    content_index: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


class SummaryPartAdded(Event, tag="response.reasoning_summary_part.added"):
    """Readable reasoning begins."""

    item_id: str
    output_index: int
    part: SummaryText
    summary_index: int = 0


class SummaryDelta(Event, tag="response.reasoning_summary_text.delta"):
    """A piece of readable reasoning."""

    item_id: str
    output_index: int
    delta: str
    summary_index: int = 0


class SummaryDone(Event, tag="response.reasoning_summary_text.done"):
    """The whole of the readable reasoning."""

    item_id: str
    output_index: int
    text: str
    summary_index: int = 0


class SummaryPartDone(Event, tag="response.reasoning_summary_part.done"):
    """Readable reasoning is whole."""

    item_id: str
    output_index: int
    part: SummaryText
    summary_index: int = 0


class ArgumentsDelta(Event, tag="response.function_call_arguments.delta"):
    """A piece of a call's arguments."""

    item_id: str
    output_index: int
    delta: str


class ArgumentsDone(Event, tag="response.function_call_arguments.done"):
    """The whole arguments of a call."""

    item_id: str
    output_index: int
    name: str
    arguments: str


class InputDelta(Event, tag="response.custom_tool_call_input.delta"):
    """A piece of a custom tool's input."""

    item_id: str
    output_index: int
    delta: str


class InputDone(Event, tag="response.custom_tool_call_input.done"):
    """The whole input of a custom tool."""

    item_id: str
    output_index: int
    input: str


class Steer(msgspec.Struct):
    """A steering message that came while a response was on its way."""

    id: str
    previous_response_id: str
    input: msgspec.Raw | UnsetType = UNSET


class SteerAccepted(Event, tag="response.steer.accepted"):
    """The message will be heard."""

    steer: Steer


class SteerFailed(Event, tag="response.steer.failed"):
    """The message will not be heard."""

    steer: Steer
    error: WireError


class Trouble(Event, tag="error"):
    """A request that cannot be answered. Clients read `status` as an HTTP status."""

    status: int
    error: WireError
    code: str
    message: str
    param: str | None = None


ANY = (
    Created
    | InProgress
    | Completed
    | Incomplete
    | Failed
    | ItemAdded
    | ItemDone
    | PartAdded
    | PartDone
    | TextDelta
    | TextDone
    | SummaryPartAdded
    | SummaryDelta
    | SummaryDone
    | SummaryPartDone
    | ArgumentsDelta
    | ArgumentsDone
    | InputDelta
    | InputDone
    | SteerAccepted
    | SteerFailed
    | Trouble
)
"""Every event that a stream may hold."""
