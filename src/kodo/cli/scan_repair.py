"""`kodo scan --fix`: the scan, with the agent behind it that repairs what is found.

A module of its own because the agent is heavy to load. Guards that both scans are one command: it
declares nothing of its own.
"""

import argparse

from kodo.cli.scan import EXAMPLES, MIXED_WORDS, add_arguments, run_scan
from kodo.cli.scan_fix import repair_all

__all__ = ["EXAMPLES", "MIXED_WORDS", "add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Scan, repair, report, and return the exit code. Raises ConfigError."""
    return run_scan(arguments, repair_all)
