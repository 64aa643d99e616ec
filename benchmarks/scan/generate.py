"""Make labelled cases, or score the scanner on fresh ones: Go, JavaScript, TypeScript, Ruby, Rust.

python -m benchmarks.scan.generate write FOLDER --seed N    cases and expected.csv
python -m benchmarks.scan.generate score --seed N           make, scan, and print the rates

A reported run takes a seed that nobody has looked at before. Who writes rules stays away from the
parts in generator/ and from the code of the cases; rates by category are all that is shown.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.scan.generator.compose import make_cases
from benchmarks.scan.generator.parts import names, read_language
from benchmarks.scan.scores import Case, mean_youden, rate, table
from benchmarks.scan.tools import named_tools


def write_cases(folder: Path, language: str, each: int, seed: int) -> list[Case]:
    """Write the cases of a language as files `caseNNNN` and return them with their labels."""
    parts = read_language(language)
    cases: list[Case] = []
    for number, made in enumerate(make_cases(parts, each, seed)):
        name = f"case{number:04}{parts.ending}"
        (folder / language).mkdir(parents=True, exist_ok=True)
        (folder / language / name).write_text(made.code, "utf-8")
        cases.append(Case(made.recipe, f"{language}/{name}", made.category, made.vulnerable))
    return cases


def main() -> int:
    """Write or score."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    write = actions.add_parser("write")
    write.add_argument("folder", type=Path)
    score = actions.add_parser("score")
    for action in (write, score):
        action.add_argument("--seed", type=int, required=True)
        action.add_argument("--each", type=int, default=40, help="cases a category")
        action.add_argument("--language", choices=names(), action="append")
    score.add_argument("--recipes", action="store_true", help="say how wrong cases were made")
    arguments = parser.parse_args()
    languages: list[str] = arguments.language or names()
    if arguments.action == "write":
        for language in languages:
            cases = write_cases(arguments.folder, language, arguments.each, arguments.seed)
            lines = [f"{case.path},{case.category},{case.vulnerable}" for case in cases]
            expected = arguments.folder / language / "expected.csv"
            expected.write_text("\n".join(["path,category,vulnerable", *lines]) + "\n", "utf-8")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for language in languages:
            score_language(Path(folder), language, arguments)
    return 0


def score_language(folder: Path, language: str, arguments: argparse.Namespace) -> None:
    """Print the rates of every tool on the cases of one language."""
    cases = write_cases(folder, language, arguments.each, arguments.seed)
    paths = [case.path for case in cases]
    for name, scan in named_tools("semgrep").items():
        outcome = scan(folder, paths)
        rates = rate(cases, outcome.hits)
        macro = mean_youden(rates.values())
        each_ms = 1000 * outcome.cpu_s / len(cases)
        print(f"\n{language}, {name}: mean Youden {macro:+.3f}, {each_ms:.2f} CPU ms a file")
        print(table(rates))
        if arguments.recipes:
            for recipe in sorted({case.name for case in cases}):
                own = [case for case in cases if case.name == recipe]
                total = table(rate(own, outcome.hits)).splitlines()[-1].partition("all:")[2]
                print(f"  {recipe:<22}{total}")


if __name__ == "__main__":
    raise SystemExit(main())
