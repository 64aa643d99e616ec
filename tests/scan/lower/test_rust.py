"""Rust becomes the intermediate representation; what is broken or deep stays readable."""

from kodo.scan.ir import (
    Call,
    Cast,
    Closure,
    Collection,
    Declare,
    Do,
    Field,
    If,
    Literal,
    Module,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    Text,
)
from kodo.scan.lower.rust.module import lower_rust, module_paths
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, path: str = "src/shop/mod.rs") -> Module:
    """A lowered file."""
    data = source.encode()
    return lower_rust(parse(data, "rust").root_node, SourceText(path, data))


def body(statements: str) -> list[Node]:
    """The statements of a function."""
    return lower(f"fn f(p: i32, q: &str) {{ {statements} }}").functions["f"].parts.body


def value(expression: str) -> Node:
    """An expression that a function gives."""
    (node,) = body(expression)
    assert isinstance(node, Return)
    assert node.value is not None
    return node.value


def test_literals() -> None:
    """Literals have the value that Rust gives them."""
    expected = {
        '"a\\n\\u{41}\\x42\\"b"': 'a\nAB"b',
        'r#"a\\n"b"#': 'a\\n"b',
        'b"by"': "by",
        "'c'": "c",
        "0x1F_u8": 31,
        "1_000u32": 1000,
        "1.5f32": 1.5,
        "true": True,
        "None": None,
    }
    for source, constant in expected.items():
        node = value(source)
        assert isinstance(node, Literal), source
        assert (node.value, type(node.value)) == (constant, type(constant))


def test_uses_are_imports() -> None:
    """Lists, aliases, wildcards, and names of this crate."""
    module = lower(
        "use std::process::Command;\nuse a::{self, b, c::{d, e as f}, g::*};\n"
        "use super::db;\nuse crate::x::y;\nmod inner;"
    )
    assert module.name == "crate.shop"
    assert module.imports == {
        "Command": "std.process.Command",
        "a": "a",
        "b": "a.b",
        "d": "a.c.d",
        "f": "a.c.e",
        "db": "crate.db",
        "y": "crate.x.y",
        "inner": "crate.shop.inner",
    }
    assert module.wildcards == ["a.g"]
    assert module_paths("crate.db", "src/shop/mod.rs") == ["src/db.rs", "src/db/mod.rs"]
    assert module_paths("std.process", "src/main.rs") == []


def test_the_last_expression_is_the_result() -> None:
    """Of a function, of the arms of `if` and `match`, and not where a semicolon follows."""
    assert isinstance(body("q")[0], Return)
    assert isinstance(body("q;")[0], Name)
    (branch,) = body('if p > 1 { "a" } else { "b" }')
    assert isinstance(branch, If)
    assert isinstance(branch.arms[0].body[0], Return)
    assert isinstance(branch.otherwise[0], Return)
    (chosen,) = body('match q { "a" | "b" => 1, x if p > 2 => { 2 } _ => 3 }')
    assert isinstance(chosen, Switch)
    assert [len(case.values) for case in chosen.cases] == [2, 0, 0]
    assert chosen.cases[1].guard is not None
    assert chosen.cases[2].otherwise
    (made,) = body("let v = if p > 1 { 1 } else { 2 };")
    assert isinstance(made, Declare)
    assert isinstance(made.value, Do)


def test_templates_of_macros_become_text() -> None:
    """Places by position, by name, and by the name of a variable."""
    made = value('format!("a{}b{q}c{x:?}{{", p, x = q)')
    assert isinstance(made, Text)
    assert [type(part).__name__ for part in made.parts] == [
        "Literal", "Name", "Literal", "Name", "Literal", "Call", "Literal",
    ]  # fmt: skip
    printed = body('println!("{}", q);')[0]
    assert isinstance(printed, Call)
    assert isinstance(printed.arguments[0], Text)
    assert isinstance(value("vec![1, 2]"), Collection)
    unread = value('json!({"a": q})')
    assert isinstance(unread, Call)


def test_calls_casts_and_question_marks() -> None:
    """`?` and `.await` are what is inside; a parsed number says so; `as` is a call."""
    made = value("g(q)?.h().await")
    assert isinstance(made, Call)
    number = value("q.parse::<u32>().unwrap()")
    assert isinstance(number, Call)
    cut = value("p as u8")
    assert isinstance(cut, Call)
    assert isinstance(cut.function, Name)
    assert cut.function.name == "as u8"
    assert isinstance(value("p as T"), Cast)
    assert isinstance(value("|a| a + 1"), Closure)


def test_methods_belong_to_their_type_and_tests_are_left_out() -> None:
    """`impl` blocks fill a type; `#[cfg(test)]` is not looked at."""
    module = lower(
        "struct S { a: String, b: Option<u32> }\nimpl S { fn new() -> Self { S { a: x, b: None } } "
        "fn go(&self, n: u8) {} }\n#[cfg(test)] mod tests { fn t() {} }\n#[test] fn u() {}"
    )
    shop = module.classes["S"]
    assert shop.fields == {"a": "String", "b": "u32"}
    assert shop.methods["go"].receiver
    assert not shop.methods["new"].receiver
    assert set(module.functions) == {"S.new", "S.go"}


def test_extractors_hold_what_they_extract() -> None:
    """`Path<u32>` is a number; `Json(input): Json<T>` is a T."""
    module = lower("async fn f(Path(id): Path<u32>, Json(input): Json<T>) { g(id); }")
    parts = module.functions["f"].parts
    assert parts.parameters[0].type == "u64"
    assert isinstance(parts.body[0], Declare)
    assert parts.body[0].type == "T"


def test_long_chains_stay_flat_and_deep_nesting_is_partial() -> None:
    """Thousands of operands and calls are no deep tree; past the cap it is said."""
    node = value(" + ".join(["p"] * 3000))
    assert isinstance(node, Operation)
    assert len(node.operands) == 3000
    assert isinstance(value("q" + ".m()" * 3000), Call)
    module = lower("fn f() -> i32 { " + "(" * 400 + "1" + ")" * 400 + " }")
    assert module.functions["f"].parts.body
    assert module.partial


def test_broken_code_is_still_lowered() -> None:
    """The functions around a syntax error stay readable."""
    module = lower("fn f() { let = ; }\nfn g() { h(1); }\n")
    assert any(isinstance(node, Call) for node in module.functions["g"].parts.body)


def test_names_of_no_certain_owner_are_unknown() -> None:
    """`<T as Trait>::f()` and `::std::f()` have a name that is never empty."""
    for source, first in (("<T as D>::f(q)", "?"), ("::std::f(q)", "std")):
        node = value(source)
        assert isinstance(node, Call)
        owner = node.function
        while isinstance(owner, Field):
            owner = owner.object
        assert isinstance(owner, Name)
        assert owner.name == first
