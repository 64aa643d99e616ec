"""Functions of the repository: what they do with a caller's data, in one file and across files."""

import pytest

from kodo.scan.findings import Weakness
from tests.scan.flow import HEAD, weaknesses


def shells(found: tuple[Weakness, ...]) -> list[int]:
    """The lines of command injections."""
    return [one.line for one in found if one.rule == "python.command-injection"]


CALLED = {
    "returns its argument": ("def same(x):\n    return x\n", "os.system(same(source))"),
    "holds the sink": ("def run(x):\n    os.system(x)\n", "run(source)"),
    "holds the sink, by keyword": ("def run(*, x):\n    os.system(x)\n", "run(x=source)"),
    "in two steps": (
        "def run(x):\n    inner(x)\ndef inner(y):\n    os.system('ls ' + y)\n",
        "run(source)",
    ),
    "fills a list": (
        "def fill(items, x):\n    items.append(x)\n",
        "found = []\n    fill(found, source)\n    os.system(found[0])",
    ),
    "method and field": (
        "class Box:\n    def __init__(self, x):\n        self.x = x\n    def run(self):\n"
        "        os.system(self.x)\n",
        "Box(source).run()",
    ),
    "part of an argument": (
        "def part(table):\n    return table['a']\n",
        "os.system(part({'a': source, 'b': 'c'}))",
    ),
    "request passed on": ("def arg(r):\n    return r.args['y']\n", "os.system(arg(request))"),
    "rest": ("def run(*parts):\n    os.system(parts[1])\n", "run('a', source)"),
    "constant argument opens a branch": (
        "def pick(x, safe):\n    if safe:\n        return 'a'\n    return x\n",
        "os.system(pick(source, False))",
    ),
    "recursion": (
        "def again(x, n):\n    if n:\n        return again(x, n - 1)\n    return x\n",
        "os.system(again(source, 3))",
    ),
    "callback": ("def each(f, x):\n    return f(x)\n", "other(lambda part: os.system(source))"),
}

NOT_CALLED_SO = {
    "returns something else": (
        "def other_value(x):\n    return 'a'\n",
        "os.system(other_value(source))",
    ),
    "other part of an argument": (
        "def part(table):\n    return table['b']\n",
        "os.system(part({'a': source, 'b': 'c'}))",
    ),
    "constant argument closes a branch": (
        "def pick(x, safe):\n    if safe:\n        return 'a'\n    return x\n",
        "os.system(pick(source, True))",
    ),
    "default argument closes a branch": (
        "def pick(x, safe=True):\n    if safe:\n        return 'a'\n    return x\n",
        "os.system(pick(source))",
    ),
    "checks and raises": (
        "def check(x):\n    if x not in ('a', 'b'):\n        raise ValueError\n",
        "check(source)\n    os.system(source)",
    ),
    "tells good from bad": (
        "def good(x):\n    return x in ('a', 'b')\n",
        "if not good(source):\n        return\n    os.system(source)",
    ),
    "never returns": (
        "def stop():\n    raise SystemExit\n",
        "if flag:\n        source = 'a'\n    else:\n        stop()\n    os.system(source)",
    ),
}


def scan(definition: str, use: str) -> list[int]:
    """The lines of command injections of a view that uses a definition."""
    source = (
        f"{HEAD}{definition}def view(flag, other):\n    source = request.args['x']\n    {use}\n"
    )
    return shells(weaknesses(source))


@pytest.mark.parametrize(("definition", "use"), CALLED.values(), ids=CALLED.keys())
def test_data_goes_through_functions(definition: str, use: str) -> None:
    """A function's summary carries data to its result, its arguments and its sinks."""
    assert scan(definition, use)


@pytest.mark.parametrize(("definition", "use"), NOT_CALLED_SO.values(), ids=NOT_CALLED_SO.keys())
def test_functions_that_make_data_harmless(definition: str, use: str) -> None:
    """What a function drops, checks or never returns from is not reported."""
    assert not scan(definition, use)


def test_other_files_are_looked_into() -> None:
    """A helper's file decides whether its result is harmful."""
    source = HEAD + (
        "from lib.clean import first, second\nfrom lib import clean\n"
        "def view():\n    os.system(first(request.args['x']))\n"
        "    os.system(second(request.args['x']))\n    os.system(clean.first(request.args['x']))\n"
    )
    helper = "def first(x):\n    return 'a'\ndef second(x):\n    return x\n"
    assert shells(weaknesses(source, {"lib/clean.py": helper})) == [7]


def test_names_that_are_passed_on_are_found() -> None:
    """A package's `__init__` that imports a function leads to where it is defined."""
    source = HEAD + "from lib import run\ndef view():\n    run(request.args['x'])\n"
    files = {
        "lib/__init__.py": "from .inner import run\n",
        "lib/inner.py": "import os\ndef run(x):\n    os.system(x)\n",
    }
    (found,) = weaknesses(source, files)
    assert found.line == 5
    assert [step.path for step in found.trace] == ["app.py", "app.py", "app.py"]


def test_trace_names_the_way() -> None:
    """The steps lead from the source through variables and calls to the sink."""
    source = HEAD + (
        "def run(command):\n    os.system(command)\n"
        "def view():\n    name = request.args['x']\n    run('ls ' + name)\n"
    )
    (found,) = [one for one in weaknesses(source) if one.rule == "python.command-injection"]
    assert [(step.line, step.note) for step in found.trace] == [
        (6, "an HTTP request (Flask)"),
        (6, "assigned to name"),
        (7, "passed to run()"),
        (4, "reaches os.system(command)"),
    ]
    assert (found.line, found.function) == (4, "run")


def test_import_inside_a_function_counts() -> None:
    """Aliases are known wherever they are imported."""
    source = HEAD + "def view():\n    from os import system as run\n    run(request.args['x'])\n"
    assert shells(weaknesses(source)) == [5]


@pytest.mark.parametrize(
    "handler", ["def show(name):\n    os.system(name)\n", "show = lambda name: os.system(name)\n"]
)
def test_functions_that_are_registered_are_entry_points(handler: str) -> None:
    """What a handler is called with comes from outside, wherever it is defined."""
    source = f"{HEAD}from flask import Flask\napp = Flask(__name__)\n{handler}"
    assert not shells(weaknesses(source))
    assert shells(weaknesses(source + "app.add_url_rule('/<name>', view_func=show)\n"))
