"""Server-sent events out of bytes."""

import pytest

from kodo.models.sse import EventParser, EventTooLarge, ServerEvent


def parse(*pieces: bytes) -> list[ServerEvent]:
    parser = EventParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_closes_a_line(end: bytes) -> None:
    assert parse(b"event: a" + end + b"data: 1" + end + end) == [ServerEvent("a", b"1")]


def test_several_data_lines_are_joined_by_line_feeds() -> None:
    assert parse(b"data: 1\ndata:2\ndata:  3\n\n") == [ServerEvent("", b"1\n2\n 3")]


def test_comments_blank_lines_and_unknown_fields_are_no_events() -> None:
    assert parse(b": hello\n\n\nid: 7\nretry: 5\nevent: x\n\ndata\n\n") == [ServerEvent("", b"")]


def test_a_mark_at_the_start_is_skipped() -> None:
    assert parse(b"\xef\xbb\xbf", b"data: 1\n\n") == [ServerEvent("", b"1")]


def test_cr_and_lf_in_two_pieces_are_one_line_end() -> None:
    assert parse(b"data: 1\r", b"\n\r", b"\ndata: 2\r\n\r\n") == [
        ServerEvent("", b"1"),
        ServerEvent("", b"2"),
    ]


def test_an_event_that_the_end_cut_off_is_given() -> None:
    assert parse(b"data: 1\n\ndata: 2") == [ServerEvent("", b"1"), ServerEvent("", b"2")]


def test_other_line_separators_belong_to_the_data() -> None:
    text = "a\u2028b\x0bc\x85d".encode()
    assert parse(b"data: " + text + b"\n\n") == [ServerEvent("", text)]


def test_an_endless_event_is_an_error() -> None:
    parser = EventParser(max_event_bytes=10)
    assert list(parser.feed(b"data: 123\n\ndata: 4\n\n"))
    with pytest.raises(EventTooLarge, match="10 bytes"):
        list(parser.feed(b"data: 1\ndata: 2"))
