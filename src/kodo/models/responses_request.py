"""A prompt as the body of OpenAI's Responses API, stateless (`store: false`).

Does not open connections: HTTP and the WebSocket mode send the same body. Guards that reasoning
goes back only in the encrypted form in which it came.
"""

import msgspec

from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    UserPart,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.models.exchange import model_name
from kodo.models.handoff import data_url

MIN_OUTPUT_TOKENS = 16  # the API refuses less
LOGPROBS = "message.output_text.logprobs"  # what `include` calls them

Json = dict[str, object]


def request_body(info: ModelInfo, prompt: Prompt, images: dict[str, str]) -> Json:
    """Return the body for a prepared prompt (handoff.prepare); `images` is base64 by blob.

    Stop words and seed have no place in this API and are left out; so is the temperature for a
    model that reasons, which refuses it. `generate: false` (nothing is to be said) is known to the
    WebSocket mode only.
    """
    body: Json = {
        "model": model_name(info),
        "instructions": prompt.instructions,
        "input": input_items(prompt.messages, images),
        "stream": True,
        "store": False,
    }
    reasons = "reasoning" in info.abilities
    if reasons:
        body["include"] = ["reasoning.encrypted_content"]
    elif prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": msgspec.Raw(tool.parameters.encode()),
                "strict": False,
            }
            for tool in prompt.tools
        ]
        choice = prompt.tool_choice
        named: Json = {"type": "function", "name": choice.name}
        body["tool_choice"] = named if choice.mode == "named" else choice.mode
        body["parallel_tool_calls"] = "parallel_tools" in info.abilities
    if prompt.top_logprobs is not None and "logprobs" in info.abilities:
        body["include"] = [LOGPROBS]
        body["top_logprobs"] = prompt.top_logprobs
    if prompt.output_tokens == 0:
        body["generate"] = False
    elif prompt.output_tokens is not None:
        body["max_output_tokens"] = max(MIN_OUTPUT_TOKENS, prompt.output_tokens)
    if prompt.schema is not None:
        body["text"] = {
            "format": {
                "type": "json_schema",
                "name": "reply",
                "schema": msgspec.Raw(prompt.schema.encode()),
                "strict": True,
            }
        }
    if prompt.cache_key:
        body["prompt_cache_key"] = prompt.cache_key
    return body


def input_items(messages: tuple[Message, ...], images: dict[str, str]) -> list[Json]:
    """Return the input items of messages, in order."""
    items: list[Json] = []
    for message in messages:
        match message:
            case User():
                content = [_content(part, images) for part in message.parts]
                items.append({"type": "message", "role": "user", "content": content})
            case ToolResult():
                items.append(
                    {
                        "type": "function_call_output",
                        "call_id": message.call_id,
                        "output": _output(message.parts, images),
                    }
                )
            case Assistant():
                items.extend(_reply_items(message))
    return items


def _reply_items(message: Assistant) -> list[Json]:
    items: list[Json] = []
    for part in message.parts:
        match part:
            case Reasoning(signature=str() as signature):
                summary: list[Json] = (
                    [{"type": "summary_text", "text": part.text}] if part.text else []
                )
                items.append(
                    {"type": "reasoning", "summary": summary, "encrypted_content": signature}
                )
            case Text():
                content: Json = {"type": "output_text", "text": part.text}
                items.append({"type": "message", "role": "assistant", "content": [content]})
            case ToolCall():
                items.append(
                    {
                        "type": "function_call",
                        "call_id": part.id,
                        "name": part.name,
                        "arguments": part.arguments,
                    }
                )
            case Reasoning() | Image():
                pass
    return items


def _content(part: UserPart, images: dict[str, str]) -> Json:
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": data_url(part, images), "detail": "auto"}
    return {"type": "input_text", "text": part.text}


def _output(parts: tuple[UserPart, ...], images: dict[str, str]) -> str | list[Json]:
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        return "\n".join(texts)
    return [_content(part, images) for part in parts]
