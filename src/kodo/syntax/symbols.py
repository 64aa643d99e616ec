"""Functions, methods and classes of a file: where they stand, what they are called, their text.

Knows one file at a time and no imports between files. Guards exact byte ranges.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from tree_sitter import Language, Node, Query, QueryCursor

from kodo.syntax.languages import LanguageName, load_grammar
from kodo.syntax.tree import parse, walk

SymbolKind = Literal["function", "method", "class"]

_FUNCTIONS = {
    "function_definition",
    "function_declaration",
    "generator_function_declaration",
    "method_definition",
    "function_item",
    "method_declaration",
    "constructor_declaration",
    "compact_constructor_declaration",
    "method",
    "singleton_method",
}
_CLASSES = {
    "class_definition",
    "class_declaration",
    "abstract_class_declaration",
    "class_specifier",
    "struct_specifier",
    "struct_item",
    "enum_item",
    "trait_item",
    "interface_declaration",
    "enum_declaration",
    "record_declaration",
    "type_spec",
    "class",
    "module",
}
# Values that make a function out of the name they are bound to: `const f = (x) => x`.
_FUNCTION_VALUES = {
    "arrow_function",
    "function_expression",
    "generator_function",
    "lambda",
    "func_literal",
    "lambda_expression",
}
_BINDINGS = {
    "variable_declarator": "name",
    "assignment_expression": "left",
    "pair": "key",
    "field_definition": "property",
    "public_field_definition": "name",
}
# Nodes that only lend their name to what stands in them.
_SCOPES = {"impl_item": "type", "namespace_definition": "name", "mod_item": "name"}
_WRAPPERS = {
    "decorated_definition",
    "export_statement",
    "ambient_declaration",
    "template_declaration",
    "lexical_declaration",
    "variable_declaration",
    "expression_statement",
    "type_declaration",
}
_LEADING = {"attribute_item", "decorator"}
_WORDS = {"constant", "instance_variable", "class_variable", "global_variable", "variable_name"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function, method or class of one file.

    `qualified_name` joins the names around it with dots (`Stack.push`, in every language). Lines
    are 1-based and inclusive. [start_byte, end_byte) and the lines cover doc comment, decorators
    and body; `decorated_byte` is where the decorators (or `export`) begin, `code_byte` where the
    definition itself does. `name_line` is where the name stands, `signature` the text from there to
    the body on one line. `body_start_byte` and `body_end_byte` are the body's range.
    """

    name: str
    qualified_name: str
    kind: SymbolKind
    language: LanguageName
    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    decorated_byte: int
    code_byte: int
    name_line: int
    signature: str
    body_start_byte: int
    body_end_byte: int


def symbols(source: bytes, language: LanguageName) -> tuple[Symbol, ...]:
    """Return the symbols of `source` in source order, outer before inner."""
    return symbols_below(parse(source, language).root_node, source, language)


def symbols_below(root: Node, source: bytes, language: LanguageName) -> tuple[Symbol, ...]:
    """Return the symbols of a file that is parsed already, as `symbols` does."""
    found: list[Symbol] = []
    # The names open around the current node, each with the byte where it ends.
    around: list[tuple[int, str, bool]] = []
    for node in _candidates(root, language):
        kind = node.type
        while around and node.start_byte >= around[-1][0]:
            around.pop()
        if kind in _SCOPES:
            if (name := node.child_by_field_name(_SCOPES[kind])) is not None:
                plain = _text(source, name).split("<")[0].strip()
                around.append((node.end_byte, plain, kind == "impl_item"))
            continue
        named = _named(node, source)
        if named is None:
            continue
        name_node, body_holder, is_class = named
        name = _text(source, name_node)
        owner = [part for _, part, _ in around]
        in_class = bool(around) and around[-1][2]
        if (receiver := node.child_by_field_name("receiver")) is not None:
            owner, in_class = [_receiver_type(receiver, source)], True
        plain = name.replace("::", ".").split(".")
        owner, name = owner + plain[:-1], plain[-1].lstrip("#")
        if node.type == "function_definition" and len(plain) > 1:
            in_class = True
        found.append(
            _symbol(
                source,
                language,
                node,
                name_node,
                body_holder.child_by_field_name("body"),
                name,
                ".".join((*owner, name)),
                "class" if is_class else "method" if in_class else "function",
            )
        )
        around.append((node.end_byte, ".".join(plain), is_class))
    return tuple(found)


def _candidates(root: Node, language: LanguageName) -> list[Node]:
    """Return what may be a definition, outer before inner; a query costs a quarter of a walk."""
    found = QueryCursor(_candidate_query(language)).captures(root).get("candidate", [])
    return sorted(found, key=lambda node: (node.start_byte, -node.end_byte))


@cache
def _candidate_query(language: LanguageName) -> Query:
    grammar = load_grammar(language)
    wanted = sorted({*_FUNCTIONS, *_CLASSES, *_BINDINGS, *_SCOPES})
    known = [f"({kind})" for kind in wanted if _has_kind(grammar, kind)]
    return Query(grammar, f"[{' '.join(known)}] @candidate")


def _has_kind(grammar: Language, kind: str) -> bool:
    named = True
    return grammar.id_for_node_kind(kind, named) is not None


