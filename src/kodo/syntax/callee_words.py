"""Which names of functions a compiled language can know: by its way of writing, and by a list.

Knows names only. Guards against words of scripting languages that a compiler would refuse.
"""

from kodo.syntax.languages import LanguageName

_SCRIPTED = {
    *("select", "reject", "items", "discard", "popleft", "popitem", "setdefault", "unshift"),
    *("startswith", "endswith", "isalpha", "isdigit", "isalnum", "lower", "upper", "sorted"),
    *("partition", "splitlines", "appendleft", "findall", "fullmatch", "enumerate", "every"),
}
_FOREIGN = {
    "rust": _SCRIPTED | {"add", "concat", "shift", "splice", "slice", "substr", "some", "strip"},
    "java": _SCRIPTED | {"extend", "insert", "capacity", "any", "all", "begin", "end", "update"},
    "cpp": _SCRIPTED | {"extend", "add", "remove", "concat", "shift", "splice", "update", "items"},
    "c": _SCRIPTED | {"extend", "add", "append"},
}


def knows_callee(language: LanguageName, name: str) -> bool:
    """Whether a function or method of that name may exist; True for languages not listed."""
    if language == "go":
        return name[:1].isupper() or name in {"min", "max"}
    foreign = _FOREIGN.get(language)
    if foreign is None:
        return True
    camel = any(letter.isupper() for letter in name)
    wrong_style = camel if language != "java" else "_" in name
    return not (wrong_style or name.endswith("?") or name in foreign)
