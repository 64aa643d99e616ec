"""SecurityEval: 121 Python files that are all vulnerable; recall only, by any finding and by CWE.

Run: python -m benchmarks.scan.securityeval FOLDER (a checkout with dataset.jsonl)
"""

import argparse
import re
import tempfile
from pathlib import Path

import msgspec

from benchmarks.scan.cweval import family_of
from benchmarks.scan.scores import Case, flagged
from benchmarks.scan.tools import named_tools


class _Item(msgspec.Struct):
    id: str = msgspec.field(name="ID")
    code: str = msgspec.field(name="Insecure_code")


def main() -> int:
    """Print how many of the files each tool flags at all, and for the right reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", action="store_true", help="name the files that are missed")
    arguments = parser.parse_args()
    lines = (arguments.folder / "dataset.jsonl").read_bytes().splitlines()
    items = [msgspec.json.decode(line, type=_Item) for line in lines if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cases: list[Case] = []
        for item in items:
            (root / item.id).write_text(item.code, "utf-8")
            number = re.match(r"CWE-(\d+)", item.id)
            category = family_of(int(number[1])) if number else "sqli"
            cases.append(Case(item.id, item.id, category, vulnerable=True))
        paths = [case.path for case in cases]
        for name, scan in named_tools("semgrep", "bandit").items():
            outcome = scan(root, paths)
            by_path = {path: [hit for hit in outcome.hits if hit.path == path] for path in paths}
            right = sum(flagged(case, by_path[case.path]) for case in cases)
            found = sum(bool(hits) for hits in by_path.values())
            print(
                f"{name}: {found} of {len(cases)} files have a finding, {right} one of their own "
                f"CWE; {outcome.cpu_s:.2f} CPU s"
            )
            if arguments.wrong and name == "kodo":
                missed = [case.name for case in cases if not by_path[case.path]]
                print("  nothing found in: " + ", ".join(missed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
