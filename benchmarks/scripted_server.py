"""A Responses API server that plays a script at zero latency, for any client that speaks SSE.

The reply is chosen by how many calls the request already holds results for, and by the tools the
client offers, so that kodo and codex do the same work through their own tools.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATCH = "*** Begin Patch\n*** Update File: hello.txt\n@@\n-hello\n+hello, world\n*** End Patch\n"


class Script:
    """What the server answers: `turns` shell calls of `output_bytes` each, a patch, a message."""

    def __init__(self, turns: int = 1, output_bytes: int = 64, *, patch: bool = True) -> None:
        self.turns = turns
        self.command = f"head -c {output_bytes} /dev/zero | tr '\\0' x"
        self.patch = patch
        self.requests = 0
        self.first_at_s: float | None = None

    def reply(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the output items for a request."""
        self.requests += 1
        if self.first_at_s is None:
            self.first_at_s = time.monotonic()
        items: list[dict[str, Any]] = request.get("input", [])
        done = sum(str(item.get("type", "")).endswith("_call_output") for item in items)
        names = {tool.get("name") for tool in request.get("tools", [])}
        call = {"call_id": f"call_{done}", "id": f"fc_{done}"}
        if done < self.turns:
            command = f"{self.command}; echo {done}"
            if "exec_command" in names:
                arguments = {"cmd": command}
                return [_function(call, "exec_command", arguments)]
            return [_function(call, "shell", {"command": command})]
        if done == self.turns and self.patch:
            custom = any(
                tool.get("name") == "apply_patch" and tool.get("type") == "custom"
                for tool in request.get("tools", [])
            )
            if custom:
                return [{"type": "custom_tool_call", **call, "name": "apply_patch", "input": PATCH}]
            return [_function(call, "apply_patch", {"patch": PATCH})]
        text: dict[str, Any] = {"type": "output_text", "text": "done", "annotations": []}
        return [{"type": "message", "id": "msg_0", "role": "assistant", "content": [text]}]


def _function(call: dict[str, str], name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function_call", **call, "name": name, "arguments": json.dumps(arguments)}


class ScriptedServer:
    """Serves a script on a free loopback port while the `with` block runs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "ScriptedServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            items = script.reply(json.loads(body))
            usage = {
                "input_tokens": len(body) // 4,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": len(body) // 4 + 20,
            }
            response = {"id": "resp_0", "status": "completed", "output": items, "usage": usage}
            events: list[dict[str, Any]] = [
                {"type": "response.created", "response": {"id": "resp_0"}}
            ]
            for index, item in enumerate(items):
                events.append(
                    {"type": "response.output_item.added", "output_index": index, "item": item}
                )
                events.append(
                    {"type": "response.output_item.done", "output_index": index, "item": item}
                )
            events.append({"type": "response.completed", "response": response})
            payload = "".join(
                f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
