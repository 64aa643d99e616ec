"""What reports and `kodo scan explain` know of a rule."""

from collections.abc import Iterable, Mapping

import msgspec

from kodo.scan.findings import Severity
from kodo.scan.report.summary import Found
from kodo.scan.secrets.finder import FIX, RULES


class RuleInfo(msgspec.Struct, frozen=True):
    """A rule in words. `bad` and `good` are examples that the rule is tested on."""

    id: str
    kind: str
    cwe: int
    severity: Severity
    message: str
    fix: str = ""
    languages: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()


def secret_rules() -> dict[str, RuleInfo]:
    """Return the rules of the secret detectors by id."""
    return {
        rule: RuleInfo(
            id=rule,
            kind="secret",
            cwe=321 if rule == "secret.private-key" else 798,
            severity="warning" if rule in ("secret.password", "secret.key") else "error",
            message=f"A file holds {title}: whoever reads the code can use it.",
            fix=FIX,
        )
        for rule, title in RULES.items()
    }


def rules_of(findings: Iterable[Found], known: Mapping[str, RuleInfo]) -> list[RuleInfo]:
    """Return the rules that findings name, in order of id; unknown ones as the finding tells."""
    used: dict[str, RuleInfo] = {}
    for found in findings:
        if found.rule not in used:
            used[found.rule] = known.get(found.rule) or RuleInfo(
                found.rule, found.kind, found.cwe, found.severity, found.message, found.fix
            )
    return [used[name] for name in sorted(used)]
