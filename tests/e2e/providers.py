"""Loopback servers that speak the chat and messages wires, and ones that fail in their ways."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status with the provider's own words."""

    status: int
    message: str


Reply = str | tuple[str, Body] | int | Refusal
"""A text that ends the turn, a tool call (name, arguments), or an HTTP status."""


@dataclass(slots=True)
class Asked:
    """One request as the server saw it. Header names are lower case."""

    path: str
    headers: dict[str, str]
    body: Body = field(default_factory=dict[str, Any])


class Provider:
    """Plays replies in order on a free port while the `with` block runs.

    `wire` is that of the replies; a request for the path of another wire gets 404.
    """

    PATHS = {  # noqa: RUF012
        "chat": "/v1/chat/completions",
        "messages": "/v1/messages",
        "responses": "/v1/responses",
    }

    def __init__(self, wire: str, replies: Sequence[Reply]) -> None:
        self.asked: list[Asked] = []
        self._wire = wire
        self._replies = list(replies)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Provider":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Return status and body for a request."""
        self.asked.append(asked)
        if asked.path != self.PATHS[self._wire]:
            return 404, b'{"error": {"message": "no such route"}}'
        reply = self._replies.pop(0)
        if isinstance(reply, Refusal):
            return reply.status, json.dumps({"error": {"message": reply.message}}).encode()
        if isinstance(reply, int):
            return reply, json.dumps({"error": {"message": f"this is a {reply}"}}).encode()
        events = _chat(reply) if self._wire == "chat" else _messages(reply)
        return 200, "".join(events).encode()


def _chat(reply: str | tuple[str, Body]) -> list[str]:
    if isinstance(reply, str):
        delta: Body = {"role": "assistant", "content": reply}
        finish = "stop"
    else:
        name, arguments = reply
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        delta, finish = {"role": "assistant", "tool_calls": [call]}, "tool_calls"
    usage = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
    chunks: list[Body] = [
        {"id": "x", "choices": [{"index": 0, "delta": delta}]},
        {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {"id": "x", "choices": [], "usage": usage},
    ]
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]


def _messages(reply: str | tuple[str, Body]) -> list[str]:
    if isinstance(reply, str):
        block: Body = {"type": "text", "text": ""}
        delta: Body = {"type": "text_delta", "text": reply}
        stop = "end_turn"
    else:
        name, arguments = reply
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        stop = "tool_use"
    usage = {"input_tokens": 20, "output_tokens": 1}
    events: list[Body] = [
        {
            "type": "message_start",
            "message": {"id": "m", "role": "assistant", "content": [], "usage": usage},
        },
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, json.loads(self.rfile.read(size)))
            status, body = provider.answer(asked)
            self.send_response(status)
            kind = "text/event-stream" if status == 200 else "application/json"
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if status == 429:
                self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
