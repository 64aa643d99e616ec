"""`kodo scan`: vulnerabilities, secrets, vulnerable dependencies; in files, or new in a change.

Repairs are handed in (cli/scan_repair.py): a scan without `--fix` does not load the agent.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kodo import __version__
from kodo.base.clock import monotonic_s
from kodo.base.errors import ConfigError
from kodo.cli.exits import FAILED, OK, PARTIAL
from kodo.cli.host import processors
from kodo.cli.options import add_common, add_run, load
from kodo.cli.output import print_json
from kodo.cli.progress import Bar
from kodo.cli.render import is_terminal, wants_colour
from kodo.cli.scan_changes import changes_since, staged_changes
from kodo.cli.scan_explain import explain
from kodo.core.check import Change
from kodo.runtime.config import Settings
from kodo.runtime.scanning import Scanning, open_scanning
from kodo.scan.baseline import make_baseline, read_baseline, write_baseline
from kodo.scan.changes import scan_changes
from kodo.scan.dependencies.manifests.reader import read_packages
from kodo.scan.file_scan import FileScan, Scanned
from kodo.scan.findings import Weakness
from kodo.scan.report.rules import RuleInfo
from kodo.scan.report.sarif import sarif_report
from kodo.scan.report.summary import Found, Summary, summarise
from kodo.scan.report.text import Role, text_report
from kodo.scan.repository import RepositoryFiles
from kodo.scan.survey import Survey
from kodo.scan.walk.cache import ScanCache
from kodo.scan.walk.files import Candidate, list_files
from kodo.tui.ansi import Paint, Tone

RepairAll = Callable[[Settings, FileScan, Sequence[Found]], object]
"""Lets the agent repair findings: `scan_fix.repair_all`."""

MIXED_WORDS = True
EXAMPLES = """\
examples:
  kodo scan
  kodo scan src/app.py tests --fail-on warning
  kodo scan --diff origin/main --format sarif > kodo.sarif
  kodo scan --staged
  kodo scan --write-baseline .kodo-baseline.json
  kodo scan --baseline .kodo-baseline.json
  kodo scan explain python.sql-injection
  kodo scan src --fix

exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage, 5 nothing found but some
files were not seen whole. Silence a line with a comment: kodo: ignore RULE -- reason
"""

_TONES: dict[Role, Tone] = {
    "error": Tone.BAD,
    "warning": Tone.WARN,
    "note": Tone.NAME,
    "path": Tone.BOLD,
    "dim": Tone.DIM,
    "good": Tone.GOOD,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PATH",
        help="files or folders (default: all of this one), or: explain ID",
    )
    what = parser.add_argument_group("what counts")
    change = what.add_mutually_exclusive_group()
    change.add_argument("--diff", metavar="REV", help="only what is new since a git revision")
    change.add_argument("--staged", action="store_true", help="only what is new in the index")
    what.add_argument("--baseline", metavar="FILE", help="findings in FILE do not count")
    what.add_argument("--write-baseline", metavar="FILE", help="write what is found to FILE")
    what.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="leave files out"
    )
    what.add_argument("--osv", metavar="PATH", help="a zip or folder of OSV advisories")
    out = parser.add_argument_group("the report")
    out.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    out.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "none"),
        default="error",
        help="exit with 1 from this severity on (default: error)",
    )
    out.add_argument("--no-cache", action="store_true", help="scan every file anew")
    out.add_argument("--jobs", metavar="N", type=int, help="processes (default: one a core)")
    parser.add_argument(
        "--fix", action="store_true", help="let the agent repair what is found, one by one"
    )
    add_run(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Scan, report, and return the exit code. Raises ConfigError."""
    if arguments.fix:
        raise ConfigError("write --fix in full, after the command: kodo scan --fix")
    return run_scan(arguments, None)


def run_scan(arguments: argparse.Namespace, repair: RepairAll | None) -> int:
    """Scan, with `repair` let it mend what is found, report, and return the exit code.

    Raises ConfigError.
    """
    settings = load(arguments)
    words: list[str] = arguments.words
    scanning = open_scanning(settings)
    if words[:1] == ["explain"] and len(words) == 2:
        return _explain(settings, scanning, words[1])
    if arguments.fix and (arguments.diff or arguments.staged):
        raise ConfigError("--fix repairs files as they are on disk; leave --diff and --staged away")
    if arguments.jobs is not None and arguments.jobs < 1:
        raise ConfigError(f"--jobs is {arguments.jobs}; give 1 or more")
    root, places = _places(settings, words or ["."])
    scan = _Scan(settings, scanning, arguments, root, places)
    summary = scan.run()
    if arguments.write_baseline:
        return scan.keep_baseline(Path(arguments.write_baseline))
    if repair is not None:
        summary = _fix(arguments, scan, summary, repair)
    scan.report(summary)
    if summary.at_or_above(arguments.fail_on):
        return FAILED
    return PARTIAL if summary.partial else OK


