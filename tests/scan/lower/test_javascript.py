"""JavaScript and TypeScript become the intermediate representation."""

import pytest

from kodo.scan.ir import (
    Assign,
    Bind,
    Call,
    Closure,
    Declare,
    Do,
    Field,
    Literal,
    Module,
    Name,
    Node,
    Return,
    Text,
)
from kodo.scan.lower.javascript.module import lower_javascript
from kodo.scan.lower.javascript.names import dotted_source, module_name, module_paths
from kodo.scan.text import SourceText
from kodo.syntax.languages import LanguageName
from kodo.syntax.tree import parse


def lower(source: str, grammar: LanguageName = "javascript", path: str = "src/a.js") -> Module:
    """A file as a module."""
    data = source.encode()
    return lower_javascript(parse(data, grammar).root_node, SourceText(path, data))


def value(source: str) -> Node:
    """What a variable is declared with."""
    (node,) = lower(f"let x = {source};\n").body
    assert isinstance(node, Declare)
    assert node.value is not None
    return node.value


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        (r"'a\n\x41\u00e9\''", "a\nA\u00e9'"),
        (r'"\u{1F600}\0"', "\U0001f600\0"),
        ("`a\\`b`", "a`b"),
        ("0x10", 16),
        ("1_000n", 1000),
        ("017", 15),
        ("1.5", 1.5),
        ("null", None),
        ("undefined", None),
        ("true", True),
    ],
)
def test_literals(source: str, constant: object) -> None:
    """Literals have the value that JavaScript gives them."""
    node = value(source)
    assert isinstance(node, Literal)
    assert node.value == constant


def test_templates_keep_their_parts() -> None:
    """Text and expressions in order."""
    node = value("`a${b}c`")
    assert isinstance(node, Text)
    assert [type(part) for part in node.parts] == [Literal, Name, Literal]


def test_imports_of_all_kinds() -> None:
    """Local names stand for dotted ones; files of the repository begin with the root's mark."""
    module = lower(
        "import a, {b as c, default as d} from '@scope/x';\n"
        "import * as e from './lib/e.service.js';\n"
        "const {f, g: h} = require('node:fs');\n"
        "const k = require('../m').n;\n"
    )
    assert module.imports == {
        "a": "scope.x",
        "c": "scope.x.b",
        "d": "scope.x",
        "e": "~.src.lib.e:service",
        "f": "fs.f",
        "h": "fs.g",
        "k": "~.m.n",
    }


def test_modules_are_found_by_their_paths() -> None:
    """A dotted name of the repository means files; a package's means none."""
    assert module_name("src/user.service.ts") == "~.src.user:service"
    assert module_name("lib/index.js") == "~.lib"
    assert dotted_source("./b", "src/a.js") == "~.src.b"
    assert "src/user.service.ts" in module_paths("~.src.user:service", "src/a.ts")
    assert "lib/index.js" in module_paths("~.lib", "a.js")
    assert module_paths("express", "a.js") == []


def test_exported_functions_have_the_names_they_are_imported_by() -> None:
    """All ways to export end in the module's tables."""
    module = lower(
        "function one() {}\n"
        "const two = () => 1;\n"
        "module.exports = { first: one, two, three() {}, four: function () {} };\n"
        "exports.five = (x) => x;\n"
    )
    assert {"one", "first", "two", "three", "four", "five"} <= set(module.functions)
    assert module.functions["first"] is module.functions["one"]
    module = lower("export default class A extends B { constructor(x) { super(x); } run() {} }")
    assert module.classes["default"] is module.classes["A"]
    assert module.classes["A"].bases == ["B"]
    assert module.functions["A.run"].receiver


def test_functions_are_known_before_they_stand() -> None:
    """Declarations inside functions come first."""
    module = lower("function a() { return b(); function b() {} }")
    kinds = [type(node).__name__ for node in module.functions["a"].parts.body]
    assert kinds == ["Define", "Return"]


def test_a_promise_is_what_it_is_settled_with() -> None:
    """The executor's call of its first parameter gives the value."""
    node = value("new Promise((done) => done(y))")
    assert isinstance(node, Do)
    assert isinstance(node.result, Name)
    (call,) = [one for one in node.body if isinstance(one, Call)]
    (closure,) = call.arguments
    assert isinstance(closure, Closure)
    (returned,) = closure.function.parts.body
    assert isinstance(returned, Return)
    assert isinstance(returned.value, Bind)


def test_typescript() -> None:
    """Types, decorators and parameter properties are kept as frameworks need them."""
    module = lower(
        "@Controller('u')\nexport class C {\n"
        "  constructor(private readonly db: Db) {}\n"
        "  @Get(':id') one(@Param('id') id: string): Promise<User> { return this.db.get(id); }\n"
        "}\nenum E { A = 'x' }\n",
        "typescript",
        "src/c.ts",
    )
    one = module.functions["C.one"].parts
    assert [parameter.name for parameter in one.parameters] == ["this", "id"]
    assert len(one.parameters[1].marks) == len(one.marks) == 1
    assert module.classes["C"].fields == {"db": "Db"}
    assert isinstance(module.body[-1], Assign)


def test_jsx_is_a_call() -> None:
    """Attributes are keywords; raw HTML is a call of its own."""
    node = value("<p a='1' dangerouslySetInnerHTML={{__html: y}}>{z}</p>")
    assert isinstance(node, Call)
    assert [keyword.name for keyword in node.keywords] == ["a", "dangerouslySetInnerHTML"]
    assert isinstance(node.keywords[1].value, Call)
    assert isinstance(node.arguments[0], Name)


def test_long_chains_stay_flat_and_deep_code_is_partial() -> None:
    """Thousands of operands are one node; nesting has an end."""
    assert lower("let x = " + " + ".join(["a"] * 3000) + ";").partial == ""
    assert lower("x(" * 3000 + ")" * 3000).partial
    calls = lower("a" + ".b()" * 2000 + ";")
    assert calls.body


def test_field_of_this() -> None:
    """Private names are fields."""
    module = lower("class A { #x = 1; get() { return this.#x; } }")
    (returned,) = module.functions["A.get"].parts.body
    assert isinstance(returned, Return)
    assert isinstance(returned.value, Field)
