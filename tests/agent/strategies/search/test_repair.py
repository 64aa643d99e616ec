"""Bugs in planted projects, each solved by one source of proposals alone."""

from pathlib import Path

import pytest

from kodo.core.limits import Limits
from kodo.core.messages import user
from tests.agent.strategies.search.bench import PLAIN, Bench, RuleModel, block, text_of

pytestmark = pytest.mark.anyio

SWAPPED = {
    "gcd.py": "def gcd(a, b):\n    if b == 0:\n        return a\n    return gcd(a % b, b)\n",
    "test_gcd.py": (
        "from gcd import gcd\n\n\ndef test_zero():\n    assert gcd(17, 0) == 17\n\n\n"
        "def test_same():\n    assert gcd(13, 13) == 13\n\n\n"
        "def test_other():\n    assert gcd(20, 100) == 20\n"
    ),
}

# Nothing that changes one place of the old code gives this answer.
TITLES = {
    "titles.py": (
        '"""Titles."""\n\n\ndef title(words):\n'
        '    """Join words, the small ones in lower case."""\n'
        '    return ""\n'
    ),
    "test_titles.py": (
        "from titles import title\n\n\ndef test_title():\n"
        '    assert title(["the", "art", "OF", "war"]) == "The Art of War"\n'
        '    assert title(["a", "tale"]) == "A Tale"\n'
    ),
}
RIGHT_TITLE = (
    "def title(words):\n"
    '    small = {"of", "the", "a"}\n'
    "    found = []\n"
    "    for place, word in enumerate(words):\n"
    "        word = word.lower()\n"
    "        found.append(word if place and word in small else word.capitalize())\n"
    '    return " ".join(found)\n'
)


async def test_a_swapped_argument_is_found_without_the_model(workspace: Path) -> None:
    bench = Bench(workspace, SWAPPED, RuleModel(lambda _prompt: "no idea"))
    ended = await bench.play("gcd(13, 13) dies with a RecursionError. Please fix.")
    assert ended.outcome == "verified"
    assert "gcd(b, a % b)" in bench.read("gcd.py")
    assert ended.evidence[0].exit_code == 0
    assert ended.evidence[0].passed == 3
    assert "2 of 3 fail" in bench.notes()


async def test_a_rewrite_is_spliced_into_the_file(workspace: Path) -> None:
    model = RuleModel(lambda _prompt: "Sure!\n" + block(RIGHT_TITLE) + "I hope it helps.")
    bench = Bench(workspace, TITLES, model)
    ended = await bench.play("title() gives an empty text. Fix titles.py.")
    assert ended.outcome == "verified"
    assert bench.read("titles.py").startswith('"""Titles."""\n')
    assert "capitalize" in bench.read("titles.py")
    assert "assert title" in text_of(model.prompts[0])


async def test_a_model_that_only_streams_works_too(workspace: Path) -> None:
    model = RuleModel(lambda _prompt: block(RIGHT_TITLE), info=PLAIN)
    bench = Bench(workspace, TITLES, model)
    assert (await bench.play("title() gives an empty text. Fix it.")).outcome == "verified"


async def test_cloze_fills_a_suspicious_line(workspace: Path) -> None:
    files = {
        "area.py": "import math\n\n\ndef ring(outer, inner):\n    return math.pi * outer\n",
        "test_area.py": (
            "import math\nfrom area import ring\n\n\ndef test_ring():\n"
            "    assert ring(3, 2) == math.pi * (9 - 4)\n    assert ring(5, 0) == math.pi * 25\n"
        ),
    }
    model = RuleModel(
        lambda _prompt: "no code here",
        lambda hole: (
            ["    return math.pi * (outer**2 - inner**2)"] if "def ring" in hole.prefix else []
        ),
    )
    bench = Bench(workspace, files, model)
    ended = await bench.play("ring() is wrong, fix it")
    assert ended.outcome == "verified"
    assert "outer**2 - inner**2" in bench.read("area.py")
    assert model.holes


