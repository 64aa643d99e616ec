"""The way out through a proxy that the host itself must use: a tunnel to each allowed host.

Guards that the proxy's answer is read whole before anything of the command passes.
"""

import base64
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.stapled import StapledByteStream

FindUpstream = Callable[[str, int], str | None]
"""Names the proxy to ask for a host and port; None means that the host is asked itself."""


def no_upstream(host: str, port: int) -> None:
    """Name no proxy."""


async def dial_through(proxy: str, host: str, port: int) -> anyio.abc.ByteStream:
    """Return a tunnel to `host` through the proxy at a http URL. Raises OSError."""
    url = urlsplit(proxy)
    if url.scheme != "http" or not url.hostname:
        raise OSError(f"the proxy of this host is not http://HOST:PORT but {url.scheme}://…")
    stream = await anyio.connect_tcp(url.hostname, url.port or 80)
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
    if url.username is not None:
        words = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(words.encode()).decode()}")
    try:
        await stream.send("\r\n".join([*lines, "", ""]).encode())
        buffered = BufferedByteReceiveStream(stream)
        answer = await buffered.receive_until(b"\r\n\r\n", 65536)
    except (anyio.BrokenResourceError, anyio.IncompleteRead, anyio.DelimiterNotFound) as error:
        await stream.aclose()
        raise OSError("the proxy of this host hung up") from error
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        await stream.aclose()
        raise OSError(f"the proxy of this host answered {answer[:60].decode('ascii', 'replace')!r}")
    return StapledByteStream(stream, buffered)
