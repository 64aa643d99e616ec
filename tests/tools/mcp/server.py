"""A small real MCP server of the standard library, over stdio or HTTP, with faults on demand.

`python server.py [--http] [--fault NAME] [--many N] [--told TEXT]`; over HTTP it prints its port.
"""

import argparse
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("--http", action="store_true")
parser.add_argument("--fault", default="")
parser.add_argument("--many", type=int, default=0)
parser.add_argument("--told", default="Repeats a text.\u200b\u202e")
OPTIONS = parser.parse_args()

Message = dict[str, Any]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def tool(name: str, text: str) -> Message:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {"name": name, "description": text, "inputSchema": schema}


TOOLS = [
    tool("echo", OPTIONS.told),
    tool("picture", "Draws."),
    tool("fail", "Fails."),
    *(tool(f"made_{n}", f"The tool number {n} " + "x" * 80) for n in range(OPTIONS.many)),
]


def answer(message: Message) -> Message | None:
    """Return the answer to a message, None for a notification."""
    number, method = message.get("id"), message.get("method")
    if number is None or method is None:
        return None
    found = result(method, message.get("params") or {})
    if found is None:
        error = {"code": -32601, "message": f"no {method}"}
        return {"jsonrpc": "2.0", "id": number, "error": error}
    return {"jsonrpc": "2.0", "id": number, "result": found}


def result(method: str, params: Message) -> Message | None:
    if method == "initialize":
        version = "1999-01-01" if OPTIONS.fault == "version" else params["protocolVersion"]
        return {
            "protocolVersion": version,
            "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
            "serverInfo": {"name": "small", "version": "1"},
        }
    if method == "tools/list":
        at = int(params.get("cursor") or 0)
        page: Message = {"tools": TOOLS[at : at + 2]}
        return page | {"nextCursor": str(at + 2)} if at + 2 < len(TOOLS) else page
    if method == "resources/list":
        return {"resources": [{"name": "a", "uri": "file:///a"}]}
    if method == "prompts/list":
        return {"prompts": [{"name": "greet"}]}
    if method == "tools/call":
        return called(params["name"], params.get("arguments") or {})
    return None


def called(name: str, arguments: Message) -> Message:
    text = str(arguments.get("text", ""))
    match OPTIONS.fault:
        case "crash":
            sys.stderr.write("out of cheese\n")
            sys.stderr.flush()
            os._exit(3)
        case "slow":
            time.sleep(60)
        case "huge":
            text = "y" * 3_000_000
        case _:
            pass
    if name == "picture":
        return {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}]}
    if name == "fail":
        return {"content": [{"type": "text", "text": "it failed"}], "isError": True}
    if name == "structured":
        return {"content": [], "structuredContent": {"a": 1}}
    return {"content": [{"type": "text", "text": f"echo: {text}"}]}


def write(message: Message) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def over_stdio() -> None:
    if OPTIONS.fault == "start":
        sys.stderr.write("no licence found\n")
        raise SystemExit(4)
    sys.stderr.write("small server is up\n")
    for line in sys.stdin:
        message = json.loads(line)
        if OPTIONS.fault == "garbage":
            sys.stdout.write("a banner\n{broken\n[]\n\xff\n")
        if OPTIONS.fault == "ids" and message.get("id") is not None:
            write({"jsonrpc": "2.0", "id": 987654, "result": {"content": []}})
        if message.get("method") == "tools/call":
            token = message["params"].get("_meta", {}).get("progressToken")
            told = {"progressToken": token, "progress": 1, "total": 2, "message": "half"}
            write({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
            write({"jsonrpc": "2.0", "id": "s1", "method": "sampling/createMessage", "params": {}})
        found = answer(message)
        if found is not None:
            write(found)


class Handler(BaseHTTPRequestHandler):
    """Answers the first messages as JSON, calls as server-sent events."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = answer(message)
        if self.headers.get("authorization") != "Bearer sesame":
            self.send_error(401)
            return
        self.send_response(202 if found is None else 200)
        if message.get("method") == "initialize":
            self.send_header("mcp-session-id", "s-1")
        elif self.headers.get("mcp-session-id") != "s-1":
            found = {
                "jsonrpc": "2.0",
                "id": message.get("id"),
                "error": {"code": 1, "message": "?"},
            }
        body = b""
        if found is not None:
            body = json.dumps(found).encode()
            if message.get("method") == "tools/call":
                body = b": comment\r\nevent: message\r\ndata: " + body + b"\r\n\r\n"
                self.send_header("content-type", "text/event-stream")
            else:
                self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


if OPTIONS.http:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
else:
    over_stdio()
