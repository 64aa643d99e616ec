"""The head of a request to the gate: what is asked for, and the head that the host gets instead.

Pure: bytes in, bytes out. Guards that the host named in the request line is the host that is told,
that one connection carries one request, and that nothing meant for the gate goes on.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from kodo.sandboxes.network.rules import split_port

MAX_HEAD_BYTES = 64 << 10
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_FOR_THE_GATE = frozenset(
    {
        b"connection",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"upgrade",
    }
)


class BadRequest(Exception):
    """The request is none that a gate can serve; the text goes back to the program."""


class Request(msgspec.Struct, frozen=True):
    """What a program asks for. `path` is None for a tunnel (CONNECT)."""

    method: bytes
    host: str
    port: int
    path: bytes | None
    headers: tuple[tuple[bytes, bytes], ...]
    body_bytes: int

    def head(self, swaps: Mapping[bytes, bytes]) -> bytes:
        """Return the head for the host, with placeholders in header values swapped."""
        authority = f"[{self.host}]" if ":" in self.host else self.host
        if self.port != 80:
            authority += f":{self.port}"
        lines = [b"%s %s HTTP/1.1" % (self.method, self.path or b"/")]
        lines += [b"Host: " + authority.encode(), b"Connection: close"]
        lines += [name + b": " + _swapped(value, swaps) for name, value in self.headers]
        return b"\r\n".join([*lines, b"", b""])


def parse_request(head: bytes) -> Request:
    """Return the request of a head without its empty line. Raises BadRequest."""
    first, *rest = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise BadRequest("not a request of HTTP/1")
    method, target, _ = words
    if not _TOKEN.fullmatch(method):
        raise BadRequest("the method is broken")
    headers = tuple(_headers(rest))
    if method == b"CONNECT":
        host, port = split_port(_text(target))
        return Request(method, _host(host), _port(port or "443"), None, headers, 0)
    if target[:1] == b"/":
        raise BadRequest("this is a gate for programs that know of proxies, not a web server")
    url = urlsplit(_text(target))
    if url.scheme != "http" or not url.netloc:
        raise BadRequest(f"the gate serves http:// and CONNECT, not {_text(target)[:80]!r}")
    host, port = split_port(url.netloc.rpartition("@")[2])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    found = _host(host), _port(port or "80")
    return Request(method, *found, path.encode(), headers, _body_bytes(headers))


def _headers(lines: Iterable[bytes]) -> Iterable[tuple[bytes, bytes]]:
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or set(value) & {0, 10, 13}:
            raise BadRequest("a header line is broken")
        if name.lower() not in _FOR_THE_GATE:
            yield name, value.strip()


def _body_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    lengths: set[bytes] = set()
    for name, value in headers:
        if name.lower() == b"transfer-encoding":
            raise BadRequest("a body needs a Content-Length here")
        if name.lower() == b"content-length":
            lengths.add(value)
    if not lengths:
        return 0
    if len(lengths) > 1 or not (length := lengths.pop()).isdigit():
        raise BadRequest("Content-Length is broken")
    return int(length)


def _swapped(value: bytes, swaps: Mapping[bytes, bytes]) -> bytes:
    for token, secret in swaps.items():
        value = value.replace(token, secret)
    return value


def _text(data: bytes) -> str:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadRequest("the address is not ASCII") from error
    if not text.isprintable():
        raise BadRequest("the address has control characters")
    return text


def _host(host: str) -> str:
    name = host.lower().removesuffix(".")
    if not name or len(name) > 253 or set(name) & set("/@\\ %?#"):
        raise BadRequest(f"{host!r} is not a host")
    return name


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadRequest(f"{text!r} is not a port")
    return int(text)
