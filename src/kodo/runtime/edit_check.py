"""The scan of edits as a run gets it: the scanner is loaded when there is code to scan.

Knows settings and the check's name, no rules. Guards the start of a run that edits no code.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from kodo.core.check import Change, Check, Verdict
from kodo.runtime.config import Settings
from kodo.runtime.registry import SCAN, load


class EditScan:
    """Implements `kodo.core.check.Check`; hands over to the scanner's check at the first code."""

    name = "scan"
    when: Literal["edit", "finish"] = "edit"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._check: Check | None = None

    async def run(self, changes: Sequence[Change]) -> Verdict:
        """Judge the changes. Raises ConfigError where a rule file of the user is wrong."""
        kind_of = load(SCAN, "kind_of")
        if all(kind_of(change.path) in (None, "manifest") for change in changes):
            return Verdict("pass")
        if self._check is None:
            self._check = self._load()
        return await self._check.run(changes)

    def _load(self) -> Check:
        scan = self._settings.config.scan
        make_engine = load(SCAN, "make_engine")
        folders = load(SCAN, "rule_folders")(self._settings)
        cache = load(SCAN, "rules_cache")(self._settings)
        check: Check = load(SCAN, "check")(
            partial(make_engine, cache, folders),
            self._settings.cwd,
            ceiling=scan.edit,
            deadline_s=scan.deadline_ms / 1000,
        )
        return check


def edit_checks(settings: Settings) -> tuple[Check, ...]:
    """Return the checks that edits pass through; none where the settings switch them off."""
    return () if settings.config.scan.edit == "off" else (EditScan(settings),)
