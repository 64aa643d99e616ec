"""Proofs: what a test shows of data, combined by `and`, `or` and `not`.

Does not know states. Guards logic: a fact is kept only where every way to the result shows it.
"""

from __future__ import annotations

from kodo.scan.interpreter.values import VARIES, Fact, Proof, Taint, Taints, Value, same_constant


def negated(proof: Proof | None) -> Proof | None:
    """Return what holds of the opposite test."""
    return Proof(proof.when_false, proof.when_true) if proof is not None else None


def both(values: list[Value]) -> Proof | None:
    """Return the proof of a conjunction."""
    proofs = [value.proof for value in values]
    if not any(proofs):
        return None
    when_true = tuple(fact for proof in proofs if proof is not None for fact in proof.when_true)
    return Proof(
        when_true, _common([proof.when_false if proof is not None else () for proof in proofs])
    )


def either(values: list[Value]) -> Proof | None:
    """Return the proof of a disjunction."""
    proofs = [value.proof for value in values]
    if not any(proofs):
        return None
    when_false = tuple(fact for proof in proofs if proof is not None for fact in proof.when_false)
    return Proof(
        _common([proof.when_true if proof is not None else () for proof in proofs]), when_false
    )


def _common(sides: list[tuple[Fact, ...]]) -> tuple[Fact, ...]:
    """The facts about the same data that every side has."""
    kept: list[Fact] = []
    for fact in sides[0]:
        if fact.taints is None:
            continue
        kinds = fact.kinds
        for side in sides[1:]:
            shown = 0
            for other in side:
                if other.taints is not None and other.taints.keys() == fact.taints.keys():
                    shown |= other.kinds
            kinds &= shown
        if kinds:
            kept.append(Fact(fact.taints, kinds))
    return tuple(kept)


def proven(taints: Taints, facts: tuple[Fact, ...]) -> Taints | None:
    """Return the data with what the facts show of it; the same object where they show nothing."""
    result: Taints = taints
    for fact in facts:
        if fact.taints is None:
            continue
        for label, tested in fact.taints.items():
            mine = result.get(label)
            if mine is None or mine.version != tested.version:
                continue
            if result is taints:
                result = dict(taints)
            if fact.kinds == -1:
                del result[label]
            else:
                result[label] = Taint(
                    mine.cleaned | fact.kinds, mine.version, mine.certain, mine.trace
                )
    return result or None


def equality(one: Value, other: Value, taints: Taints | None, variable: str) -> Proof | None:
    """Return what it shows that two values are equal, one of them a constant."""
    constant = one.constant if one.constant is not VARIES else other.constant
    if constant is VARIES:
        return None
    facts: list[Fact] = []
    if taints is not None:
        facts.append(Fact(taints, -1))
    if variable:
        facts.append(Fact(variable=variable, constant=constant))
    return Proof(when_true=tuple(facts)) if facts else None


def same_known(one: Value, other: Value) -> bool | None:
    """Whether two values are equal, None where that is not known."""
    if one.constant is VARIES or other.constant is VARIES:
        return None
    return same_constant(one.constant, other.constant)