class _Scan:
    """One invocation: what to scan, and how it is told."""

    def __init__(
        self,
        settings: Settings,
        scanning: Scanning,
        arguments: argparse.Namespace,
        root: Path,
        places: Sequence[str],
    ) -> None:
        self.settings = settings
        self.scanning = scanning
        self.arguments = arguments
        self.root = root
        self.places = places
        self.found: list[Weakness] = []

    def run(self) -> Summary:
        """Scan and return the summary."""
        arguments = self.arguments
        began = monotonic_s()
        baseline = read_baseline(Path(arguments.baseline)) if arguments.baseline else None
        osv = arguments.osv or self.settings.config.scan.osv
        new: Sequence[Weakness] | None = None
        if arguments.diff or arguments.staged:
            scan = self.file_scan()
            changed = scan_changes(scan, self._changes(), Path(osv) if osv else None)
            scanned, new = changed.after, changed.new
        else:
            scanned = self._survey(Path(osv) if osv else None)
        self.found = [one for item in scanned for one in item.report.weaknesses]
        return summarise(
            scanned,
            version=__version__,
            root=" ".join(self.places) or ".",
            seconds=monotonic_s() - began,
            new=new,
            baseline=baseline,
        )

    def file_scan(self) -> FileScan:
        """Return a scan of single files below the root."""
        return FileScan(self.scanning.make_engine, RepositoryFiles(self.root), read_packages)

    def _survey(self, osv: Path | None) -> list[Scanned]:
        cache = ScanCache(
            None if self.arguments.no_cache else self.scanning.results,
            self.scanning.rules_hash(),
        )
        files = self._files()
        terminal = is_terminal(sys.stderr)
        bar = Bar(sys.stderr, terminal=terminal)
        survey = Survey(
            self.root,
            self.scanning.make_engine,
            processes=self.arguments.jobs or processors(),
            cache=cache,
            osv=osv,
            progress=(lambda done, total: bar.show("scanning", done, total)) if terminal else None,
        )
        try:
            return survey.run(files, self.places)
        finally:
            bar.close()

    def _files(self) -> list[Candidate]:
        """Return the files at or below the places, each once."""
        found = {
            one.path: one
            for place in self.places
            for one in list_files(self.root, place, excluded=self.arguments.exclude)
        }
        return list(found.values())

    def _changes(self) -> list[Change]:
        variables = self.settings.environment.variables
        if self.arguments.staged:
            return staged_changes(self.root, variables, self.places)
        return changes_since(self.root, variables, self.arguments.diff, self._files(), self.places)

    def keep_baseline(self, path: Path) -> int:
        """Write what was found as the baseline; reasons in an earlier one stay."""
        before = read_baseline(path) if path.exists() else None
        write_baseline(path, make_baseline(self.found, before))
        sys.stderr.write(f"kodo: {len(self.found)} findings written to {str(path)!r}\n")
        return OK

    def report(self, summary: Summary) -> None:
        """Print the report on stdout."""
        if self.arguments.format == "json":
            print_json(summary)
        elif self.arguments.format == "sarif":
            sys.stdout.write(sarif_report(summary, self.scanning.rules()).decode())
        else:
            paint = Paint(colour=wants_colour(self.settings.environment, sys.stdout))
            sys.stdout.write(text_report(summary, lambda text, role: paint(_TONES[role], text)))


def _places(settings: Settings, paths: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the root that paths are told from, and the PATHs relative to it ("" for all).

    The root is the project's, so that ids do not depend on where one stands; of places outside, it
    is the folder that holds all of them.
    """
    named: list[Path] = []
    for path in paths:
        place = (settings.cwd / path).resolve()
        if not place.exists():
            raise ConfigError(f"there is no file or folder {path!r} to scan")
        named.append(place)
    root = settings.project
    if not all(place.is_relative_to(root) for place in named):
        folders = [place if place.is_dir() else place.parent for place in named]
        root = Path(os.path.commonpath(folders))
    below = [place.relative_to(root).as_posix() for place in named]
    return root, [""] if "." in below else below


def _explain(settings: Settings, scanning: Scanning, wanted: str) -> int:
    cache = ScanCache(scanning.results, scanning.rules_hash())
    rules: Mapping[str, RuleInfo] = scanning.rules()
    paint = Paint(colour=wants_colour(settings.environment, sys.stdout))
    print("\n".join(explain(wanted, rules, cache.all(), settings.project, paint)))
    return OK


def _fix(
    arguments: argparse.Namespace, scan: _Scan, summary: Summary, repair: RepairAll
) -> Summary:
    """Repair what reaches --fail-on (all findings for `none`), and scan again."""
    level = arguments.fail_on if arguments.fail_on != "none" else "note"
    wanted = summary.at_or_above(level)
    if not wanted:
        return summary
    arguments.cwd = str(scan.root)
    repair(load(arguments), scan.file_scan(), wanted)
    return scan.run()
