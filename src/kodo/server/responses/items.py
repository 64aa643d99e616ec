"""Input items of the Responses API as messages of a thread, and back again for chains.

Knows items and messages; tools.py knows how tools were offered. Guards the thread: every result
answers a call, every call has its result before the next message, and developer messages at the
beginning become instructions.
"""

from collections.abc import Iterable

import msgspec

from kodo.core.messages import (
    Assistant,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    UserPart,
)
from kodo.core.model import ModelInfo
from kodo.server.gateway.images import Images
from kodo.server.gateway.toolbox import WireTool, custom_call, flat_name
from kodo.server.problem import bad_request
from kodo.server.responses.compaction import opened
from kodo.server.responses.request import WireItem, WirePiece


class Conversation(msgspec.Struct, frozen=True):
    """What has been said: `developer` are the leading developer messages.

    `found_tools` came in with the results of a tool search.
    """

    developer: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    found_tools: tuple[WireTool, ...] = ()


def as_items(given: str | Iterable[WireItem]) -> Iterable[WireItem]:
    """Return input as items; a text is a message of the user."""
    return (WireItem(role="user", content=given),) if isinstance(given, str) else given


class ItemReader:
    """Adds items to a conversation."""

    __slots__ = ("_developer", "_found", "_images", "_info", "_messages", "_open", "_reply")

    def __init__(self, before: Conversation, info: ModelInfo, images: Images) -> None:
        self._developer = list(before.developer)
        self._messages = list(before.messages)
        self._found = list(before.found_tools)
        self._info = info
        self._images = images
        self._reply: list[Part] = []
        self._open: dict[str, str] = {}
        for message in _newest_turn(before.messages):
            self._note_calls(message)

    def read(self, items: str | Iterable[WireItem]) -> Conversation:
        """Return the conversation with the items behind it. Raises RequestError."""
        for number, item in enumerate(as_items(items)):
            self._take(item, f"input[{number}]")
        self._end_reply()
        if self._open:
            self._refuse_open("input")
        return Conversation(tuple(self._developer), tuple(self._messages), tuple(self._found))

    def _take(self, item: WireItem, param: str) -> None:
        match item.type:
            case "message":
                self._take_message(item, param)
            case "reasoning":
                text = "\n\n".join(piece.text or "" for piece in item.summary)
                self._reply.append(Reasoning(text, item.encrypted_content, self._info.provider))
            case "function_call" | "tool_search_call":
                name = item.name or "tool_search"
                self._reply.append(
                    ToolCall(
                        _call_id(item, param),
                        flat_name(item.namespace or "", name),
                        _arguments(item.arguments),
                    )
                )
            case "custom_tool_call":
                name = flat_name(item.namespace or "", item.name or "")
                self._reply.append(custom_call(_call_id(item, param), name, item.input or ""))
            case "function_call_output" | "custom_tool_call_output":
                self._take_result(item, self._content(item.output, f"{param}.output"), param)
            case "tool_search_output":
                self._found += item.tools
                names = ", ".join(tool.name for tool in item.tools)
                self._take_result(item, (Text(f"found tools: {names or 'none'}"),), param)
            case "compaction" | "compaction_summary":
                self._end_reply()
                if self._open:
                    self._refuse_open(param)
                self._messages.append(opened(item.encrypted_content or "", param))
            case "item_reference":
                raise bad_request(
                    "items are not kept by id here: send the item itself", param=param
                )
            case _:
                pass  # what hosted tools left behind says nothing to another model

    def _take_message(self, item: WireItem, param: str) -> None:
        if item.role == "assistant":
            self._reply += [
                part
                for part in self._content(item.content, f"{param}.content")
                if isinstance(part, Text)
            ]
            return
        if item.role not in ("user", "system", "developer"):
            raise bad_request(
                f"a message's role is user, assistant, system or developer, not {item.role!r}",
                param=f"{param}.role",
            )
        parts = self._content(item.content, f"{param}.content")
        self._end_reply()
        if item.role != "user" and not self._messages:
            self._developer += [part.text for part in parts if isinstance(part, Text)]
            return
        if self._open:
            self._refuse_open(param)
        self._messages.append(User(parts))

    def _take_result(self, item: WireItem, parts: tuple[UserPart, ...], param: str) -> None:
        self._end_reply()
        call_id = _call_id(item, param)
        name = self._open.pop(call_id, None)
        if name is None:
            raise bad_request(
                f"no tool call found for the output with call_id {call_id!r}",
                param=f"{param}.call_id",
            )
        self._messages.append(ToolResult(call_id, name, parts or (Text(""),)))

    def _end_reply(self) -> None:
        """Close the reply that is being gathered."""
        if not self._reply:
            return
        calls = any(isinstance(part, ToolCall) for part in self._reply)
        reply = Assistant(tuple(self._reply), self._info.id, "tool_calls" if calls else "end")
        self._reply = []
        if self._open:
            self._refuse_open("input")
        self._messages.append(reply)
        self._note_calls(reply)

    def _note_calls(self, message: Message) -> None:
        if isinstance(message, Assistant):
            for call in message.calls:
                self._open[call.id] = call.name
        elif isinstance(message, ToolResult):
            self._open.pop(message.call_id, None)

    def _refuse_open(self, param: str) -> None:
        call_id = next(iter(self._open))
        raise bad_request(f"no tool output found for the call {call_id!r}", param=param)

    def _content(
        self, content: str | tuple[WirePiece, ...] | None, param: str
    ) -> tuple[UserPart, ...]:
        if content is None:
            return ()
        if isinstance(content, str):
            return (Text(content),)
        parts: list[UserPart] = []
        for number, piece in enumerate(content):
            if piece.type == "input_image":
                parts.append(self._images.take(piece.image_url or "", f"{param}[{number}]"))
            elif piece.text is not None or piece.refusal is not None:
                parts.append(Text(piece.text or piece.refusal or ""))
            else:
                raise bad_request(
                    f"content of type {piece.type!r} is not understood here: send input_text or"
                    " input_image",
                    param=f"{param}[{number}].type",
                )
        return tuple(parts)


def _newest_turn(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the last reply and what followed: calls before it have their results."""
    for number in range(len(messages) - 1, -1, -1):
        if isinstance(messages[number], Assistant):
            return messages[number:]
    return ()


def _call_id(item: WireItem, param: str) -> str:
    call_id = item.call_id or item.id
    if not call_id:
        raise bad_request("a call and its output need a call_id", param=f"{param}.call_id")
    return call_id


def _arguments(raw: msgspec.Raw) -> str:
    """Return arguments as JSON text, whether the client sent them as text or as an object."""
    if not raw:
        return "{}"
    text = bytes(raw).decode()
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text
