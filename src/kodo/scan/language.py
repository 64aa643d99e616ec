"""What the engine must know of a language: its grammar, its lowering, its arithmetic, its files.

Does not know rules. Guards that a language is added in one place: the table at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tree_sitter import Node as SyntaxNode

from kodo.scan.checker import Checker
from kodo.scan.checkers.habits import check_habits
from kodo.scan.checkers.memory import check_memory
from kodo.scan.interpreter.fold import Semantics
from kodo.scan.ir import Module
from kodo.scan.lower.c.module import C_NUMBERS, lower_c, lower_cpp
from kodo.scan.lower.c.module import module_paths as c_paths
from kodo.scan.lower.go.module import lower_go
from kodo.scan.lower.go.module import module_paths as go_paths
from kodo.scan.lower.go.values import GO_NUMBERS
from kodo.scan.lower.java.module import JAVA_NUMBERS, lower_java
from kodo.scan.lower.java.module import module_paths as java_paths
from kodo.scan.lower.javascript.module import lower_javascript
from kodo.scan.lower.javascript.names import module_paths as javascript_paths
from kodo.scan.lower.python.comments import without_long_comments
from kodo.scan.lower.python.module import lower_python, module_paths
from kodo.scan.lower.ruby.module import lower_ruby
from kodo.scan.lower.ruby.module import module_paths as ruby_paths
from kodo.scan.lower.rust.expressions import RUST_NUMBERS
from kodo.scan.lower.rust.module import lower_rust
from kodo.scan.lower.rust.module import module_paths as rust_paths
from kodo.scan.text import SourceText
from kodo.syntax.languages import LanguageName


class ScanLanguage(NamedTuple):
    """A language. `rules` is the name that rule files use under `languages`.

    `paths(name, importer)` gives the files, from the root, that a dotted module name may mean for a
    file at `importer`, the likeliest first. `checkers` are by the name that rules give under
    `checker`. `prepare` may change bytes that mean nothing to the lowering before they are parsed;
    it must not move any.
    """

    rules: str
    lower: Callable[[SyntaxNode, SourceText], Module]
    paths: Callable[[str, str], list[str]]
    semantics: Semantics
    checkers: Mapping[str, Checker] = MappingProxyType({})
    prepare: Callable[[bytes], bytes] = bytes


_PYTHON = ScanLanguage(
    "python", lower_python, module_paths, Semantics(), prepare=without_long_comments
)

_JAVA = ScanLanguage(
    "java",
    lower_java,
    java_paths,
    Semantics(
        text_plus_number=True,
        integer_division=True,
        falsy_text=False,
        falsy_zero=False,
        number_types=JAVA_NUMBERS,
        overloads=True,
        class_files=True,
    ),
)

_JAVASCRIPT = ScanLanguage(
    "javascript", lower_javascript, javascript_paths, Semantics(text_plus_number=True)
)
_C_SEMANTICS = Semantics(integer_division=True, number_types=C_NUMBERS)
_C_CHECKERS: Mapping[str, Checker] = MappingProxyType(
    {"memory": check_memory, "habits": check_habits}
)
_C = ScanLanguage("c", lower_c, c_paths, _C_SEMANTICS, _C_CHECKERS)
_CPP = ScanLanguage("cpp", lower_cpp, c_paths, _C_SEMANTICS, _C_CHECKERS)

_RUBY = ScanLanguage(
    "ruby",
    lower_ruby,
    ruby_paths,
    Semantics(integer_division=True, falsy_text=False, falsy_zero=False, fields_by_call=True),
)

_GO = ScanLanguage(
    "go",
    lower_go,
    go_paths,
    Semantics(
        integer_division=True,
        number_types=GO_NUMBERS,
        several_results=True,
        typed_instances=True,
    ),
)

_RUST = ScanLanguage(
    "rust",
    lower_rust,
    rust_paths,
    Semantics(integer_division=True, number_types=RUST_NUMBERS, typed_instances=True),
)

SCAN_LANGUAGES: dict[LanguageName, ScanLanguage] = {
    "python": _PYTHON,
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "typescript": _JAVASCRIPT,
    "tsx": _JAVASCRIPT,
    "ruby": _RUBY,
    "c": _C,
    "cpp": _CPP,
    "go": _GO,
    "rust": _RUST,
}
"""By grammar: TypeScript's two grammars share one entry."""
