"""Which language a file is in, and the grammar that reads it, loaded by name when asked for.

Knows nothing of what trees are used for. Guards that no grammar is loaded before it is needed.
"""

from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, get_args

from tree_sitter import Language, Parser

LanguageName = Literal[
    "python",
    "javascript",
    "typescript",
    "tsx",
    "rust",
    "go",
    "java",
    "c",
    "cpp",
    "ruby",
    "bash",
]

LANGUAGES: tuple[LanguageName, ...] = get_args(LanguageName)


class Grammar(NamedTuple):
    """File endings of a language, whole file names, and where its grammar is found."""

    endings: tuple[str, ...]
    module: str
    function: str = "language"
    names: tuple[str, ...] = ()


# A `.h` file is read as C++: the C++ grammar reads nearly all C, not the other way round.
GRAMMARS: dict[LanguageName, Grammar] = {
    "python": Grammar((".py", ".pyi", ".pyw"), "tree_sitter_python"),
    "javascript": Grammar((".js", ".mjs", ".cjs", ".jsx"), "tree_sitter_javascript"),
    "typescript": Grammar((".ts", ".mts", ".cts"), "tree_sitter_typescript", "language_typescript"),
    "tsx": Grammar((".tsx",), "tree_sitter_typescript", "language_tsx"),
    "rust": Grammar((".rs",), "tree_sitter_rust"),
    "go": Grammar((".go",), "tree_sitter_go"),
    "java": Grammar((".java",), "tree_sitter_java"),
    "c": Grammar((".c",), "tree_sitter_c"),
    "cpp": Grammar(
        (".cpp", ".cc", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h", ".ipp", ".tpp"),
        "tree_sitter_cpp",
    ),
    "ruby": Grammar(
        (".rb", ".rake", ".gemspec", ".ru"),
        "tree_sitter_ruby",
        names=("Rakefile", "Gemfile", "Guardfile", "Vagrantfile"),
    ),
    "bash": Grammar(
        (".sh", ".bash"), "tree_sitter_bash", names=(".bashrc", ".bash_profile", ".profile")
    ),
}

_BY_ENDING: dict[str, LanguageName] = {
    ending: name for name, grammar in GRAMMARS.items() for ending in grammar.endings
}
_BY_NAME: dict[str, LanguageName] = {
    file: name for name, grammar in GRAMMARS.items() for file in grammar.names
}


def language_of(path: str) -> LanguageName | None:
    """Return the language of a file by its name alone, or None where kodo has no grammar for it."""
    file = PurePosixPath(path)
    return _BY_NAME.get(file.name) or _BY_ENDING.get(file.suffix.lower())


@cache
def load_grammar(language: LanguageName) -> Language:
    """Return the compiled grammar of `language`; the first call imports its module.

    Raises ImportError where the grammar's package is not installed.
    """
    grammar = GRAMMARS[language]
    capsule: object = getattr(import_module(grammar.module), grammar.function)()
    return Language(capsule)


def new_parser(language: LanguageName) -> Parser:
    """Return a parser of one's own: parsers are cheap (1 µs) and not safe to share by threads."""
    return Parser(load_grammar(language))
