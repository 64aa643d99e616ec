"""A summary as SARIF 2.1.0, with code flows, fingerprints, CWE taxa and what GitHub reads.

Guards that lines and columns mean what the specification says, that two findings alike have
different fingerprints, and that no path of this machine is told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from kodo.scan.findings import Confidence, Severity
from kodo.scan.report.rules import RuleInfo, rules_of
from kodo.scan.report.sarif_values import (
    VERSION,
    ArtifactLocation,
    CodeFlow,
    ComponentReference,
    Configuration,
    DescriptorReference,
    Driver,
    Invocation,
    Location,
    LogicalLocation,
    Message,
    MultiformatMessage,
    Notification,
    PhysicalLocation,
    Region,
    Relationship,
    ReportingDescriptor,
    Result,
    ResultProperties,
    RuleProperties,
    Run,
    SarifLog,
    Suppression,
    Taxon,
    Taxonomy,
    ThreadFlow,
    ThreadFlowLocation,
    Tool,
)
from kodo.scan.report.summary import Found, Summary

ROOT = "%SRCROOT%"
_SCORES: dict[Severity, str] = {"error": "8.0", "warning": "5.5", "note": "2.0"}
_PRECISION: dict[Confidence, str] = {"high": "high", "medium": "medium", "low": "low"}


def sarif_report(summary: Summary, known: Mapping[str, RuleInfo]) -> bytes:
    """Return the report as JSON, indented. `known` are the rules by id."""
    everything = [*summary.findings, *(item.finding for item in summary.suppressed)]
    rules = rules_of(everything, known)
    index = {rule.id: at for at, rule in enumerate(rules)}
    precision: dict[str, str] = {}
    for found in everything:
        precision.setdefault(found.rule, _PRECISION[found.confidence])
    seen: Counter[str] = Counter()
    results = [_result(found, index, seen) for found in summary.findings]
    results += [
        _result(item.finding, index, seen, Suppression("inSource", item.reason))
        for item in summary.suppressed
    ]
    driver = Driver(
        name="kodo",
        version=summary.kodo,
        rules=tuple(_descriptor(rule, precision[rule.id]) for rule in rules),
        supported_taxonomies=(ComponentReference("CWE", 0),),
    )
    run = Run(
        tool=Tool(driver),
        results=tuple(results),
        invocations=(_invocation(summary),),
        taxonomies=(_taxonomy(rules),),
        column_kind="unicodeCodePoints",
        original_uri_base_ids={ROOT: {"description": Message("The root of the scanned tree.")}},
    )
    data = msgspec.json.encode(SarifLog(VERSION, (run,)))
    return msgspec.json.format(data, indent=1) + b"\n"


def _result(
    found: Found, index: Mapping[str, int], seen: Counter[str], by: Suppression | None = None
) -> Result:
    seen[found.id] += 1
    name = f"{found.id}:{seen[found.id]}"
    place = _place(
        found.path, Region(found.line, found.column, found.end_line, found.end_column + 1)
    )
    logical = (LogicalLocation(found.function),) if found.function else ()
    flow = tuple(
        ThreadFlowLocation(
            Location(_place(step.path, Region(step.line, step.column)), message=Message(step.note))
        )
        for step in found.trace
    )
    return Result(
        rule_id=found.rule,
        rule_index=index[found.rule],
        level=found.severity,
        message=Message(f"{found.message}. {found.fix}".strip() if found.fix else found.message),
        locations=(Location(place, logical),),
        # GitHub matches alerts by the first name; the second is ours and says its version.
        partial_fingerprints={"primaryLocationLineHash": name, "kodo/v1": name},
        properties=ResultProperties(found.confidence, found.id),
        code_flows=(CodeFlow((ThreadFlow(flow),)),) if flow else (),
        suppressions=(by,) if by else (),
        taxa=(_class(found.cwe),),
    )


def _place(path: str, region: Region) -> PhysicalLocation:
    return PhysicalLocation(ArtifactLocation(quote(path), ROOT), region)


def _class(cwe: int) -> DescriptorReference:
    return DescriptorReference(str(cwe), ComponentReference("CWE", 0))


def _descriptor(rule: RuleInfo, precision: str) -> ReportingDescriptor:
    text = f"{rule.message}\n\n{rule.fix}".strip()
    examples = [
        f"**{word}**\n\n```\n{code.strip()}\n```"
        for word, codes in (("Vulnerable", rule.bad[:1]), ("Safe", rule.good[:1]))
        for code in codes
    ]
    return ReportingDescriptor(
        id=rule.id,
        short_description=Message(rule.message),
        full_description=Message(text),
        help=MultiformatMessage(text, "\n\n".join([text, *examples])),
        default_configuration=Configuration(rule.severity),
        properties=RuleProperties(
            tags=("security", f"external/cwe/cwe-{rule.cwe:03}", rule.kind),
            precision=precision,
            security_severity=_SCORES[rule.severity],
        ),
        relationships=(Relationship(_class(rule.cwe)),),
    )


def _taxonomy(rules: Sequence[RuleInfo]) -> Taxonomy:
    return Taxonomy(
        name="CWE",
        organization="MITRE",
        short_description=Message("Common Weakness Enumeration"),
        taxa=tuple(Taxon(str(cwe)) for cwe in sorted({rule.cwe for rule in rules})),
    )


def _invocation(summary: Summary) -> Invocation:
    notes = [
        Notification(
            "warning",
            Message(f"not seen whole: {item.reason}"),
            (Location(_place(item.path, Region(1))),),
        )
        for item in summary.partial
    ]
    notes += [
        Notification("note", Message(f"{count} file{'' if count == 1 else 's'} skipped: {reason}"))
        for reason, count in summary.skipped.items()
    ]
    # What was cut short is still a run that ended in order; its gaps are the notifications.
    return Invocation(execution_successful=True, tool_execution_notifications=tuple(notes))
