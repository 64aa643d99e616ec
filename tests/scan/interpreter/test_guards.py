"""Checks that dominate a sink make data harmless; checks that do not are no help."""

import pytest

from tests.scan.flow import reaches_shell

GUARDED = {
    "member of a literal set": "if source not in {'a', 'b'}:\n    return\nos.system(source)",
    "member, positive": "if source in ('a', 'b'):\n    os.system(source)",
    "member of a copy": (
        "name = source\nif name not in ['a']:\n    raise ValueError\nos.system(source)"
    ),
    "equal": "if source == 'a':\n    os.system(source)",
    "equal to one of two": "if source == 'a' or source == 'b':\n    os.system(source)",
    "digits": "if not source.isdigit():\n    return\nos.system(source)",
    "whole match": (
        "import re\nif not re.fullmatch(r'[a-z]+', source):\n    return\nos.system(source)"
    ),
    "anchored match in a variable": (
        "import re\nfound = re.match(r'^[a-z0-9_]+$', source)\nif found is None:\n    pass\n"
        "if not found:\n    return\nos.system(source)"
    ),
    "compiled pattern": (
        "import re\npattern = re.compile(r'\\w+')\n"
        "if pattern.fullmatch(source):\n    os.system(source)"
    ),
    "result kept in a variable": "fine = source in ('a', 'b')\nif fine:\n    os.system(source)",
    "number by type": "if isinstance(source, int):\n    os.system(f'kill {source}')",
    "and": "if flag and source in ('a', 'b'):\n    os.system(source)",
    "assert": "assert source in ('a', 'b')\nos.system(source)",
    "in a choice": "os.system(source if source in ('a',) else 'a')",
    "abort": "import flask\nif source not in ('a',):\n    flask.abort(400)\nos.system(source)",
}

UNGUARDED = {
    "the branch that failed": "if source not in ('a',):\n    os.system(source)",
    "after a branch that goes on": "if source not in ('a',):\n    other()\nos.system(source)",
    "or": "if flag or source in ('a', 'b'):\n    os.system(source)",
    "a part": "end = source.split('.')[-1]\nif end not in ('a',):\n    return\nos.system(source)",
    "changed after the check": (
        "if source not in ('a',):\n    return\nsource = request.args['y']\nos.system(source)"
    ),
    "loose pattern": (
        "import re\nif not re.fullmatch(r'.+', source):\n    return\nos.system(source)"
    ),
    "pattern without an end": (
        "import re\nif not re.match(r'[a-z]+', source):\n    return\nos.system(source)"
    ),
    "set that outsiders fill": "if source in request.args:\n    os.system(source)",
    "length": "if len(source) > 10:\n    return\nos.system(source)",
}


@pytest.mark.parametrize("body", GUARDED.values(), ids=GUARDED.keys())
def test_guard_counts(body: str) -> None:
    """Data that a check has shown to be harmless is not reported."""
    assert not reaches_shell(body)


@pytest.mark.parametrize("body", UNGUARDED.values(), ids=UNGUARDED.keys())
def test_guard_does_not_count(body: str) -> None:
    """A check that shows nothing of the data at the sink does not silence it."""
    assert reaches_shell(body)
