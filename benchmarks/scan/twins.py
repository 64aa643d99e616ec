"""Vulnerable and safe twins in JavaScript/TypeScript, Ruby, Java and C, apart from the rules.

Their author had read neither the rules nor the interpreter; the first score is the only unseen one
(docs/log.md keeps it). Run: python -m benchmarks.scan.twins [--wrong 9]
"""

import argparse
import re
import tempfile
from pathlib import Path

from benchmarks.scan.cweval import family_of
from benchmarks.scan.scores import FAMILIES, Case, print_wrong, rate, table
from benchmarks.scan.tools import named_tools

_TWINS = Path(__file__).parent / "independent"
_HEAD = re.compile(
    r"^#### (?P<name>\S+) (?P<cwe>\d+) (?P<kind>bad|good) (?P<suffix>\w+)\n", re.MULTILINE
)


def write_twins(text: str, language: str, root: Path) -> list[Case]:
    """Write each case of `text` as a file in a folder of its own below `root`; return the cases.

    A case begins with a line `#### NAME CWE bad|good SUFFIX`.
    """
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    cases: list[Case] = []
    for number, (head, end) in enumerate(zip(heads, ends, strict=True)):
        place = f"{language}/case{number:02}/{head['name']}.{head['suffix']}"
        path = root / place
        path.parent.mkdir(parents=True)
        path.write_text(text[head.end() : end])
        cwe = int(head["cwe"])
        family = "buffer" if cwe in FAMILIES["buffer"] else family_of(cwe)
        category = f"{family}:{cwe}"
        name = f"{language} {head['name']} {head['kind']}"
        cases.append(Case(name, place, category, head["kind"] == "bad"))
    return cases


def main() -> int:
    """Score all tools that are named on each language and print one line a language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", type=int, default=0, help="print this many wrong cases")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cases = [
            case
            for path in sorted(_TWINS.glob("*.txt"))
            for case in write_twins(path.read_text(), path.stem, root)
        ]
        for name, scan in named_tools("semgrep", "cppcheck").items():
            outcome = scan(root, sorted(case.path for case in cases))
            print(f"\n{name}: {outcome.cpu_s:.1f} CPU s for {len(cases)} files")
            for language in sorted({case.name.partition(" ")[0] for case in cases}):
                own = [case for case in cases if case.name.startswith(f"{language} ")]
                rates = rate(own, outcome.hits)
                print(f"{language:<11}", table(rates).splitlines()[-1].partition("all:")[2])
            print_wrong(cases, outcome.hits, arguments.wrong)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
