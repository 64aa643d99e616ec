"""Log-probabilities of tokens as OpenAI's two APIs send them. Knows shapes only."""

import msgspec

from kodo.core.messages import Score


class WireScore(msgspec.Struct, frozen=True):
    """A token on the wire; `top_logprobs` are others in its place."""

    token: str = ""
    logprob: float = 0.0
    octets: tuple[int, ...] | None = msgspec.field(default=None, name="bytes")
    top_logprobs: "tuple[WireScore, ...] | None" = None


def score_of(found: WireScore) -> Score:
    """Return a token of the wire as a score."""
    others = tuple(map(score_of, found.top_logprobs or ()))
    return Score(found.token, found.logprob, found.octets or (), others)
