"""Replay: real merged changes of a project through the edit check; how many would be blocked.

REPOSITORY is a git repository (bare ones too) with its history. Taken are merges of pull requests,
whole (against their first parent) or squashed ("(#123)"), or all commits with --all-commits. Run:
python -m benchmarks.scan.replay REPOSITORY... [--each 150] [--seed 1]
"""

import argparse
import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import anyio

from kodo.core.check import Change, Verdict
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.scanning import open_scanning
from kodo.scan.check import ScanCheck
from kodo.scan.walk.files import kind_of

MOST_FILES = 60
_REQUEST = re.compile(r"^Merge (?:pull request|PR) |^Auto merge of #|\(#\d+\)$")


def git(repository: Path, *words: str) -> bytes:
    """Return what git prints."""
    argv = ["git", f"--git-dir={repository}", *words]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def list_changes(repository: Path, newest: int, *, every: bool) -> list[str]:
    """Return commits of the main line that brought a pull request in, or simply all of them."""
    words = ["log", f"-n{newest}", "--format=%H %s", "--min-parents=1"]
    found = git(repository, *words, *([] if every else ["--first-parent"]), "HEAD")
    lines = [line.split(" ", 1) for line in found.decode("utf-8", "replace").splitlines()]
    return [words[0] for words in lines if every or _REQUEST.search(words[-1])]


def changes_of(repository: Path, commit: str) -> list[Change]:
    """Return the changed files of a commit against its first parent; none where it has none."""
    listed = git(repository, "diff-tree", "-r", "-z", "--no-renames", f"{commit}^1", commit)
    fields = listed.decode("utf-8", "replace").split("\0")
    changes: list[Change] = []
    for head, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, new_mode, old, new, _ = head.removeprefix(":").split(" ")
        if kind_of(path) is None or "160000" in (old_mode, new_mode):
            continue
        before = git(repository, "cat-file", "blob", old) if old.strip("0") else None
        after = git(repository, "cat-file", "blob", new) if new.strip("0") else None
        changes.append(Change(path, before, after))
    return changes


def main() -> int:
    """Print the share of blocked and asked changes for each repository and for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all-commits", action="store_true", help="not only pull requests")
    parser.add_argument("--newest", type=int, default=2000, help="take from so many commits")
    arguments = parser.parse_args()
    scanning = open_scanning(load_settings(read_environment(), Path.cwd()))
    total: Counter[str] = Counter()
    for repository in arguments.repositories:
        commits = list_changes(repository, arguments.newest, every=arguments.all_commits)
        chance = random.Random(arguments.seed)
        check = ScanCheck(scanning.make_engine, deadline_s=10)
        counts: Counter[str] = Counter()
        began = time.process_time()
        for commit in chance.sample(commits, min(arguments.each, len(commits))):
            changes = changes_of(repository, commit)
            if not changes or len(changes) > MOST_FILES:
                continue
            verdict: Verdict = anyio.run(check.run, changes)
            counts[verdict.decision] += 1
            counts["changes"] += 1
            if verdict.decision in ("block", "ask"):
                for one in verdict.findings:
                    if one.severity == "error":
                        print(
                            f"    {verdict.decision} {commit[:10]} {one.path}:{one.line} {one.rule}"
                        )
        each_ms = 1000 * (time.process_time() - began) / max(1, counts["changes"])
        print(f"{repository.parent.name:<28}{line(counts)}  {each_ms:.0f} CPU ms a change")
        total += counts
    print(f"{'all':<28}{line(total)}  (bar: 1 % blocked)")
    return 0


def line(counts: Counter[str]) -> str:
    """Return the shares as one line."""
    changes = max(1, counts["changes"])
    shares = "  ".join(
        f"{word} {counts[word]} ({counts[word] / changes:.1%})" for word in ("block", "ask", "note")
    )
    return f"{counts['changes']:>5} changes  {shares}"


if __name__ == "__main__":
    raise SystemExit(main())
