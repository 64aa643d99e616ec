"""Where each language uses the name of another thing: queries for tree-sitter.

Knows grammars only. `@call` is a name used by itself, `@member` a name reached through a value
(`value.name()`), whose owner is unknown, and `@import` a statement that names other files.
"""

from functools import cache

from tree_sitter import Query

from kodo.syntax.languages import LanguageName, load_grammar

_PYTHON = """
(call function: [(identifier) @call (attribute attribute: (identifier) @member)])
(decorator [(identifier) @call (attribute attribute: (identifier) @member)])
(class_definition superclasses: (argument_list [
  (identifier) @call (attribute attribute: (identifier) @member)]))
(type (identifier) @call)
(type (generic_type (identifier) @call))
(type (binary_operator (identifier) @call))
(import_from_statement name: (dotted_name (identifier) @call))
[(import_statement) (import_from_statement)] @import
"""

_SCRIPT = """
(call_expression function: [
  (identifier) @call (member_expression property: (property_identifier) @member)])
(new_expression constructor: [
  (identifier) @call (member_expression property: (property_identifier) @member)])
(import_specifier name: (identifier) @call)
[(import_statement) (export_statement source: (_))] @import
(call_expression function: (identifier) @_require (#eq? @_require "require")
  arguments: (arguments (string) @import))
"""

_MARKUP = """
[(jsx_opening_element name: (identifier) @call)
 (jsx_self_closing_element name: (identifier) @call)]
"""

_RUST = """
(call_expression function: [
  (identifier) @call
  (scoped_identifier name: (identifier) @call)
  (field_expression field: (field_identifier) @member)
  (generic_function function: (identifier) @call)])
(macro_invocation macro: (identifier) @call)
(type_identifier) @call
[(use_declaration) (mod_item !body)] @import
"""

_GO = """
(call_expression function: [
  (identifier) @call (selector_expression field: (field_identifier) @member)])
(type_identifier) @call
(import_spec) @import
"""

_JAVA = """
(method_invocation !object name: (identifier) @call)
(method_invocation object: (_) name: (identifier) @member)
(type_identifier) @call
(import_declaration) @import
"""

_C = """
(call_expression function: [
  (identifier) @call (field_expression field: (field_identifier) @member)])
(type_identifier) @call
(preproc_include) @import
"""

_CPP = """
(call_expression function: [
  (qualified_identifier name: (identifier) @call)
  (template_function name: (identifier) @call)])
"""

_RUBY = """
(call !receiver method: (identifier) @call)
(call receiver: (_) method: (identifier) @member)
(constant) @call
(call method: (identifier) @_require (#match? @_require "^require|^load$|^autoload$")
  arguments: (argument_list) @import)
"""

_BASH = """
(command name: (command_name (word) @call))
(command name: (command_name (word) @_source) (#any-of? @_source "." "source")) @import
"""

_PATTERNS: dict[LanguageName, str] = {
    "python": _PYTHON,
    "javascript": _SCRIPT + _MARKUP + "(class_heritage (identifier) @call)",
    "typescript": _SCRIPT + "(type_identifier) @call (extends_clause value: (identifier) @call)",
    "tsx": _SCRIPT + _MARKUP + "(type_identifier) @call (extends_clause value: (identifier) @call)",
    "rust": _RUST,
    "go": _GO,
    "java": _JAVA,
    "c": _C,
    "cpp": _C + _CPP,
    "ruby": _RUBY,
    "bash": _BASH,
}


@cache
def reference_query(language: LanguageName) -> Query:
    """Return the compiled query of `language`; the first call loads its grammar."""
    return Query(load_grammar(language), _PATTERNS[language])
