"""All secrets of one file, as findings that never repeat the secret.

Covered: the formats of formats.py, PEM private keys, passwords in addresses, and values with a
telling name. Not covered: secrets split over strings, encrypted files, binary files. Guards that
neither message nor fingerprint gives a secret away.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from kodo.base.hashing import sha256_hex
from kodo.scan.findings import Confidence, Severity, Weakness
from kodo.scan.secrets.checksums import is_der
from kodo.scan.secrets.context import Suspect, find_assigned, find_connections
from kodo.scan.secrets.formats import FORMATS, Format
from kodo.scan.secrets.placeholders import bits_a_character, is_example_path, is_placeholder

VERSION = 2
"""Raise it when the detectors change: caches are keyed by it."""

FIX = (
    "Take it out of the file and read it from the environment or a secret store; what has been "
    "committed is known: revoke it and issue a new one."
)
_PEM = (
    rb"-----BEGIN (?P<kind>(?:[A-Z0-9]+ )*)PRIVATE KEY(?: BLOCK)?-----"
    rb"(?P<body>[A-Za-z0-9+/=\s\\\"',:\-]{40,20000}?)-----END"
)
_JOINT = rb"""(?:\\n)?["']\s*[+.,]?\s*["']"""
_ENCRYPTED = (b"ENCRYPTED", b"Proc-Type")
_CONTEXT_TITLES = {
    "password": ("a password", 798),
    "key": ("a key or token", 798),
    "connection": ("a password in a connection string", 798),
}
RULES: dict[str, str] = {
    **{f"secret.{known.name}": known.title for known in FORMATS},
    **{f"secret.{name}": title for name, (title, _) in _CONTEXT_TITLES.items()},
    "secret.private-key": "a private key",
}
"""Rule id → what it finds, in words."""


def find_secrets(path: str, source: bytes) -> list[Weakness]:
    """Return the secrets of a file by line. `source` is UTF-8 or close to it.

    In tests, examples and prose only what proves itself by a checksum is reported, as a warning.
    """
    example = is_example_path(path)
    lines = _Lines(source)
    found: list[Weakness] = []
    taken: list[tuple[int, int]] = []
    for known, start, end in _formatted(source):
        if example and not known.checked:
            continue
        severity: Severity = "warning" if example else "error"
        taken.append((start, end))
        digest = sha256_hex(source[start:end])[:12]
        found.append(
            lines.weakness(
                path, f"secret.{known.name}", known.title, start, end, digest, severity, "high"
            )
        )
    if not example:
        for start, end in _private_keys(source):
            taken.append((start, end))
            digest = sha256_hex(source[start:end])[:12]
            found.append(
                lines.weakness(
                    path, "secret.private-key", "a private key", start, end, digest, "error", "high"
                )
            )
        for suspect in _suspects(path, source):
            if any(a < suspect.end and suspect.start < b for a, b in taken):
                continue
            taken.append((suspect.start, suspect.end))
            title, _ = _CONTEXT_TITLES[suspect.rule]
            severity = "error" if suspect.rule == "connection" else "warning"
            confidence: Confidence = "medium" if suspect.sure else "low"
            found.append(
                lines.weakness(
                    path,
                    f"secret.{suspect.rule}",
                    f"{title} ({suspect.name})",
                    suspect.start,
                    suspect.end,
                    suspect.name,
                    severity,
                    confidence,
                )
            )
    return sorted(found, key=lambda item: (item.line, item.column, item.rule))


def _formatted(source: bytes) -> Iterator[tuple[Format, int, int]]:
    for known in FORMATS:
        if not any(mark in source for mark in known.marks):
            continue
        for match in re.finditer(known.shape, source):
            token = match[0]
            if is_placeholder(token) and not (known.checked and known.proof):
                continue
            if bits_a_character(token) < known.minimum_bits:
                continue
            if known.proof is None or known.proof(token):
                yield known, match.start(), match.end()


def _private_keys(source: bytes) -> Iterator[tuple[int, int]]:
    if b"PRIVATE KEY" not in source:
        return
    for match in re.finditer(_PEM, source):
        body = match["body"]
        if any(word in match["kind"] or word in body for word in _ENCRYPTED):
            continue
        # In source code the lines are string literals, joined by plus signs or commas.
        joined = re.sub(_JOINT, b"", body)
        bare = re.sub(rb"\\n|\\r|[\"',\s\\]", b"", joined)
        if b"PGP" in match["kind"] or is_der(bare):
            yield match.start(), match.end()


def _suspects(path: str, source: bytes) -> Iterator[Suspect]:
    yield from find_connections(source)
    yield from find_assigned(path, source)


class _Lines:
    """Places of byte offsets, made when the first secret is found: most files have none."""

    __slots__ = ("_source", "_starts")

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._starts: list[int] = []

    def place(self, offset: int) -> tuple[int, int]:
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer(rb"\n", self._source))]
        line = bisect_right(self._starts, offset)
        before = self._source[self._starts[line - 1] : offset]
        return line, len(before.decode("utf-8", "replace")) + 1

    def weakness(
        self,
        path: str,
        rule: str,
        title: str,
        start: int,
        end: int,
        sink: str,
        severity: Severity,
        confidence: Confidence,
    ) -> Weakness:
        line, column = self.place(start)
        end_line, end_column = self.place(max(start, end - 1))
        return Weakness(
            rule=rule,
            cwe=321 if rule == "secret.private-key" else 798,
            kind="secret",
            severity=severity,
            confidence=confidence,
            path=path,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            message=f"this file holds {title}",
            fix=FIX,
            sink=sink,
        )
