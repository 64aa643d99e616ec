"""Images that clients send inline, kept by the hash of their bytes while somebody may need them.

In memory only, the least recently used dropped first. Fetches no URL: a server that did would let
any client reach what only the server can.
"""

import base64
import binascii
import re
from collections import OrderedDict

from kodo.base.errors import StoreError
from kodo.base.hashing import sha256_hex
from kodo.core.messages import Image
from kodo.server.problem import bad_request

MAX_KEPT_BYTES = 256 << 20
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,", re.IGNORECASE)


class Images:
    """The bytes of images by name."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def take(self, url: str, param: str) -> Image:
        """Keep the image of a data: URL. Raises RequestError where it is another kind of URL."""
        match = _DATA_URL.match(url)
        if match is None:
            raise bad_request(
                f"an image must be a data: URL in base64, not {url[:60]!r}: this server fetches"
                " nothing",
                param=param,
            )
        return self.add(match[1].lower(), url[match.end() :], param)

    def add(self, media_type: str, text: str, param: str) -> Image:
        """Keep an image given in base64. Raises RequestError where that is broken."""
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_request(f"the image is not valid base64: {error}", param=param) from error
        name = sha256_hex(data)
        if name not in self._kept:
            self._kept[name] = data
            self._bytes += len(data)
        self._kept.move_to_end(name)
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        return Image(media_type, name)

    async def read(self, name: str) -> bytes:
        """Return the bytes of an image. Raises StoreError where they have been dropped."""
        try:
            return self._kept[name]
        except KeyError:
            raise StoreError(f"image {name[:12]!r} is no longer kept: send it again") from None
