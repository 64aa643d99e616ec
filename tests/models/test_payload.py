"""JSON as vendors send it."""

import msgspec
import pytest

from kodo.base.errors import ModelError
from kodo.models import payload


class Row(msgspec.Struct):
    text: str | None = None


def test_surrogates_and_broken_bytes_are_read() -> None:
    assert payload.decode(b'{"text":"\\ud83d\\ude00"}', Row, "x").text == "😀"
    assert payload.decode(b'{"text":"a\\ud83d"}', Row, "x").text == "a\ud83d"
    assert payload.decode(b'{"text":"a\xff"}', Row, "x").text == "a\ufffd"


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"text":1}', b"", b"[" * 100_000])
def test_other_shapes_are_named(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^the row is not what the protocol promises") as caught:
        payload.decode(data, Row, "the row")
    assert caught.value.retryable
    assert len(str(caught.value)) < 1000


def test_only_objects_are_objects() -> None:
    assert payload.object_or_none('{"a":1}') == {"a": 1}
    assert payload.object_or_none("[1]") is None
    assert payload.object_or_none('{"a"') is None
