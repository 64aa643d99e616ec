"""Which files a task gives leave to edit by name: "add a case to tests/test_x.py".

Knows sentences, no files. Guards that a test which is named as a measure ("so that test_x.py
passes", "do not touch test_x.py") is not taken for one that may be changed.
"""

import re
from collections.abc import Collection

MOST_WORDS_BETWEEN = 14
FILE_NAME = re.compile(r"(?<![\w/])((?:[\w.-]+/)*[\w-][\w.-]*\.[A-Za-z][A-Za-z0-9]{0,5})(?![\w/])")

_PUT = r"add|append|insert|put|write|include"
_CHANGE = r"edit|change|update|modify|extend|rename|remove|delete|replace|adjust|rewrite|set|bump"
_MEND = r"fix|correct|repair"
_REFUSED = re.compile(
    r"(?:\bnot|n't|\bnever|\bwithout|\bavoid|\brather than|\binstead of)\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
# What comes between verb and file must not turn to something else: a purpose, a condition.
_TURNS = re.compile(
    r"\b(?:so|that|until|unless|pass\w*|fail(?!ing)\w*|if|when|because|but|make|not|no|without|only|"
    r"satisf\w*|green|tested|described|stated|according|for (?:the|these|all) tests?)\b|"
    r"n't\b|[;:!?]|\.\s|\n",
    re.IGNORECASE,
)
_DIRECT = re.compile(r"^\s*(?:(?:the|our|my|this|a|file|test|tests|config\w*)\s+)*$", re.IGNORECASE)
_TESTED = re.compile(
    r"\b(?:tests?|cases?|checks?|examples?|assert\w*|fixtures?|imports?|comments?|docstrings?|"
    r"names?|expect\w*)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"^\s*(?:,|and|,\s*and)\s*$", re.IGNORECASE)


def edited_files(
    task: str, names: Collection[str], *, tests: Collection[str] = ()
) -> tuple[str, ...]:
    """Return those of `names` that `task` says to edit, in the order of the text.

    "Fix the failing case in test_x.py" asks for another file than the test, so for `tests` a verb
    of mending must stand right before the name.
    """
    text = task.replace("`", " ").replace('"', " ")
    found: list[str] = []
    last_end, last_kept = -1, False
    for match in FILE_NAME.finditer(text):
        name = match.group(1).removeprefix("./")
        is_test = any(path == name or path.endswith("/" + name) for path in tests)
        joined = last_kept and _AND.match(text[last_end : match.start()]) is not None
        kept = name in names and (joined or _has_leave(text[: match.start()], is_test=is_test))
        if kept:
            found.append(name)
        last_end, last_kept = match.end(), kept
    return tuple(dict.fromkeys(found))


def _has_leave(before: str, *, is_test: bool) -> bool:
    verbs = list(re.finditer(rf"\b(?:{_PUT}|{_CHANGE}|{_MEND})\b", before, re.IGNORECASE))
    if not verbs:
        return False
    verb = verbs[-1]
    between = before[verb.end() :]
    if _REFUSED.search(before[: verb.start()]) or _TURNS.search(between):
        return False
    if _DIRECT.match(between):
        return True
    puts = re.fullmatch(_PUT, verb.group(), re.IGNORECASE) is not None
    mends = re.fullmatch(_MEND, verb.group(), re.IGNORECASE) is not None
    if is_test and (mends or _TESTED.search(between) is None):
        return False
    if not puts and "failing" in between.lower():
        return False
    places = "to|into|in|at" if puts else "in|of|from|to"
    near = re.search(
        rf"\b(?:{places})\s+(?:(?:the|our|my|file|end|of|top)\s+)*$", between, re.IGNORECASE
    )
    return near is not None and len(between.split()) <= MOST_WORDS_BETWEEN
