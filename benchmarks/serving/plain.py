# pyright: basic, reportMissingImports=false
"""The usual way, for comparison: FastAPI, pydantic events, StreamingResponse, uvicorn with uvloop.

Runs in a venv of its own: `VENV/bin/python benchmarks/serving/plain.py PORT PIECES`. Sends the same
text delta events as kodo does, one a piece. Knows nothing of kodo.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel


class Delta(BaseModel):
    """A text delta as the Responses API has it."""

    type: str = "response.output_text.delta"
    item_id: str
    output_index: int = 0
    delta: str
    content_index: int = 0
    logprobs: list[str] = []
    sequence_number: int


class Ask(BaseModel):
    """The part of a request that is read."""

    model: str
    input: str
    stream: bool = True
    max_output_tokens: int | None = None


app = FastAPI()
PIECES = int(sys.argv[2])


@app.post("/v1/responses")
async def responses(ask: Ask) -> StreamingResponse:
    """Stream the pieces."""

    async def events() -> AsyncGenerator[str]:
        for number in range(ask.max_output_tokens or PIECES):
            event = Delta(item_id="msg_1", delta="twenty characters ok", sequence_number=number)
            yield f"event: {event.type}\ndata: {event.model_dump_json()}\n\n"
            await asyncio.sleep(0)

    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