async def test_tests_are_never_edited_and_the_tree_stays_when_nothing_passes(
    workspace: Path,
) -> None:
    wrong = block("def title(words):\n    return 'no'\n")
    bench = Bench(workspace, TITLES, RuleModel(lambda _prompt: wrong), tick_s=1)
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "failed"
    assert {path: bench.read(path) for path in TITLES} == TITLES
    assert sorted(path.name for path in workspace.glob("*.py")) == ["test_titles.py", "titles.py"]
    assert "Tried" in ended.summary


async def test_an_endless_loop_is_cut_and_repaired(workspace: Path) -> None:
    files = {
        "count.py": (
            "def digits(number):\n    found = 1\n    while number >= 10:\n"
            "        number = number // 1\n        found += 1\n    return found\n"
        ),
        "test_count.py": (
            "from count import digits\n\n\ndef test_one():\n    assert digits(7) == 1\n\n\n"
            "def test_three():\n    assert digits(123) == 3\n"
        ),
    }
    right = files["count.py"].replace("// 1\n", "// 10\n")
    bench = Bench(workspace, files, RuleModel(lambda _prompt: block(right)))
    ended = await bench.play("digits(123) hangs. Fix it.")
    assert ended.outcome == "verified"
    assert "// 10" in bench.read("count.py")


async def test_what_people_say_meanwhile_joins_the_task(workspace: Path) -> None:
    model = RuleModel(
        lambda prompt: block(RIGHT_TITLE) if "keep it short" in text_of(prompt) else "hm"
    )
    bench = Bench(workspace, TITLES, model)
    bench.inbox.put(user("keep it short"))
    assert (await bench.play("title() gives an empty text. Fix it.")).outcome == "verified"


async def test_the_model_call_limit_ends_the_search(workspace: Path) -> None:
    bench = Bench(
        workspace, TITLES, RuleModel(lambda _prompt: "hm"), limits=Limits(model_calls=2, seconds=60)
    )
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "limit"
    assert bench.read("titles.py") == TITLES["titles.py"]


async def test_the_thread_is_a_conversation_with_one_result_a_call(workspace: Path) -> None:
    bench = Bench(workspace, SWAPPED, RuleModel(lambda _prompt: "no idea"))
    await bench.play("gcd(13, 13) dies. Please fix.")
    assert bench.thread.open_calls() == []
    assert [result.outcome for result in bench.results()] == ["ok"]
    assert [check.decision for check in bench.checks()] == ["pass"]


async def test_a_program_that_its_tests_start_as_a_process_is_suspected(workspace: Path) -> None:
    files = {
        "repeat.py": (
            "import sys\n\n\ndef main(argv):\n    if len(argv) > 2:\n"
            "        print(argv[0] * int(argv[1]))\n\n\n"
            'if __name__ == "__main__":\n    main(sys.argv[1:])\n'
        ),
        "test_repeat.py": (
            "import subprocess\nimport sys\n\n\ndef test_repeat():\n"
            '    run = [sys.executable, "repeat.py", "ab", "2"]\n'
            '    assert subprocess.check_output(run) == b"abab\\n"\n'
        ),
    }
    bench = Bench(workspace, files, RuleModel(lambda _prompt: "no idea"), seconds=90)
    ended = await bench.play("python repeat.py ab 2 prints nothing. Fix it.")
    assert ended.outcome == "verified"
    assert "len(argv) >= 2" in bench.read("repeat.py")


async def test_a_model_that_says_nothing_is_not_announced_again_and_again(workspace: Path) -> None:
    bench = Bench(workspace, TITLES, RuleModel(lambda _prompt: ""), tick_s=0.3)
    ended = await bench.play("title() gives an empty text. Fix it.")
    assert ended.outcome == "failed"
    asked = [note for note in bench.notes().splitlines() if note.startswith("asking")]
    assert asked
    assert len(asked) == len(set(asked))
