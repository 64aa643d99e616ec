"""Engines for tests of what stands around the engine: the real one."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kodo.scan.engine import Engine
from kodo.scan.findings import FileReport
from kodo.scan.rules.decode import read_rules
from kodo.scan.rules.store import SHIPPED

SHIPPED_RULES = read_rules(SHIPPED)

BAD = """\
import sqlite3
from flask import request


def view():
    name = request.args.get("name")
    cursor = sqlite3.connect("a.db").cursor()
    cursor.execute("SELECT * FROM t WHERE name = '" + name + "'")
    return "done"
"""
GOOD = BAD.replace('"SELECT * FROM t WHERE name = \'" + name + "\'"', '"SELECT 1 WHERE ?", (name,)')


def make_engine(read: Callable[[str], bytes | None]) -> Engine:
    """Return the engine with the rules that come with kodo."""
    return Engine(SHIPPED_RULES, read=read)


class BombEngine:
    """An engine that ends its process at a file called bomb, as a broken grammar would."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._engine = make_engine(read)

    def scan_file(
        self,
        path: str,
        source: bytes,
        *,
        deadline: float | None = None,
        only: Sequence[tuple[int, int]] | None = None,
    ) -> FileReport:
        """Scan, or die."""
        if "bomb" in Path(path).name:
            os._exit(11)
        return self._engine.scan_file(path, source, deadline=deadline, only=only)
