"""The head of a request: where a URL leads, and the bytes that ask for it.

Knows no connection. Guards that nothing a URL or a header holds can become a header of its own, and
that no message repeats a header's value, which may be a key.
"""

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from kodo.models.http.network import CannotAsk

DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Origin(NamedTuple):
    """Whom to connect to. `host` is a name in ASCII or an address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port`, as CONNECT wants it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Proxy(NamedTuple):
    """Who stands between; `authorization` is empty where it asks for no password."""

    origin: Origin
    authorization: str


def origin_of(url: str) -> Origin:
    """Return whom a http or https URL names. Raises CannotAsk."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError as error:
        raise CannotAsk(f"{error}") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise CannotAsk("it does not begin with http:// or https://")
    if not host or not host.isprintable() or " " in host:
        raise CannotAsk("it names no host")
    return Origin(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def proxy_of(url: str) -> Proxy:
    """Return the proxy that a URL names, with its password. Raises CannotAsk."""
    origin = origin_of(url)
    parts = urlsplit(url)
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
    return Proxy(origin, authorization)


def request_head(method: str, url: str, headers: Mapping[str, str], proxy: Proxy | None) -> bytes:
    """Return the request line and headers. Through a `proxy` the whole URL is asked for.

    Raises CannotAsk.
    """
    origin = origin_of(url)
    parts = urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    usual = origin.port == DEFAULT_PORTS[origin.scheme]
    host = origin.authority.rpartition(":")[0] if usual else origin.authority
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    if proxy is not None and origin.scheme == "http":
        lines[0] = f"{method} http://{host}{target} HTTP/1.1"
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise CannotAsk("its path holds characters that are to be written as %XX")
    for name, value in headers.items():
        if not name or not _TOKEN.issuperset(name):
            raise CannotAsk(f"{name!r} is no name of a header")
        if any(character in value for character in "\r\n\0"):
            raise CannotAsk(f"the header {name!r} holds a line end")
        lines.append(f"{name.lower()}: {value}")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError as error:
        raise CannotAsk("a header holds characters beyond Latin-1") from error


def connect_head(origin: Origin, proxy: Proxy) -> bytes:
    """Return what asks a proxy for a tunnel to `origin`."""
    lines = [f"CONNECT {origin.authority} HTTP/1.1", f"host: {origin.authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