def _named(node: Node, source: bytes) -> tuple[Node, Node, bool] | None:
    """Return (name, the node that has the body, whether a class) of a definition, or None."""
    kind = node.type
    if kind in _FUNCTIONS:
        name = node.child_by_field_name("name") or _declared_name(node)
        return None if name is None else (name, node, False)
    if kind in _CLASSES:
        name = node.child_by_field_name("name")
        has_body = node.child_by_field_name("body") or node.child_by_field_name("type")
        tuple_struct = kind == "struct_item"
        return (name, node, True) if name and (has_body or tuple_struct) else None
    field = _BINDINGS.get(kind)
    if field is None:
        return None
    name = node.child_by_field_name(field)
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if name is None or value is None or value.type not in _FUNCTION_VALUES:
        return None
    if name.type in {"member_expression", "field_expression"}:
        name = name.child_by_field_name("property") or name
    return name, value, False


def _declared_name(node: Node) -> Node | None:
    """Return the name inside a C or C++ declarator."""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None:
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.type == "reference_declarator":
            inner = declarator.named_child(0)
        if inner is None:
            return declarator
        declarator = inner
    return None


def _receiver_type(receiver: Node, source: bytes) -> str:
    for node in walk(receiver):
        if node.type == "type_identifier":
            return _text(source, node)
    return _text(source, receiver).strip("()")


def _symbol(
    source: bytes,
    language: LanguageName,
    node: Node,
    name_node: Node,
    body: Node | None,
    name: str,
    qualified_name: str,
    kind: SymbolKind,
) -> Symbol:
    outer = code = node
    while (parent := outer.parent) is not None and parent.type in _WRAPPERS:
        if sum(child.type == outer.type for child in parent.named_children) > 1:
            break  # `const f = ..., g = ...` cannot be swapped as a whole
        outer = parent
        if outer.type.endswith(("_declaration", "_statement")) and outer.type[:6] != "export":
            code = outer if outer.type != "ambient_declaration" else code
    if code.type == "template_declaration":
        code = node
    first = outer
    while (before := first.prev_sibling) is not None and _leads(before, first, language):
        first = before
    # A decorator or attribute counts as decoration, a comment before it as documentation.
    decorated = outer
    while (before := decorated.prev_sibling) is not None and before.type in _LEADING:
        decorated = before
    if body is not None:
        body_start, body_end = body.start_byte, body.end_byte
    else:
        body_start = body_end = node.end_byte
    return Symbol(
        name=name,
        qualified_name=qualified_name,
        kind=kind,
        language=language,
        start_line=first.start_point[0] + 1,
        end_line=outer.end_point[0] + (1 if outer.end_point[1] else 0),
        start_byte=first.start_byte,
        end_byte=outer.end_byte,
        decorated_byte=min(decorated.start_byte, outer.start_byte),
        code_byte=code.start_byte,
        name_line=name_node.start_point[0] + 1,
        signature=_signature(_text_of(source, code.start_byte, body_start)),
        body_start_byte=body_start,
        body_end_byte=body_end,
    )


def _signature(text: str) -> str:
    return " ".join(text.split()).rstrip(" {").removesuffix("=>").rstrip()


def _leads(before: Node, node: Node, language: LanguageName) -> bool:
    """Whether `before` belongs to the definition below it: an attribute or a doc comment."""
    if before.type in _LEADING:
        return True
    if "comment" not in before.type or language in {"python", "bash"}:
        return False
    last_row = before.end_point[0] - (1 if before.end_point[1] == 0 else 0)
    previous = before.prev_sibling
    trailing = previous is not None and previous.end_point[0] == before.start_point[0]
    if trailing and previous is not None and previous.end_point[1] == 0:
        trailing = False  # a line comment of Rust ends at the start of the next line
    return last_row + 1 >= node.start_point[0] and not trailing


def enclosing_function(found: Sequence[Symbol], line: int) -> Symbol | None:
    """Return the innermost function or method that covers the 1-based `line`, or None."""
    best: Symbol | None = None
    for symbol in found:
        if symbol.kind == "class" or not symbol.start_line <= line <= symbol.end_line:
            continue
        if best is None or symbol.start_byte >= best.start_byte:
            best = symbol
    return best


def find_symbol(found: Sequence[Symbol], name: str) -> Symbol | None:
    """Return the symbol called `name`: qualified name first, then its tail, then the plain name.

    `::`, `#` and `/` in `name` count as dots; what stands in parentheses behind it is dropped.
    """
    wanted = name.split("(")[0].strip().replace("::", ".").replace("#", ".").strip(".")
    tail = wanted.rsplit(".", 1)[-1]
    exact = [symbol for symbol in found if symbol.qualified_name == wanted]
    ending = [symbol for symbol in found if symbol.qualified_name.endswith("." + wanted)]
    plain = [symbol for symbol in found if symbol.name == tail]
    return next(iter([*exact, *ending, *plain]), None)


def identifiers(
    source: bytes, language: LanguageName, symbol: Symbol | None = None
) -> dict[str, int]:
    """Return how often each identifier is used in `symbol`, or in the whole file when None."""
    counts: Counter[str] = Counter()
    for node in walk(parse(source, language).root_node):
        if symbol and not (
            symbol.start_byte <= node.start_byte and node.end_byte <= symbol.end_byte
        ):
            continue
        if node.child_count == 0 and ("identifier" in node.type or node.type in _WORDS):
            counts[_text(source, node)] += 1
    return dict(counts)


def _text(source: bytes, node: Node) -> str:
    return _text_of(source, node.start_byte, node.end_byte)


def _text_of(source: bytes, start: int, end: int) -> str:
    return source[start:end].decode("utf-8", "replace")
