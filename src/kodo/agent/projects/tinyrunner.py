"""A pytest for machines without pytest: runs plain test functions and unittest cases, then reports.

Its source is handed to the project's own Python with `-c`, so it imports the standard library only
and knows nothing of kodo. Knows `raises`, `mark.parametrize`, `fixture`, `approx`; no plugins.
Guards its output: the closing lines are pytest's, so one reader understands both.
"""

import contextlib
import importlib.util
import inspect
import math
import re
import sys
import traceback
import types
import unittest
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

Report = list[tuple[str, str, str]]


class Skipped(Exception):
    """Raised by `pytest.skip`."""


def make_pytest() -> types.ModuleType:
    """Return a stand-in for the `pytest` module with what simple tests use."""
    module: Any = types.ModuleType("pytest")

    @contextlib.contextmanager
    def raises(expected: Any, match: str | None = None) -> Generator[Any]:
        holder = types.SimpleNamespace(value=None)
        try:
            yield holder
        except expected as error:
            holder.value = error
            if match and not re.search(match, str(error)):
                raise AssertionError(f"{match!r} does not match {str(error)!r}") from error
        else:
            raise AssertionError(f"DID NOT RAISE {expected!r}")

    class Mark:
        def __getattr__(self, name: str) -> Any:
            def mark(*args: Any, **_options: Any) -> Any:
                def decorate(function: Any) -> Any:
                    if name == "parametrize":
                        function.cases = [*getattr(function, "cases", []), args]
                    if name == "skip":
                        function.skipped = True
                    return function

                if len(args) == 1 and callable(args[0]):
                    return args[0]
                return decorate

            return mark

    class Approx:
        def __init__(self, expected: Any, rel: float = 1e-6, abs: float = 1e-12) -> None:  # noqa: A002
            self.expected: Any = expected
            self.rel, self.abs = rel, abs

        def __eq__(self, other: Any) -> bool:
            pairs: list[tuple[Any, Any]] = [(self.expected, other)]
            if type(self.expected) in {list, tuple}:
                pairs = list(zip(self.expected, other, strict=True))
            return all(
                math.isclose(float(one), float(two), rel_tol=self.rel, abs_tol=self.abs)
                for one, two in pairs
            )

        def __hash__(self) -> int:
            return 0

    def fixture(*args: Any, **_options: Any) -> Any:
        def decorate(function: Any) -> Any:
            function.is_fixture = True
            return function

        for function in args:
            return decorate(function)
        return decorate

    def skip(reason: str = "") -> None:
        raise Skipped(reason)

    def fail(reason: str = "") -> None:
        raise AssertionError(reason)

    def param(*values: Any, **_options: Any) -> Any:
        return values[0] if len(values) == 1 else values

    for name, value in {
        "raises": raises,
        "mark": Mark(),
        "approx": Approx,
        "fixture": fixture,
        "skip": skip,
        "fail": fail,
        "param": param,
    }.items():
        setattr(module, name, value)
    return module


def arguments_of(function: Any, module: Any) -> list[dict[str, Any]]:
    """Return the keyword arguments of each case of a test: its parameters, then its fixtures."""
    cases: list[dict[str, Any]] = [{}]
    for names, values, *_ in getattr(function, "cases", []):
        words = [word.strip() for word in names.split(",")] if isinstance(names, str) else names
        cases = [
            {**case, **dict(zip(words, [value] if len(words) == 1 else value, strict=True))}
            for case in cases
            for value in values
        ]
    for case in cases:
        for name in inspect.signature(function).parameters:
            maker: Any = getattr(module, name, None)
            if name not in case and maker is not None and getattr(maker, "is_fixture", False):
                made = maker()
                case[name] = next(made) if inspect.isgenerator(made) else made
    return cases


def run_one(name: str, call: Callable[[], Any], report: Report) -> None:
    """Run one test and add its outcome to the report."""
    try:
        call()
    except (Skipped, unittest.SkipTest):
        report.append(("skipped", name, ""))
    except Exception as error:  # noqa: BLE001 - a test may raise anything: that is its outcome
        traceback.print_exc(file=sys.stdout)
        report.append(("FAILED", name, f"{type(error).__name__}: {error}".split("\n")[0]))
    else:
        report.append(("passed", name, ""))


def run_file(path: str, wanted: str, report: Report) -> None:
    """Import one test file and run what `wanted` names in it, or everything."""
    sys.path.insert(0, str(Path(path).resolve().parent))
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        report.append(("ERROR", path, "cannot be imported"))
        return
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[Path(path).stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - an import may raise anything
        traceback.print_exc(file=sys.stdout)
        report.append(("ERROR", path, f"{type(error).__name__}: {error}".split("\n")[0]))
        return
    members: dict[str, Any] = {name: getattr(module, name) for name in dir(module)}
    for name, value in members.items():
        if inspect.isclass(value) and issubclass(value, unittest.TestCase):
            for method in unittest.TestLoader().getTestCaseNames(value):
                full = f"{path}::{name}::{method}"
                if full.startswith(f"{path}::{wanted}"):
                    run_one(full, value(method).debug, report)
        elif inspect.isclass(value) and name.startswith("Test"):
            for method in [word for word in vars(value) if word.startswith("test")]:
                full = f"{path}::{name}::{method}"
                if full.startswith(f"{path}::{wanted}"):
                    run_cases(full, getattr(value(), method), module, report)
        elif inspect.isfunction(value) and name.startswith("test"):
            full = f"{path}::{name}"
            if full.startswith(f"{path}::{wanted}"):
                run_cases(full, value, module, report)


def run_cases(name: str, function: Any, module: Any, report: Report) -> None:
    """Run a test function once for each of its cases."""
    if getattr(function, "skipped", False):
        report.append(("skipped", name, ""))
        return
    try:
        cases = arguments_of(function, module)
    except Exception as error:  # noqa: BLE001 - fixtures may raise anything
        report.append(("ERROR", name, f"{type(error).__name__}: {error}"))
        return
    for index, case in enumerate(cases):
        label = f"{name}[{index}]" if len(cases) > 1 else name
        run_one(label, lambda case=case: function(**case), report)


def main(arguments: list[str]) -> int:
    """Run the files named (`path` or `path::Class::test`); 0 when all passed, else 1."""
    sys.path.insert(0, "")
    if importlib.util.find_spec("pytest") is None:
        sys.modules["pytest"] = make_pytest()
    report: Report = []
    for argument in arguments:
        path, _, wanted = argument.partition("::")
        run_file(path, wanted.split("[")[0], report)
    sys.stdout.write("=========== short test summary info ===========\n")
    for kind, name, message in report:
        if kind in {"FAILED", "ERROR"}:
            sys.stdout.write(f"{kind} {name} - {message}\n")
    counts = {kind: sum(row[0] == kind for row in report) for kind in ("FAILED", "passed", "ERROR")}
    sys.stdout.write(
        f"{counts['FAILED']} failed, {counts['passed']} passed, {counts['ERROR']} errors in 0.00s\n"
    )
    return 1 if counts["FAILED"] or counts["ERROR"] or not report else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
