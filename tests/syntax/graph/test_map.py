"""The repository map: what is chosen, in which order, within which budget."""

from kodo.syntax.graph.links import links
from kodo.syntax.graph.map import repository_map
from kodo.syntax.graph.rank import Focus, is_test, name_parts, rank
from kodo.syntax.graph.tags import FileTags, tag_file

SOURCES = {
    "shop/money.py": b"class Money:\n    def add(self, other): pass\n    def __init__(self): pass\n"
    b"def parse_money(text): pass\ndef _private(): pass\n",
    "shop/cart.py": b"from shop.money import Money, parse_money\nclass Cart:\n"
    b"    def total(self): return parse_money('1').add(Money())\n",
    "shop/invoice.py": b"from shop.money import Money\nfrom shop.cart import Cart\n"
    b"def print_invoice(cart: Cart): return Money()\n",
    "shop/weather.py": b"def forecast_rain(): pass\ndef unused(): pass\n",
    "tests/test_cart.py": b"from shop.cart import Cart\ndef test_total(): Cart().total()\n",
}


def _tagged(sources: dict[str, bytes] = SOURCES) -> dict[str, FileTags]:
    return {path: tag_file(source, "python") for path, source in sources.items()}


def test_what_is_used_most_comes_first() -> None:
    """The class that everything stands on leads, tests and unused code trail."""
    files = _tagged()
    ranks = rank(files, links(files), Focus())
    assert abs(sum(ranks.files.values()) - 1) < 1e-9
    best = max(ranks.definitions, key=lambda place: ranks.definitions[place])
    assert best == ("shop/money.py", 0)
    assert ranks.files["shop/money.py"] > ranks.files["shop/weather.py"]
    assert ranks.files["tests/test_cart.py"] == min(ranks.files.values())


def test_the_map_shows_paths_lines_and_signatures() -> None:
    """What people and models read."""
    text = repository_map(_tagged(), 400)
    assert text.splitlines()[:3] == [
        "5 source files, 11 definitions; the most used, with their lines:",
        "folders: shop/ 4, tests/ 1",
        "shop/cart.py",
    ]
    assert "shop/money.py\n  1: class Money:\n    2: def add(self, other):\n" in text
    assert "__init__" not in text


def test_the_budget_holds_and_more_budget_shows_more() -> None:
    """A token is about three and a half bytes."""
    files = _tagged()
    sizes = [len(repository_map(files, budget).encode()) for budget in (0, 20, 50, 80, 150)]
    assert all(
        size <= 3.5 * budget for size, budget in zip(sizes, (0, 20, 50, 80, 150), strict=True)
    )
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[-2] > 0


def test_nothing_defined_gives_no_map() -> None:
    """An empty project, or one of data files, has none."""
    assert repository_map({}, 1000) == ""
    assert repository_map({"a.py": FileTags()}, 1000) == ""


def test_the_words_of_the_task_and_touched_files_come_forward() -> None:
    """A focus brings what would be last to the top."""
    files = _tagged()
    before = repository_map(files, 50)
    assert "forecast_rain" not in before
    assert "forecast_rain" in repository_map(files, 50, Focus(words=("rain", "is", "wrong")))
    found = links(files)
    touched = rank(files, found, Focus(paths=("shop/weather.py", "gone.py"))).files
    plain = rank(files, found, Focus()).files
    assert touched["shop/weather.py"] > 2 * plain["shop/weather.py"]


def test_the_map_does_not_depend_on_the_order_of_files() -> None:
    """Equal input, equal text: the prefix of a prompt stays the same."""
    files = _tagged()
    backwards = dict(reversed(list(files.items())))
    assert repository_map(files, 120) == repository_map(backwards, 120)


def test_a_name_goes_to_the_file_that_is_imported() -> None:
    """Two files define `load`; only the imported one is linked. Local names link to no one."""
    files = _tagged(
        {
            "a/yaml.py": b"def load(): pass\n",
            "a/json.py": b"def load(): pass\n",
            "b/user.py": b"from a.json import load\nload()\n",
            "b/local.py": b"def load(): pass\nload()\n",
        }
    )
    found = links(files)
    assert [(link.user, link.owner) for link in found] == [("b/user.py", "a/json.py")]


def test_a_method_nobody_imports_weighs_little() -> None:
    """`items.append()` is rarely the `append` of a project's own class."""
    files = _tagged(
        {
            "log.py": b"class Log:\n    def append(self): pass\n",
            "far.py": b"items.append(1)\n",
            "near.py": b"from log import Log\nLog().append()\n",
        }
    )
    weights = {
        link.user: link.weight
        for link in links(files)
        if files[link.owner].definitions[link.definition].name == "append"
    }
    assert weights["far.py"] < weights["near.py"] / 5


def test_names_fall_into_words_and_tests_are_known_by_path() -> None:
    """Camel, snake, capitals and digits; folders and file names of several languages."""
    assert name_parts("parseHTTPHeader_v2") == ["parse", "http", "header", "v", "2"]
    for path in ("tests/a.py", "a/test_b.py", "a/b_test.go", "src/CartTest.java", "x.spec.ts"):
        assert is_test(path), path
    for path in ("contest.py", "src/latest/a.py", "spectrum.rb", "Contest.java"):
        assert not is_test(path), path
