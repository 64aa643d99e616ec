"""Log-probabilities of tokens as OpenAI's two APIs have them."""

from collections.abc import Iterable

import msgspec

from kodo.core.messages import Score


class Token(msgspec.Struct, frozen=True):
    """A token in place of another."""

    token: str
    logprob: float
    octets: tuple[int, ...] = msgspec.field(name="bytes")


class TokenLogprob(Token, frozen=True):
    """A token that was said; `top_logprobs` are the likeliest in its place."""

    top_logprobs: tuple[Token, ...] = ()


def wire_scores(scores: Iterable[Score]) -> tuple[TokenLogprob, ...]:
    """Return scores as the APIs have them."""
    return tuple(
        TokenLogprob(
            score.text,
            score.logprob,
            _octets(score),
            tuple(Token(one.text, one.logprob, _octets(one)) for one in score.top),
        )
        for score in scores
    )


def _octets(score: Score) -> tuple[int, ...]:
    return score.octets or tuple(score.text.encode())
