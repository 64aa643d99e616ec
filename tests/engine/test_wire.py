"""llama.cpp's wire, from recorded chunks."""

import msgspec
import pytest

from kodo.base.errors import ContextOverflow, ModelError
from kodo.engine.request import Finished, Piece, Reading, Request, TokenScore
from kodo.engine.wire import Replies, encode

READ = (
    b'{"choices":[{"text":"","index":0,"finish_reason":null}],'
    b'"prompt_progress":{"total":681,"cache":0,"processed":64,"time_ms":9}}'
)
ONE = (
    b'{"choices":[{"text":" into","index":1,"finish_reason":null,'
    b'"logprobs":{"content":[{"id":1,"token":" into","logprob":-0.25}]}}],"id":"x"}'
)
END = (
    b'{"choices":[{"text":"","index":%d,"logprobs":null,"finish_reason":"%s"}],"timings":'
    b'{"cache_n":680,"prompt_n":1,"prompt_ms":10.0,"predicted_n":5,"predicted_ms":500.0}}'
)
TOO_LONG = (
    b'{"error":{"code":400,"message":"too long","type":"exceed_context_size_error",'
    b'"n_prompt_tokens":17676,"n_ctx":8192}}'
)


def test_chunks_become_events() -> None:
    replies = Replies(2, 4)
    assert replies.feed(READ) == [Reading(64, 681)]
    assert replies.feed(ONE) == [Piece(5, " into", (TokenScore(" into", -0.25),))]
    assert not replies.whole
    [first] = replies.feed(END % (1, b"length"))
    assert isinstance(first, Finished)
    assert (first.sample, first.text, first.stop) == (5, " into", "length")
    assert first.scores == (TokenScore(" into", -0.25),)
    assert first.mean_logprob == -0.25
    assert first.timings.prompt_tokens == 681
    assert first.timings.cached_tokens == 680
    assert (first.timings.prefill_per_s, first.timings.decode_per_s) == (100.0, 10.0)
    [second] = replies.feed(END % (0, b"stop"))
    assert isinstance(second, Finished)
    assert (second.sample, second.stop, second.mean_logprob) == (4, "end", None)
    assert replies.whole


def test_an_overflow_tells_both_sizes() -> None:
    with pytest.raises(ContextOverflow, match=r"17676 tokens .* 8192"):
        Replies(1, 0).feed(TOO_LONG)


@pytest.mark.parametrize("chunk", [b"", b"{", b'{"error":{"message":"no"}}', b'{"choices":1}'])
def test_anything_else_is_an_error(chunk: bytes) -> None:
    with pytest.raises(ModelError):
        Replies(1, 0).feed(chunk)


def test_a_round_has_its_own_seeds() -> None:
    body = msgspec.json.decode(encode(Request("a", 5, seed=7, samples=6), "root ::= x", 2, 4))
    assert (body["n"], body["seed"], body["grammar"], body["n_predict"]) == (2, 11, "root ::= x", 5)
    assert "seed" not in msgspec.json.decode(encode(Request("a", 5), None, 1, 0))
