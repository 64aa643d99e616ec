"""Logging for people who debug kodo: to stderr, with secrets blacked out in one place."""

import logging
import sys

from kodo.base.redaction import redact_shapes

redact = redact_shapes


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
