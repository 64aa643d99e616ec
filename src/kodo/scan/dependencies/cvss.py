"""The base score of a CVSS 3 vector, as its specification computes it; other versions give None."""

import math

_IMPACT = {"H": 0.56, "L": 0.22, "N": 0.0}
_VECTOR = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_COMPLEXITY = {"L": 0.77, "H": 0.44}
_RIGHTS = {"N": 0.85, "L": 0.62, "H": 0.27}
_RIGHTS_CHANGED = {"N": 0.85, "L": 0.68, "H": 0.5}
_PERSON = {"N": 0.85, "R": 0.62}


def base_score(vector: str) -> float | None:
    """Return 0.0 to 10.0 for a `CVSS:3.x/...` vector; None where it is none or not whole."""
    if not vector.startswith("CVSS:3"):
        return None
    metrics: dict[str, str] = {}
    for piece in vector.split("/")[1:]:
        name, _, value = piece.partition(":")
        metrics[name] = value
    try:
        changed = metrics["S"] == "C"
        rights = (_RIGHTS_CHANGED if changed else _RIGHTS)[metrics["PR"]]
        ease = 8.22 * _VECTOR[metrics["AV"]] * _COMPLEXITY[metrics["AC"]]
        ease *= rights * _PERSON[metrics["UI"]]
        left = math.prod(1 - _IMPACT[metrics[name]] for name in "CIA")
    except KeyError:
        return None
    loss = 1 - left
    impact = 7.52 * (loss - 0.029) - 3.25 * (loss - 0.02) ** 15 if changed else 6.42 * loss
    if impact <= 0:
        return 0.0
    total = min(1.08 * (impact + ease) if changed else impact + ease, 10.0)
    return _round_up(total)


def _round_up(value: float) -> float:
    """Round up to one decimal, as the specification's appendix does, free of float noise."""
    whole = round(value * 100_000)
    if whole % 10_000 == 0:
        return whole / 100_000
    return (whole // 10_000 + 1) / 10
