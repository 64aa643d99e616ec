"""One response from request to end: the prompt it makes, what goes out, what the chain keeps.

Does not know whether events travel over HTTP or a WebSocket. Guards that the chain holds what the
client was sent, so that its next input goes on from there.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from kodo.base.errors import ModelError
from kodo.core.messages import Assistant, Delta, ToolCall
from kodo.core.model import Model, ModelInfo, Prompt, ToolChoice
from kodo.server.caller import Caller
from kodo.server.gateway.toolbox import Toolbox
from kodo.server.problem import bad_request
from kodo.server.responses import events
from kodo.server.responses.asking import Asked, FormatWish, make_prompt
from kodo.server.responses.chains import Chains
from kodo.server.responses.compaction import asking, opened, sealed
from kodo.server.responses.items import Conversation, ItemReader
from kodo.server.responses.request import ResponseRequest, WireItem
from kodo.server.responses.writer import ResponseWriter
from kodo.server.service import Service

Input = str | tuple[WireItem, ...]


class Call(msgspec.Struct, frozen=True):
    """A response that is ready to be asked for. `before` is what had been said."""

    model: Model
    prompt: Prompt
    toolbox: Toolbox
    response: events.Response
    request: ResponseRequest
    before: Conversation
    only_warms: bool
    compacts: bool
    stores: bool
    parallel: bool
    size_bytes: int


async def prepare(
    service: Service,
    caller: Caller,
    chains: Chains,
    request: ResponseRequest,
    size_bytes: int,
    *,
    only_compacts: bool = False,
) -> Call:
    """Return the call that a request makes. Raises RequestError where it cannot be made.

    `only_compacts` folds the conversation, as an item `compaction_trigger` of the request does.
    """
    compacts = only_compacts or request.compacts
    name, model = await service.model_for(caller, request.model)
    if request.background:
        raise bad_request("background responses are not kept here", param="background")
    before = Conversation()
    if request.previous_response_id is not None:
        before = chains.find(request.previous_response_id, caller.name)
    said = ItemReader(before, model.info, service.images).read(request.input)
    toolbox = Toolbox((*(request.tools or ()), *said.found_tools), model.info)
    prompt = _prompt(request, said, toolbox, model.info)
    if compacts:
        if not said.messages:
            raise bad_request("there is nothing to compact: `input` is empty", param="input")
        messages = (*said.messages, asking())
        prompt = replace(prompt, messages=messages, tools=(), schema=None, top_logprobs=None)
        prompt = replace(prompt, tool_choice=ToolChoice())
    response_id = f"resp_{service.new_id()}"
    return Call(
        model=model,
        prompt=prompt,
        toolbox=toolbox,
        response=events.Response(
            response_id,
            int(service.now().timestamp()),
            "in_progress",
            name,
            instructions=request.instructions,
            previous_response_id=request.previous_response_id,
            parallel_tool_calls=request.parallel_tool_calls is not False,
            tool_choice=request.tool_choice or "auto",
            temperature=request.temperature,
            max_output_tokens=request.max_output_tokens,
            store=request.store is not False,
            metadata=request.metadata or {},
        ),
        request=request,
        before=said,
        only_warms=request.only_warms,
        compacts=compacts,
        stores=request.store is not False,
        parallel=request.parallel_tool_calls is not False,
        size_bytes=size_bytes,
    )


def continued(service: Service, call: Call, reply: Assistant, more: Input, size_bytes: int) -> Call:
    """Return the successor of a call that was steered: what was said, then the new input.

    Raises RequestError where the input is wrong.
    """
    said = after(call.before, reply)
    said = ItemReader(said, call.model.info, service.images).read(more)
    response = replace(
        call.response,
        id=f"resp_{service.new_id()}",
        created_at=int(service.now().timestamp()),
        previous_response_id=call.response.id,
    )
    prompt = replace(call.prompt, messages=said.messages)
    return replace(call, prompt=prompt, response=response, before=said, size_bytes=size_bytes)


async def carry_out(
    service: Service,
    caller: Caller,
    call: Call,
    writer: ResponseWriter,
    keep: Callable[[str, Conversation, int], None],
    endpoint: str,
) -> events.Response:
    """Ask the model, send what it says, keep the chain; returns the whole response.

    Raises what `Service.answer` raises; the end of a response that failed is not sent here.
    """
    if call.compacts:
        return await _compact(service, caller, call, writer, keep, endpoint)
    prompt = call.prompt
    if call.only_warms:
        prompt = replace(prompt, output_tokens=0)
    reply = await service.answer(caller, endpoint, call.model, prompt, writer.write)
    if call.only_warms:
        reply = replace(reply, parts=(), stop="end")
    reply = _kept(reply, call)
    keep(call.response.id, after(call.before, reply), call.size_bytes)
    return await writer.finish(reply)


async def _compact(
    service: Service,
    caller: Caller,
    call: Call,
    writer: ResponseWriter,
    keep: Callable[[str, Conversation, int], None],
    endpoint: str,
) -> events.Response:
    """Ask the model for notes; the chain goes on from them alone."""

    async def beat(deltas: Sequence[Delta]) -> None:
        if not deltas:
            await writer.write(deltas)

    reply = await service.answer(caller, endpoint, call.model, call.prompt, beat)
    if not reply.text.strip():
        name = call.model.info.id
        raise ModelError(f"the model {name!r} wrote no notes: nothing was compacted")
    content = sealed(reply.text)
    said = replace(call.before, messages=(opened(content, "input"),))
    keep(call.response.id, said, call.size_bytes)
    return await writer.compacted(content, reply)


def _prompt(
    request: ResponseRequest, said: Conversation, toolbox: Toolbox, info: ModelInfo
) -> Prompt:
    form = request.text.format if request.text else None
    asked = Asked(
        instructions=request.instructions,
        output_tokens=request.max_output_tokens,
        temperature=request.temperature,
        seed=request.seed,
        stop=request.stop,
        form=FormatWish(form.type, form.schema) if form else None,
        cache_key=request.prompt_cache_key or "",
        tool_choice=request.tool_choice,
        top_logprobs=request.logprobs,
    )
    return make_prompt(asked, said, toolbox, info)


def _kept(reply: Assistant, call: Call) -> Assistant:
    """Return the reply with one call at most, where the client wants no parallel ones."""
    if call.parallel or len(reply.calls) < 2:
        return reply
    first = reply.calls[0]
    parts = tuple(part for part in reply.parts if not isinstance(part, ToolCall) or part is first)
    return replace(reply, parts=parts)


def after(before: Conversation, reply: Assistant) -> Conversation:
    """Return what has been said once `reply` is said, too."""
    if not reply.parts:
        return before
    return replace(before, messages=(*before.messages, reply))
