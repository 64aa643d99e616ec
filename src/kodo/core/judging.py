"""What several edit checks say together of changes: the worst decision, and all that they found.

Does not know who keeps the changes. Guards that every verdict is told, whoever asked for it.
"""

from collections.abc import Awaitable, Callable, Sequence

from kodo.core.check import DECISIONS, Change, Check, Decision, Finding
from kodo.core.events import CheckRun, FindingRaised

Tell = Callable[[CheckRun | FindingRaised], Awaitable[object]]


async def judge_edits(
    checks: Sequence[Check], changes: Sequence[Change], tell: Tell
) -> tuple[Decision, tuple[Finding, ...]]:
    """Run the checks of edits and return the worst decision with all findings; `tell` each."""
    worst: Decision = "pass"
    findings: list[Finding] = []
    for check in checks:
        if check.when != "edit":
            continue
        verdict = await check.run(changes)
        if DECISIONS.index(verdict.decision) > DECISIONS.index(worst):
            worst = verdict.decision
        findings += verdict.findings
        if verdict.decision != "pass":
            await tell(CheckRun(check.name, verdict.decision, verdict.evidence))
        for finding in verdict.findings:
            await tell(FindingRaised(check.name, finding))
    return worst, tuple(findings)
