"""A prompt as the body of Anthropic's Messages API.

Does not open connections. Guards the API's rules: roles alternate, all results of one reply stand
in one user message and come first in it, thinking goes back signed, at most four cache marks.
"""

import msgspec

from kodo.base.text import repair_surrogates
from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    UserPart,
)
from kodo.core.model import ModelInfo, Prompt, ToolChoice
from kodo.models import payload
from kodo.models.exchange import model_name
from kodo.models.recalled import is_question

EARLIER = "(What was said before is left out.)"
GO_ON = "Go on."
REDACTED = "redacted_thinking:"  # begins the signature of thinking that came encrypted

Json = dict[str, object]


def request_body(info: ModelInfo, prompt: Prompt, images: dict[str, str]) -> Json:
    """Return the body for a prepared prompt (handoff.prepare); `images` is base64 by blob.

    The prefix is marked for the prompt cache after the tools, the instructions and the newest
    message, in which what was recalled for this call alone stands behind the mark. A model with the
    ability `reasoning` thinks adaptively and takes no temperature. The API has no seed.
    """
    body: Json = {
        "model": model_name(info),
        "max_tokens": prompt.output_tokens or info.output_tokens,
        "messages": turns(prompt.messages, images, prompt.recalled),
        "stream": True,
    }
    if prompt.instructions:
        body["system"] = [_cached({"type": "text", "text": prompt.instructions})]
    if prompt.tools:
        tools: list[Json] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": msgspec.Raw(tool.parameters.encode()),
            }
            for tool in prompt.tools
        ]
        tools[-1] = _cached(tools[-1])
        body["tools"] = tools
        match prompt.tool_choice:
            case ToolChoice("named", name):
                body["tool_choice"] = {"type": "tool", "name": name}
            case ToolChoice("required"):
                body["tool_choice"] = {"type": "any"}
            case ToolChoice("none"):
                body["tool_choice"] = {"type": "none"}
            case _:
                pass
    if stops := [stop for stop in prompt.stop if stop.strip()]:  # the API refuses blank ones
        body["stop_sequences"] = stops
    forced = bool(prompt.tools) and prompt.tool_choice.must_call
    if "reasoning" in info.abilities and not forced:  # the API refuses both together
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    elif prompt.temperature is not None and "reasoning" not in info.abilities:
        body["temperature"] = min(1.0, prompt.temperature)
    if prompt.schema is not None:
        schema = msgspec.Raw(prompt.schema.encode())
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return body


def turns(messages: tuple[Message, ...], images: dict[str, str], recalled: str = "") -> list[Json]:
    """Return messages of alternating roles, the newest block that stays marked for the cache.

    Neighbours of one role become one message; a person speaks first and last, as the API wants.
    """
    found: list[tuple[str, list[Json]]] = []
    for message in messages:
        role = "assistant" if isinstance(message, Assistant) else "user"
        blocks = _blocks(message, images)
        if found and found[-1][0] == role:
            found[-1][1].extend(blocks)
        else:
            found.append((role, blocks))
    for role, blocks in found:
        if role == "user":  # results first, else the API says that they are missing
            blocks.sort(key=lambda block: block["type"] != "tool_result")
    if found:
        if found[0][0] == "assistant":
            found.insert(0, ("user", [{"type": "text", "text": EARLIER}]))
        if found[-1][0] == "assistant":
            found.append(("user", [{"type": "text", "text": GO_ON}]))
        asked = len(_blocks(messages[-1], images)) if is_question(messages[-1]) else 0
        _mark([blocks for _, blocks in found], asked, recalled)
    return [{"role": role, "content": blocks} for role, blocks in found]


def _mark(turns: list[list[Json]], asked: int, recalled: str) -> None:
    """Mark the newest block that the next prompt will repeat; what was recalled goes behind it.

    The last `asked` blocks are a person's question, which comes last of all.
    """
    staying = turns[-1]
    at = len(staying)
    if recalled:
        at -= asked
        staying.insert(at, {"type": "text", "text": repair_surrogates(recalled)})
    if at == 0:
        staying = turns[-2] if len(turns) > 1 else []
        at = len(staying)
    if at and staying[at - 1]["type"] not in ("thinking", "redacted_thinking"):
        staying[at - 1] = _cached(staying[at - 1])


def _blocks(message: Message, images: dict[str, str]) -> list[Json]:
    if isinstance(message, Assistant):
        return _reply_blocks(message)
    content = [_content(part, images) for part in message.parts]
    if not isinstance(message, ToolResult):
        return content
    result: Json = {"type": "tool_result", "tool_use_id": message.call_id, "content": content}
    if message.outcome != "ok":
        result["is_error"] = True
    return [result]


def _reply_blocks(message: Assistant) -> list[Json]:
    blocks: list[Json] = []
    for part in message.parts:
        match part:
            case Reasoning(signature=str() as signature) if signature.startswith(REDACTED):
                data = signature.removeprefix(REDACTED)
                blocks.append({"type": "redacted_thinking", "data": data})
            case Reasoning(signature=str() as signature):
                blocks.append({"type": "thinking", "thinking": part.text, "signature": signature})
            case Text():
                blocks.append({"type": "text", "text": part.text})
            case ToolCall():
                given = payload.object_or_none(part.arguments)
                blocks.append(
                    {
                        "type": "tool_use",
                        "id": part.id,
                        "name": part.name,
                        "input": {"unparsed": part.arguments} if given is None else given,
                    }
                )
            case Reasoning() | Image():
                pass
    return blocks


def _content(part: UserPart, images: dict[str, str]) -> Json:
    if isinstance(part, Image):
        data = images[part.blob]
        source: Json = {"type": "base64", "media_type": part.media_type, "data": data}
        return {"type": "image", "source": source}
    return {"type": "text", "text": part.text}


def _cached(block: Json) -> Json:
    return {**block, "cache_control": {"type": "ephemeral"}}
