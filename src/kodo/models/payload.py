"""JSON as it goes over a vendor's wire: repaired where vendors send what is not valid.

Does not know any vendor's shapes. Guards the house against lone surrogates and broken UTF-8.
"""

import json
from typing import TypeVar

import msgspec

from kodo.base.errors import ModelError

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Return compact JSON. The texts in `value` must be valid Unicode (handoff.py sees to it)."""
    return _ENCODER.encode(value)


def decode(data: bytes, kind: type[T], what: str) -> T:
    """Return the `kind` in `data`; texts may hold lone surrogates, to be repaired when joined.

    Raises ModelError (retryable) naming `what`, where the data is no JSON or of another shape.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except ValueError:
        # msgspec refuses lone surrogates and broken UTF-8 that models do produce; the lenient
        # reader of the standard library takes them.
        try:
            loose: object = json.loads(data.decode("utf-8", "replace"), strict=False)
            return msgspec.convert(loose, type=kind)
        except (ValueError, RecursionError) as error:
            shown = data[:200].decode("utf-8", "replace")
            raise ModelError(
                f"{what} is not what the protocol promises: {error}; it begins {shown!r}",
                retryable=True,
            ) from error


def object_or_none(text: str) -> dict[str, object] | None:
    """Return the JSON object in `text`, or None where it holds none."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except ValueError:
        return None
