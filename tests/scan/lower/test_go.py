"""Go becomes the intermediate representation; what is broken or deep stays readable."""

from kodo.scan.ir import (
    Assign,
    Call,
    Closure,
    Collection,
    Declare,
    Defer,
    ForEach,
    If,
    Literal,
    Mapping,
    Module,
    Name,
    Node,
    Operation,
    Return,
    Switch,
    Text,
    While,
)
from kodo.scan.lower.go.module import lower_go, module_paths
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, path: str = "internal/shop/shop.go") -> Module:
    """A lowered file."""
    data = source.encode()
    return lower_go(parse(data, "go").root_node, SourceText(path, data))


def body(statements: str, imports: str = "") -> list[Node]:
    """The statements of a function."""
    module = lower(f"package shop\n{imports}\nfunc f(p int, q string) {{\n{statements}\n}}")
    return module.functions["f"].parts.body


def value(expression: str, imports: str = "") -> Node:
    """An expression."""
    (node,) = body(f"return {expression}", imports)
    assert isinstance(node, Return)
    assert node.value is not None
    return node.value


def test_literals() -> None:
    """Literals have the value that Go gives them."""
    expected = {
        '"a\\n\\u0041\\"b\\101\\x41"': 'a\nA"bAA',
        "`a\\n`": "a\\n",
        "'c'": "c",
        "0x1F": 31,
        "0o17": 15,
        "017": 15,
        "1_000": 1000,
        "1.5": 1.5,
        "true": True,
        "nil": None,
    }
    for source, constant in expected.items():
        node = value(source)
        assert isinstance(node, Literal), source
        assert (node.value, type(node.value)) == (constant, type(constant))


def test_imports_have_dotted_names_without_versions() -> None:
    """Local names as given or guessed; a version is no part of a name."""
    module = lower(
        'package a\nimport (\n"os/exec"\nx "net/http"\n. "fmt"\n_ "embed"\n'
        '"github.com/labstack/echo/v4"\n"gopkg.in/yaml.v3"\n"github.com/a/go-b"\n)'
    )
    assert module.imports == {
        "exec": "os.exec",
        "x": "net.http",
        "echo": "github.com.labstack.echo",
        "yaml": "gopkg.in.yaml",
        "b": "github.com.a.go-b",
    }
    assert module.wildcards == ["fmt"]
    assert module.name == "internal.shop"


def test_methods_belong_to_their_type_wherever_it_stands() -> None:
    """A struct's fields and methods; an embedded type is a base."""
    module = lower(
        "package a\nfunc (s *Shop) Pay(n int) error { return nil }\n"
        "type Shop struct {\n*http.Server\ndb *sql.DB\na, b int\n}\n"
    )
    shop = module.classes["Shop"]
    assert shop.fields == {"Server": "http.Server", "db": "sql.DB", "a": "int", "b": "int"}
    assert shop.bases == ["http.Server"]
    pay = shop.methods["Pay"]
    assert pay.receiver
    assert [(one.name, one.type) for one in pay.parts.parameters] == [("s", "Shop"), ("n", "int")]


def test_several_results_and_the_second_value_of_a_look_up() -> None:
    """A call's results are a tuple; `ok` of a map says whether the key is in it."""
    (several,) = body("a, err := g()")
    assert isinstance(several, Declare)
    assert isinstance(several.target, Collection)
    first, second = body("v, ok := m[q]")
    assert isinstance(first, Declare)
    assert isinstance(second, Declare)
    assert isinstance(second.value, Operation)
    assert second.value.operator == "in"
    (swap,) = body("p, q = q, p")
    assert isinstance(swap, Assign)
    assert isinstance(swap.value, Collection)


def test_a_bare_return_gives_the_named_results() -> None:
    """`func f() (x string, err error) { return }`."""
    module = lower("package a\nfunc f() (x string, err error) { x = g(); return }")
    last = module.functions["f"].parts.body[-1]
    assert isinstance(last, Return)
    assert isinstance(last.value, Collection)
    assert [one.name for one in last.value.items if isinstance(one, Name)] == ["x", "err"]


