"""How bytes lie in a row: as they are, or compressed where that makes them smaller.

Knows nothing of what the bytes are. Guards nothing: whoever unpacks also checks a hash.
"""

import zlib

from kodo.base.errors import StoreError

PLAIN = 0
ZLIB = 1

_SMALLEST_BYTES = 1024  # below this, compression saves less than a page and costs more than a write


def pack(data: bytes) -> tuple[int, bytes]:
    """Return how `data` was packed, and the bytes to keep."""
    if len(data) > _SMALLEST_BYTES:
        # Level 1: a third of the CPU of the default level for about a tenth more bytes.
        packed = zlib.compress(data, 1)
        if len(packed) < len(data) * 0.9:
            return ZLIB, packed
    return PLAIN, data


def unpack(packing: int, data: bytes) -> bytes:
    """Return the bytes that `pack` was given. Raises StoreError where they are damaged."""
    if packing == PLAIN:
        return data
    if packing != ZLIB:
        raise StoreError(f"packing {packing} is not known: the row is damaged")
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise StoreError(f"a compressed row is damaged ({error})") from error
