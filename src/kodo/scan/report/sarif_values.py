"""The part of SARIF 2.1.0 that kodo writes, as values (OASIS, sections 3.14 to 3.58).

Knows no findings. Guards the spelling: the field names are those of the specification.
"""

import msgspec

VERSION = "2.1.0"
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


class _Sarif(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The base: camel case, and nothing written that has its default."""


class Message(_Sarif, frozen=True):
    """3.11: text for people."""

    text: str


class MultiformatMessage(_Sarif, frozen=True):
    """3.12: the same as Markdown."""

    text: str
    markdown: str = ""


class ArtifactLocation(_Sarif, frozen=True):
    """3.4: a file, relative to a base that the viewer knows."""

    uri: str
    uri_base_id: str = ""


class Region(_Sarif, frozen=True):
    """3.30: 1-based; `end_column` is that of the character behind the last."""

    start_line: int
    start_column: int = 0
    end_line: int = 0
    end_column: int = 0


class PhysicalLocation(_Sarif, frozen=True):
    """3.29: a place in a file."""

    artifact_location: ArtifactLocation
    region: Region


class LogicalLocation(_Sarif, frozen=True):
    """3.33: the function around it."""

    fully_qualified_name: str
    kind: str = "function"


class Location(_Sarif, frozen=True):
    """3.28: a place, and what to say of it."""

    physical_location: PhysicalLocation
    logical_locations: tuple[LogicalLocation, ...] = ()
    message: Message | None = None


class ThreadFlowLocation(_Sarif, frozen=True):
    """3.38: one stop of a flow."""

    location: Location


class ThreadFlow(_Sarif, frozen=True):
    """3.37: the stops in order."""

    locations: tuple[ThreadFlowLocation, ...]


class CodeFlow(_Sarif, frozen=True):
    """3.36: how data came from source to sink."""

    thread_flows: tuple[ThreadFlow, ...]


class Suppression(_Sarif, frozen=True):
    """3.35: who silenced a result, and why."""

    kind: str
    justification: str = ""


class ComponentReference(_Sarif, frozen=True):
    """3.54: which taxonomy is meant."""

    name: str
    index: int | None = None


class DescriptorReference(_Sarif, frozen=True):
    """3.52: a class of a taxonomy."""

    id: str
    tool_component: ComponentReference


class ResultProperties(_Sarif, frozen=True):
    """Our own additions to a result."""

    confidence: str
    id: str


class Result(_Sarif, frozen=True):
    """3.27: one finding."""

    rule_id: str
    rule_index: int
    level: str
    message: Message
    locations: tuple[Location, ...]
    partial_fingerprints: dict[str, str]
    properties: ResultProperties
    code_flows: tuple[CodeFlow, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    taxa: tuple[DescriptorReference, ...] = ()


class Configuration(_Sarif, frozen=True):
    """3.50: how serious a rule is by default. Written even where it is the schema's default."""

    level: str


class RuleProperties(msgspec.Struct, frozen=True):
    """What GitHub reads: tags, precision, and a score as text (names as they are written)."""

    tags: tuple[str, ...]
    precision: str
    security_severity: str = msgspec.field(name="security-severity")


class Relationship(_Sarif, frozen=True):
    """3.53: a rule finds a weakness of this class."""

    target: DescriptorReference
    kinds: tuple[str, ...] = ("relevant",)


class ReportingDescriptor(_Sarif, frozen=True):
    """3.49: a rule."""

    id: str
    short_description: Message
    full_description: Message
    help: MultiformatMessage
    default_configuration: Configuration
    properties: RuleProperties
    relationships: tuple[Relationship, ...] = ()


class Driver(_Sarif, frozen=True):
    """3.19: the tool."""

    name: str
    version: str
    rules: tuple[ReportingDescriptor, ...]
    supported_taxonomies: tuple[ComponentReference, ...]


class Tool(_Sarif, frozen=True):
    """3.18."""

    driver: Driver


class Taxon(_Sarif, frozen=True):
    """A weakness class by its number."""

    id: str


class Taxonomy(_Sarif, frozen=True):
    """3.19.3: the list of classes that results name."""

    name: str
    organization: str
    short_description: Message
    taxa: tuple[Taxon, ...]


class Notification(_Sarif, frozen=True):
    """3.58: something about the scan itself."""

    level: str
    message: Message
    locations: tuple[Location, ...] = ()


class Invocation(_Sarif, frozen=True):
    """3.20: how the scan went."""

    execution_successful: bool
    tool_execution_notifications: tuple[Notification, ...] = ()


class Run(_Sarif, frozen=True):
    """3.14."""

    tool: Tool
    results: tuple[Result, ...]
    invocations: tuple[Invocation, ...]
    taxonomies: tuple[Taxonomy, ...]
    column_kind: str
    original_uri_base_ids: dict[str, dict[str, Message]]


class SarifLog(msgspec.Struct, frozen=True):
    """3.13: the file."""

    version: str
    runs: tuple[Run, ...]
    schema: str = msgspec.field(name="$schema", default=SCHEMA)