def test_templates_become_text_where_their_verbs_are_plain() -> None:
    """`fmt.Sprintf` with a known template is text; numbers are casts; the rest stays a call."""
    made = value('fmt.Sprintf("a%sb%d%%", q, p)', 'import "fmt"')
    assert isinstance(made, Text)
    assert [type(part).__name__ for part in made.parts] == [
        "Literal",
        "Name",
        "Literal",
        "Cast",
        "Literal",
    ]
    assert isinstance(value('fmt.Sprintf("%[2]s", q, q)', 'import "fmt"'), Call)
    assert isinstance(value('other.Sprintf("%s", q)'), Call)


def test_composite_literals() -> None:
    """Lists, maps with elided types, structs with fields by name."""
    listed = value("[]T{{A: 1}, {A: 2}}")
    assert isinstance(listed, Collection)
    assert all(isinstance(one, Call) and one.creates for one in listed.items)
    assert isinstance(value('map[string]bool{"a": true}'), Mapping)
    made = value("&http.Cookie{Name: q, Secure: true}")
    assert isinstance(made, Operation)
    (cookie,) = made.operands
    assert isinstance(cookie, Call)
    assert [one.name for one in cookie.keywords] == ["Name", "Secure"]


def test_switches() -> None:
    """The default comes last; one without a subject is a chain of tests."""
    (chosen,) = body('switch q { default: g()\ncase "a", "b": fallthrough\ncase "c": h() }')
    assert isinstance(chosen, Switch)
    assert [case.falls_through for case in chosen.cases] == [True, False, False]
    assert chosen.cases[-1].otherwise
    (chain,) = body("switch { case p > 1: g()\ncase p > 0, p < 0: h()\ndefault: k() }")
    assert isinstance(chain, If)
    assert len(chain.arms) == 2
    assert chain.otherwise


def test_loops_closures_and_defer() -> None:
    """The forms of `for`, function literals, deferred calls."""
    first, counted, over, pairs, forever = body(
        "for i := 0; i < 3; i++ { g(i) }\nfor k := range m { g(k) }\n"
        "for _, v := range m { g(v) }\nfor { g(1) }"
    )
    assert isinstance(first, Declare)
    assert isinstance(counted, While)
    assert counted.step
    assert isinstance(over, ForEach)
    assert isinstance(pairs, ForEach)
    assert isinstance(pairs.iterable, Call)
    assert isinstance(forever, While)
    assert forever.test is None
    called, deferred = body("go func() { g() }()\ndefer q.Close()")
    assert isinstance(called, Call)
    assert isinstance(called.function, Closure)
    assert isinstance(deferred, Defer)


def test_long_chains_stay_flat_and_deep_nesting_is_partial() -> None:
    """Thousands of operands and calls are no deep tree; past the cap it is said."""
    node = value(" + ".join(["q"] * 3000))
    assert isinstance(node, Operation)
    assert len(node.operands) == 3000
    assert isinstance(value("q" + ".M()" * 3000), Call)
    module = lower("package a\nfunc f() int { return " + "(" * 400 + "1" + ")" * 400 + " }")
    assert module.functions["f"].parts.body
    assert module.partial


def test_where_packages_lie() -> None:
    """A package is a folder; what stands before it may be the module's own name."""
    paths = module_paths("example.com.shop.internal.store", "a.go")
    assert paths[-2:] == ["internal/store/store.go", "store/store.go"]


def test_broken_code_is_still_lowered() -> None:
    """The functions around a syntax error stay readable."""
    module = lower("package a\nfunc f() { x := }\nfunc g() { h(1) }\n")
    assert "g" in module.functions
    assert any(isinstance(node, Call) for node in module.functions["g"].parts.body)
