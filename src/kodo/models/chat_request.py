"""A prompt as the body of Chat Completions, in the dialect that most servers take.

Does not open connections. Guards that what went wrong in an earlier reply (arguments that are no
JSON) does not break the server's chat template.
"""

import msgspec

from kodo.base.errors import ModelError
from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Reasoning,
    Text,
    ToolResult,
    User,
    UserPart,
)
from kodo.core.model import ModelInfo, Prompt
from kodo.models import payload
from kodo.models.exchange import model_name
from kodo.models.handoff import data_url

IMAGES_FOLLOW = "[images of this result follow in the next message]"

Json = dict[str, object]


def request_body(info: ModelInfo, prompt: Prompt, images: dict[str, str]) -> Json:
    """Return the body for a prepared prompt (handoff.prepare); `images` is base64 by blob.

    Raises ModelError where a grammar is asked of a model that cannot be held to one.
    """
    official_reasoner = info.provider == "openai" and "reasoning" in info.abilities
    body: Json = {
        "model": model_name(info),
        "messages": chat_messages(prompt, images),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": msgspec.Raw(tool.parameters.encode()),
                },
            }
            for tool in prompt.tools
        ]
        if prompt.tool_choice.mode == "named":
            named: Json = {"name": prompt.tool_choice.name}
            body["tool_choice"] = {"type": "function", "function": named}
        elif prompt.tool_choice.mode != "auto":
            body["tool_choice"] = prompt.tool_choice.mode
    if prompt.top_logprobs is not None and "logprobs" in info.abilities:
        body["logprobs"] = True
        if prompt.top_logprobs:
            body["top_logprobs"] = prompt.top_logprobs
    if prompt.output_tokens is not None:
        # OpenAI's reasoning models refuse the name that every other server knows.
        name = "max_completion_tokens" if official_reasoner else "max_tokens"
        body[name] = prompt.output_tokens
    if prompt.stop:
        body["stop"] = prompt.stop
    if prompt.temperature is not None and not official_reasoner:
        body["temperature"] = prompt.temperature
    if prompt.seed is not None:
        body["seed"] = prompt.seed
    if prompt.schema is not None:
        schema = msgspec.Raw(prompt.schema.encode())
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": schema, "strict": True},
        }
    if prompt.grammar is not None:
        if "grammar" not in info.abilities:
            raise ModelError(
                f"model {info.id!r} cannot be held to a grammar; ask for a schema, or use a model"
                " with the ability 'grammar'"
            )
        body["grammar"] = prompt.grammar  # llama.cpp's name for it
    if prompt.cache_key and info.provider == "openai":
        body["prompt_cache_key"] = prompt.cache_key
    return body


def chat_messages(prompt: Prompt, images: dict[str, str]) -> list[Json]:
    """Return the messages of a prompt, the instructions first."""
    messages: list[Json] = []
    if prompt.instructions:
        messages.append({"role": "system", "content": prompt.instructions})
    last_user = _last_user(prompt.messages)
    shown: list[UserPart] = []  # images of results, which only a user message may hold
    for place, message in enumerate(prompt.messages):
        if shown and not isinstance(message, ToolResult):
            messages.append({"role": "user", "content": _content(tuple(shown), images)})
            shown = []
        match message:
            case User():
                messages.append({"role": "user", "content": _content(message.parts, images)})
            case ToolResult():
                shown.extend(part for part in message.parts if isinstance(part, Image))
                messages.append(
                    {
                        "role": "tool",
                        "tool_call_id": message.call_id,
                        "content": message.text or IMAGES_FOLLOW,
                    }
                )
            case Assistant():
                messages.append(_reply(message, with_reasoning=place > last_user))
    if shown:
        messages.append({"role": "user", "content": _content(tuple(shown), images)})
    return messages


def _last_user(messages: tuple[Message, ...]) -> int:
    places = (place for place, message in enumerate(messages) if isinstance(message, User))
    return max(places, default=-1)


def _reply(message: Assistant, *, with_reasoning: bool) -> Json:
    reply: Json = {"role": "assistant", "content": message.text or None}
    if with_reasoning:
        # Models that reason between calls (DeepSeek, Kimi, GLM) want it back within one task, in
        # the field in which it came; the signature keeps that field's name.
        for part in message.parts:
            if isinstance(part, Reasoning) and part.signature and part.text:
                reply[part.signature] = f"{reply.get(part.signature, '')}{part.text}"
    if message.calls:
        reply["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    return reply


def _arguments(text: str) -> str:
    if payload.object_or_none(text) is not None:
        return text
    return payload.encode({"unparsed": text}).decode()


def _content(parts: tuple[UserPart, ...], images: dict[str, str]) -> str | list[Json]:
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        return "\n".join(texts)
    return [
        {"type": "image_url", "image_url": {"url": data_url(part, images)}}
        if isinstance(part, Image)
        else {"type": "text", "text": part.text}
        for part in parts
    ]
