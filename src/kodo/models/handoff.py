"""Makes a thread fit for one provider, whoever spoke in it before.

Knows no vendor's shapes, only what they differ in. Guards the wire: valid Unicode, no empty texts
or messages, no foreign reasoning, call ids that are unique and plain.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable

import msgspec

from kodo.base.errors import ModelError
from kodo.base.text import repair_surrogates
from kodo.core.messages import (
    Assistant,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    User,
    UserPart,
)
from kodo.core.model import ModelInfo, Prompt, ToolSpec

ReadBlob = Callable[[str], Awaitable[bytes]]

PLAIN_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NO_OUTPUT = "(no output)"
MAX_IMAGE_BYTES = 20 << 20


def prepare(prompt: Prompt, info: ModelInfo, *, images: bool) -> Prompt:
    """Return `prompt` as the model of `info` can take it.

    Reasoning of other providers and models is dropped (providers bind it to the model), and with it
    messages that become empty. Images become a text note where `images` is False. Call ids that
    are not `PLAIN_CALL_ID`, or that an earlier call used, are replaced by ones made from them, the
    same every time, so prompt caches hold.
    """
    ids = _CallIds()
    messages: list[Message] = []
    for message in prompt.messages:
        ready = _prepare_message(message, ids, info, images=images)
        if ready is not None:
            messages.append(ready)
    return msgspec.structs.replace(
        prompt,
        instructions=repair_surrogates(prompt.instructions),
        messages=tuple(messages),
        tools=tuple(
            ToolSpec(
                tool.name,
                repair_surrogates(tool.description),
                repair_surrogates(tool.parameters),
                tool.grammar,
            )
            for tool in prompt.tools
        ),
        schema=None if prompt.schema is None else repair_surrogates(prompt.schema),
    )


def takes_images(info: ModelInfo, read_blob: ReadBlob | None) -> bool:
    """Return whether images can be sent: the model sees them, and their bytes can be had."""
    return "image" in info.inputs and read_blob is not None


async def read_images(prompt: Prompt, read_blob: ReadBlob | None) -> dict[str, str]:
    """Return the base64 of every image in `prompt` by blob name.

    Raises ModelError where one is larger than 20 MiB, StoreError where a blob is not there.
    """
    found: dict[str, str] = {}
    for message in prompt.messages:
        for part in message.parts:
            if isinstance(part, Image) and part.blob not in found and read_blob is not None:
                data = await read_blob(part.blob)
                if len(data) > MAX_IMAGE_BYTES:
                    raise ModelError(
                        f"image {part.blob[:12]!r} has {len(data)} bytes, more than the"
                        f" {MAX_IMAGE_BYTES} that providers take: send a smaller one"
                    )
                found[part.blob] = base64.b64encode(data).decode("ascii")
    return found


def data_url(image: Image, images: dict[str, str]) -> str:
    """Return the image as a data: URL."""
    return f"data:{image.media_type};base64,{images[image.blob]}"


class _CallIds:
    """Maps the ids of the thread to ids that are unique and plain. A result follows its call."""

    __slots__ = ("_latest", "_used")

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._latest: dict[str, str] = {}

    def of_call(self, call_id: str) -> str:
        plain = call_id
        if not PLAIN_CALL_ID.fullmatch(call_id):
            digest = hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:8]
            plain = f"{re.sub(r'[^a-zA-Z0-9_-]', '_', call_id)[:50] or 'call'}_{digest}"
        fresh, count = plain, 1
        while fresh in self._used:
            count += 1
            fresh = f"{plain[:56]}_{count}"
        self._used.add(fresh)
        self._latest[call_id] = fresh
        return fresh

    def of_result(self, call_id: str) -> str:
        # A result without a call is the caller's mistake; providers name it better than we could.
        return self._latest.get(call_id) or self.of_call(call_id)


def _prepare_message(
    message: Message, ids: _CallIds, info: ModelInfo, *, images: bool
) -> Message | None:
    if isinstance(message, User):
        parts = _user_parts(message.parts, images=images)
        return User(parts) if parts else None
    if isinstance(message, ToolResult):
        return ToolResult(
            call_id=ids.of_result(message.call_id),
            name=repair_surrogates(message.name),
            parts=_user_parts(message.parts, images=images) or (Text(NO_OUTPUT),),
            outcome=message.outcome,
        )
    maker = info.provider if message.model == info.id else None
    parts = _assistant_parts(message.parts, ids, maker)
    return Assistant(parts, message.model, message.stop) if parts else None


def _user_parts(parts: tuple[UserPart, ...], *, images: bool) -> tuple[UserPart, ...]:
    ready: list[UserPart] = []
    for part in parts:
        if isinstance(part, Image):
            note = f"[an image ({part.media_type}) was left out: this model reads text only]"
            ready.append(part if images else Text(note))
        elif part.text.strip():
            ready.append(Text(repair_surrogates(part.text)))
    return tuple(ready)


def _assistant_parts(parts: tuple[Part, ...], ids: _CallIds, maker: str | None) -> tuple[Part, ...]:
    ready: list[Part] = []
    for part in parts:
        match part:
            case Reasoning():
                if part.provider == maker:
                    text = repair_surrogates(part.text)
                    ready.append(Reasoning(text, part.signature, part.provider))
            case ToolCall():
                ready.append(
                    ToolCall(
                        ids.of_call(part.id),
                        repair_surrogates(part.name),
                        repair_surrogates(part.arguments),
                    )
                )
            case Text():
                if part.text.strip():
                    ready.append(Text(repair_surrogates(part.text)))
            case Image():
                pass  # no provider takes images that an assistant made back
    while ready and isinstance(ready[-1], Reasoning):
        ready.pop()  # providers refuse reasoning that nothing follows
    return tuple(ready)
