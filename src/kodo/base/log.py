"""Logging for people who debug kodo: to stderr, with secrets blacked out in one place."""

import logging
import re
import sys

_SECRET = re.compile(
    r"(?i)(bearer\s+|api[_-]?key[\"'=:\s]+|x-api-key[\"'=:\s]+|\bsk-|\bghp_|\bAKIA)([A-Za-z0-9_\-./+]{8,})"
)


def redact(text: str) -> str:
    """Replace what looks like a key or token by `***`, keeping the word before it."""
    return _SECRET.sub(lambda match: f"{match[1]}***", text)


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure_logging(verbosity: int) -> None:
    """Send kodo's log to stderr: warnings at 0, info at 1, debug at 2 and above."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(max(verbosity, 0), 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("kodo")
    root.handlers[:] = [handler]
    root.setLevel(level)
