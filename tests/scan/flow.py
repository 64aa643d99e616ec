"""Short helpers for tests of data flow: Python in, rules and lines out."""

from kodo.scan.engine import Engine, no_files
from kodo.scan.findings import Weakness
from tests.scan.engines import SHIPPED_RULES

HEAD = "from flask import request\nimport os, sqlite3, hashlib, subprocess\n"


def weaknesses(source: str, files: dict[str, str] | None = None) -> tuple[Weakness, ...]:
    """Return what the shipped rules find in a file of a repository of these files."""
    texts = files or {}

    def read(path: str) -> bytes | None:
        text = texts.get(path)
        return text.encode() if text is not None else None

    engine = Engine(SHIPPED_RULES, read=read if files is not None else no_files)
    return engine.scan_file("app.py", source.encode()).weaknesses


def reaches_shell(body: str) -> bool:
    """Whether a request's data reaches `os.system` in the body of a function.

    `source` is the request's value; the body calls `os.system`.
    """
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    source = f"{HEAD}def view(other, flag):\n    source = request.args.get('x')\n{lines}"
    return any(one.rule == "python.command-injection" for one in weaknesses(source))
