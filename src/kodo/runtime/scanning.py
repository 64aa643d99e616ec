"""The scanner as the commands use it: its engine, its rules in words, its cache.

Knows settings, no command. Guards that cached results are never those of other rules.
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from kodo import __version__
from kodo.runtime.config import Settings
from kodo.runtime.scan_engine import make_engine, rule_files, rule_folders, rules_cache
from kodo.scan.file_scan import MakeEngine
from kodo.scan.report.rules import RuleInfo, secret_rules
from kodo.scan.rules.store import SHIPPED, content_hash


class Scanning(NamedTuple):
    """What the commands need of the scanner. `rules_hash` changes when what it finds may."""

    make_engine: MakeEngine
    folders: tuple[Path, ...]
    rules_cache: Path
    results: Path

    def rules_hash(self) -> str:
        """Return a name for rules, engine and version together: caches are keyed by it."""
        digest = hashlib.blake2b(f"{__version__}\0{content_hash(self.folders)}".encode())
        for path in sorted(SHIPPED.parent.rglob("*.py")):
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()[:24]

    def rules(self) -> Mapping[str, RuleInfo]:
        """Return all rules by id. Raises ConfigError where a rule file is wrong."""
        known = secret_rules()
        for rule_file in rule_files(self.rules_cache, self.folders):
            for rule in rule_file.rules:
                known[rule.id] = RuleInfo(
                    id=rule.id,
                    kind=rule.kind,
                    cwe=rule.cwe,
                    severity=rule.severity,
                    message=rule.message,
                    fix=rule.fix,
                    languages=rule_file.languages,
                    bad=rule.tests.bad,
                    good=rule.tests.good,
                )
        return known


def open_scanning(settings: Settings) -> Scanning:
    """Return the scanner for these settings; nothing heavy is loaded yet.

    Raises ConfigError where the folder of one's own rules is not there.
    """
    folders = rule_folders(settings)
    cache = rules_cache(settings)
    results = settings.paths.store(settings.cwd).with_name("scan.msgpack")
    return Scanning(partial(make_engine, cache, folders), folders, cache, results)
