"""C and C++ become the intermediate representation, with half of the preprocessor."""

from kodo.scan.ir import (
    Assign,
    Call,
    Cast,
    Closure,
    Declare,
    Field,
    If,
    Label,
    Literal,
    Module,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    While,
)
from kodo.scan.lower.c.declarators import plain_type
from kodo.scan.lower.c.module import lower_c, lower_cpp
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, language: str = "c") -> Module:
    """A lowered file."""
    data = source.encode()
    if language == "c":
        return lower_c(parse(data, "c").root_node, SourceText("a/b.c", data))
    return lower_cpp(parse(data, "cpp").root_node, SourceText("a/b.cpp", data))


def body(statements: str, language: str = "c") -> list[Node]:
    """The statements of a function."""
    return lower(f"int f(int p) {{ {statements} }}", language).functions["f"].parts.body


def test_literals() -> None:
    """Literals have the value that C gives them; characters are numbers."""
    for source, constant in {
        '"a\\n\\x41\\101"': "a\nAA",
        'L"w"': "w",
        "'c'": 99,
        "'\\0'": 0,
        "0xFFUL": 255,
        "017": 15,
        "-1": -1,
        "1.5f": 1.5,
        '"a" "b"': "ab",
        "NULL": None,
    }.items():
        (node,) = body(f"return {source};")
        assert isinstance(node, Return)
        assert isinstance(node.value, Literal), source
        assert node.value.value == constant


def test_declarators() -> None:
    """Pointers, arrays and pointers to functions."""
    nodes = body("const char *a, b[10] = {0}; struct in_addr c; void (*d)(int) = g; int e(void);")
    found = [
        (node.target.name, node.type, len(node.lengths))
        for node in nodes
        if isinstance(node, Declare) and isinstance(node.target, Name)
    ]
    assert found == [("a", "char*", 0), ("b", "char", 1), ("c", "in_addr", 0), ("d", "void*", 0)]
    assert plain_type("const std::vector<int> &") == "vector<int>"


def test_parameters_and_structs() -> None:
    """Types of parameters, fields of structs and of their typedefs."""
    module = lower(
        "typedef struct _a { char first[16]; void *p; int x, y[2]; } a_t; typedef a_t b_t;"
        "void f(int argc, char *argv[]) { }"
    )
    assert module.classes["a_t"].fields == {
        "first": "char[16]", "p": "void*", "x": "int", "y": "int[2]",
    }  # fmt: skip
    assert module.imports["b_t"] == "a_t"
    parameters = module.functions["f"].parts.parameters
    assert [(one.name, one.type) for one in parameters] == [("argc", "int"), ("argv", "char**")]


def test_macros() -> None:
    """Other names, numbers, text; what stands for a variable is that variable."""
    module = lower(
        '#define RUN system\n#define SIZE (10)\n#define TEXT "a"\n#define ARG data\n'
        "void f(char *data) { RUN(ARG); }"
    )
    assert module.imports == {"RUN": "system", "ARG": "data"}
    values = [
        node.value.value
        for node in module.body
        if isinstance(node, Assign) and isinstance(node.value, Literal)
    ]
    assert values == [10, "a"]
    (call,) = module.functions["f"].parts.body
    assert isinstance(call, Call)
    assert isinstance(call.arguments[0], Name)
    assert call.arguments[0].name == "data"


def test_of_two_branches_of_the_preprocessor_one_is_taken() -> None:
    """Not that of another system, and not what is switched off."""
    nodes = body("\n#ifdef _WIN32\na();\n#else\nb();\n#endif\n#if 0\nc();\n#else\nd();\n#endif\n")
    names = [
        node.function.name
        for node in nodes
        if isinstance(node, Call) and isinstance(node.function, Name)
    ]
    assert names == ["b", "d"]


def test_statements() -> None:
    """Loops, switches, labels, `else if` chains."""
    nodes = body(
        "for (int i = 0; i < 3; i++) { g(i); } switch (p) { case 1: g(); break; case 2: h();"
        " default: k(); } if (p) { } else if (p > 1) { } else { g(); } goto end; end: return 1;"
    )
    assert [type(node) for node in nodes[:2]] == [Declare, While]
    switch = nodes[2]
    assert isinstance(switch, Switch)
    assert [case.falls_through for case in switch.cases] == [False, True, True]
    branch = nodes[3]
    assert isinstance(branch, If)
    assert (len(branch.arms), len(branch.otherwise)) == (2, 1)
    assert isinstance(nodes[5], Label)


def test_cpp() -> None:
    """Casts, `new`, lambdas, methods inside and outside of the class, namespaces."""
    nodes = body("x = static_cast<char *>(p); auto g = [&](int k) { return k; }; new A(1);", "cpp")
    assert isinstance(nodes[0], Assign)
    assert isinstance(nodes[0].value, Cast)
    assert nodes[0].value.type == "char*"
    assert isinstance(nodes[1], Declare)
    assert isinstance(nodes[1].value, Closure)
    assert isinstance(nodes[2], Call)
    assert nodes[2].creates
    module = lower(
        "namespace n { class C { public: C(int a) : x(a) {} void m(); private: int x; }; "
        "void C::m() { x = 1; } }",
        "cpp",
    )
    assert {"C.C", "C.m"} <= set(module.functions)
    (node,) = module.functions["C.m"].parts.body
    assert isinstance(node, Assign)
    assert isinstance(node.target, Field)


def test_long_chains_stay_flat() -> None:
    """Thousands of operands are one node."""
    (node,) = body("return " + " + ".join(["p"] * 3000) + ";")
    assert isinstance(node, Return)
    assert isinstance(node.value, Operation)
    assert len(node.value.operands) == 3000


def test_broken_code_is_still_lowered() -> None:
    """The functions around a syntax error stay readable."""
    module = lower("void f(void) { int = ; }\nvoid g(void) { h(1); }\n")
    assert "g" in module.functions
