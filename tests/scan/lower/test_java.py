"""Java becomes the intermediate representation; what is broken or deep stays readable."""

from kodo.scan.ir import (
    Assign,
    Call,
    Closure,
    Declare,
    Field,
    If,
    Literal,
    Module,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    Try,
    Using,
    While,
)
from kodo.scan.lower.java.module import lower_java, module_paths
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, path: str = "src/main/java/a/T.java") -> Module:
    """A lowered file."""
    data = source.encode()
    return lower_java(parse(data, "java").root_node, SourceText(path, data))


def body(statements: str, members: str = "") -> list[Node]:
    """The statements of a method, in a class with other members."""
    module = lower(f"class T {{ {members} void f(int p) {{ {statements} }} }}")
    return module.functions["T.f"].parts.body


def value(expression: str, members: str = "") -> Node:
    """An expression."""
    (node,) = body(f"return {expression};", members)
    assert isinstance(node, Return)
    assert node.value is not None
    return node.value


def test_literals() -> None:
    """Literals have the value that Java gives them."""
    expected = {
        '"a\\n\\u0041\\"b\\101"': 'a\nA"bA',
        "'c'": "c",
        "'\\n'": "\n",
        "0x1FL": 31,
        "017": 15,
        "1_000": 1000,
        "0b11": 3,
        "1.5f": 1.5,
        "true": True,
        "null": None,
        '"""\n      a\n        b"""': "a\n  b",
    }
    for source, constant in expected.items():
        node = value(source)
        assert isinstance(node, Literal), source
        assert (node.value, type(node.value)) == (constant, type(constant))


def test_bare_names_are_locals_then_members() -> None:
    """A field is read through `this`, a local of the same name hides it."""
    node = value("name", "String name;")
    assert isinstance(node, Field)
    assert isinstance(node.object, Name)
    assert (node.object.name, node.name) == ("this", "name")
    last = body("String name = null; return name;", "String name;")[-1]
    assert isinstance(last, Return)
    assert isinstance(last.value, Name)


def test_members_of_outer_classes_and_static_ones_are_reached_through_their_class() -> None:
    """`Outer.x` in an inner class, `T.x` in a static method."""
    module = lower(
        "class O { int x; static int s; class I { int f() { return x; } } "
        "static int g() { return s; } }"
    )
    for function, holder in (("O.I.f", "O"), ("O.g", "O")):
        (node,) = module.functions[function].parts.body
        assert isinstance(node, Return)
        assert isinstance(node.value, Field)
        assert isinstance(node.value.object, Name)
        assert node.value.object.name == holder


def test_long_chains_stay_flat() -> None:
    """Thousands of operands, calls and branches are no deep tree."""
    node = value(" + ".join(["p"] * 3000))
    assert isinstance(node, Operation)
    assert len(node.operands) == 3000
    assert isinstance(value("p" + ".m()" * 3000), Call)
    (branch,) = body(" else ".join(["if (p > 1) { g(); }"] * 500))
    assert isinstance(branch, If)
    assert len(branch.arms) == 500


def test_deep_nesting_is_partial() -> None:
    """What is nested beyond the cap is left out and said."""
    module = lower("class T { int f() { return " + "(" * 400 + "1" + ")" * 400 + "; } }")
    assert module.functions["T.f"].parts.body
    assert module.partial


def test_loops_and_resources() -> None:
    """The counted loop is its first part and a `While`; resources are closed at the end."""
    first, loop = body("for (int i = 0; i < 3; i++) { g(i); }")
    assert isinstance(first, Declare)
    assert isinstance(loop, While)
    assert len(loop.step) == 1
    (attempt,) = body("try (R r = new R(); S s = r.s()) { g(); } catch (A | B e) { h(); }")
    assert isinstance(attempt, Try)
    (outer,) = attempt.body
    assert isinstance(outer, Using)
    assert isinstance(outer.body[0], Using)
    assert len(attempt.handlers[0].types) == 2


def test_switch_falls_through_only_where_nothing_leaves() -> None:
    """Old and new forms."""
    (old,) = body("switch (p) { case 1: case 2: g(); break; case 3: h(); default: k(); }")
    assert isinstance(old, Switch)
    assert [case.falls_through for case in old.cases] == [True, False, True, True]
    assert old.cases[-1].otherwise
    (declared,) = body("int v = switch (p) { case 1, 2 -> 5; default -> { yield 6; } };")
    assert isinstance(declared, Declare)


def test_closures_and_anonymous_classes() -> None:
    """A lambda is a closure, and so is the method of an anonymous class."""
    assert isinstance(value("x -> g(x)"), Closure)
    node = value("new Runnable() { public void run() { g(); } }")
    assert isinstance(node, Call)
    assert node.creates
    assert isinstance(node.arguments[0], Closure)


def test_records_and_enums_have_members() -> None:
    """A record's constructor and readers, an enum's constants."""
    module = lower("record P(int a, String b) { } enum E { A(1), B; E() {} E(int x) {} }")
    assert {"P.<init>", "P.a", "P.b"} <= set(module.functions)
    assert set(module.classes["P"].methods) == {"<init>", "a", "b"}
    assert [type(one) for one in module.classes["E"].body] == [Declare, Declare]


def test_a_field_that_is_assigned_again_is_no_constant() -> None:
    """Its first value is one of several."""
    module = lower("class T { int a = 1; int b = 2; void f() { b = 3; } }")
    first, second = module.classes["T"].body
    assert isinstance(first, Declare)
    assert isinstance(second, Declare)
    assert isinstance(first.value, Literal)
    assert not isinstance(second.value, Literal)


def test_imports_and_where_classes_lie() -> None:
    """Names of imports, and files below the source root or beside."""
    module = lower("package a.b; import c.D; import static e.F.g; import h.*; class T { }")
    assert module.name == "a.b"
    assert module.imports == {"D": "c.D", "g": "e.F.g"}
    assert module.wildcards == ["h"]
    assert module_paths("c.D", "src/main/java/a/b/T.java") == ["src/main/java/c/D.java"]
    assert module_paths("D", "src/main/java/a/b/T.java") == ["src/main/java/a/b/D.java"]
    assert module_paths("java.util.List", "src/main/java/a/b/T.java") == []


def test_broken_code_is_still_lowered() -> None:
    """The methods around a syntax error stay readable."""
    module = lower("class T { void f() { int = ; } void g() { h(1); } ")
    assert "T.g" in module.functions
    (node,) = module.functions["T.g"].parts.body
    assert isinstance(node, (Call, Assign))
