"""What the interpreter knows of constants, containers and text decides what is reported."""

import pytest

from tests.scan.flow import reaches_shell

TAINTED = {
    "direct": "os.system(source)",
    "interpolated": "os.system(f'ls {source}')",
    "concatenated": "text = 'ls '\ntext += source\nos.system(text)",
    "joined": "os.system(' '.join(['ls', source]))",
    "formatted": "os.system('ls {}'.format(source))",
    "percent": "os.system('ls %s' % (source,))",
    "list item": "items = ['a']\nitems.append(source)\nos.system(items[1])",
    "list item from the end": "items = ['a', source]\nos.system(items[-1])",
    "popped": "items = [source, 'a']\nos.system(items.pop(0))",
    "map item": "table = {}\ntable['k'] = source\nos.system(table['k'])",
    "map item by get": "table = {'k': source}\nos.system(table.get('k', ''))",
    "unknown key": "table = {}\ntable[other] = source\nos.system(table['k'])",
    "alias of a list": "items = []\nsame = items\nsame.append(source)\nos.system(items[0])",
    "destructured": "a, b = 'x', source\nos.system(b)",
    "starred": "a, *b = 'x', source\nos.system(b[0])",
    "one of two branches": "text = 'a'\nif flag:\n    text = source\nos.system(text)",
    "choice": "os.system(source if flag else 'a')",
    "or": "os.system(source or 'a')",
    "loop": "for item in source.split(','):\n    os.system(item)",
    "second round of a loop": (
        "last = 'a'\nfor item in other:\n    os.system(last)\n    last = source"
    ),
    "break keeps the state": (
        "text = 'a'\nwhile True:\n    text = source\n    if flag:\n        break\nos.system(text)"
    ),
    "continue keeps the state": (
        "text = 'a'\nfor item in other:\n    if flag:\n        text = source\n        continue\n"
        "    text = 'b'\nos.system(text)"
    ),
    "handler sees the body": (
        "text = 'a'\ntry:\n    text = source\n    other()\nexcept ValueError:\n    os.system(text)"
    ),
    "finally": "text = 'a'\ntry:\n    text = source\nfinally:\n    os.system(text)",
    "with": "with other as stream:\n    os.system(source)",
    "comprehension": "os.system(' '.join([part + 'x' for part in source]))",
    "walrus": "if (text := source):\n    os.system(text)",
    "lambda": "run = lambda part: os.system(part)\nrun(source)",
    "nested function": "def inner():\n    os.system(source)\ninner()",
    "match": (
        "match flag:\n    case 1:\n        text = source\n    case _:\n"
        "        text = ''\nos.system(text)"
    ),
    "slice": "os.system(source[1:])",
    "decoded": "os.system(source.encode().decode())",
    "unknown call": "os.system(other(source))",
    "unknown method": "os.system(other.clean(source))",
    "attribute": "other.name = source\nos.system(other.name)",
}

HARMLESS = {
    "constant": "os.system('ls')",
    "other list item": "items = ['a', source]\nos.system(items[0])",
    "moved list item": "items = ['a', source, 'b']\nitems.pop(0)\nos.system(items[1])",
    "other map item": "table = {'k': source, 'l': 'a'}\nos.system(table['l'])",
    "overwritten": "source = 'a'\nos.system(source)",
    "overwritten item": "items = [source]\nitems[0] = 'a'\nos.system(items[0])",
    "dead branch": "text = 'a'\nif 1 > 2:\n    text = source\nos.system(text)",
    "dead branch by arithmetic": (
        "number = 106\ntext = 'a' if 7 * 18 + number > 200 else source\nos.system(text)"
    ),
    "dead case": (
        "mode = 'ABC'[1]\nmatch mode:\n    case 'A':\n        text = source\n"
        "    case _:\n        text = ''\nos.system(text)"
    ),
    "number": "os.system(f'ls {int(source)}')",
    "length": "os.system(f'ls {len(source)}')",
    "comparison": "os.system(f'ls {source == other}')",
    "key of a fixed table": "table = {'a': '1'}\nos.system(table[source])",
    "cleared": "items = [source]\nitems.clear()\nos.system(items[0])",
    "after return": "return\nos.system(source)",
}


@pytest.mark.parametrize("body", TAINTED.values(), ids=TAINTED.keys())
def test_data_is_followed(body: str) -> None:
    """Outside data is found wherever it goes."""
    assert reaches_shell(body)


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_known_is_harmless(body: str) -> None:
    """What the interpreter knows to be constant, elsewhere or dead is not reported."""
    assert not reaches_shell(body)
