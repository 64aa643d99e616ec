"""What a template makes is byte for byte what encoding the event would give."""

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from kodo.server.responses import events
from kodo.server.responses.encoding import TextTemplate, json_event, kind_of, server_event


@pytest.mark.parametrize("stream_id", [UNSET, "lane", '"delta":"" "sequence_number":0'])
@pytest.mark.parametrize("text", ["", "plain", 'quotes " and \\', "line\nend\u2028 \x01 ä 🙂"])
def test_a_piece_is_what_its_event_would_be(stream_id: str | UnsetType, text: str) -> None:
    template = TextTemplate('msg_"1"', 3, stream_id)
    for number in (0, 7, 12_345):
        event = events.TextDelta(
            sequence_number=number,
            stream_id=stream_id,
            item_id='msg_"1"',
            output_index=3,
            delta=text,
        )
        piece = template.piece(number, text)
        assert json_event(piece) == msgspec.json.encode(event)
        assert kind_of(piece) == "response.output_text.delta"
        assert server_event(piece) == server_event(event)
