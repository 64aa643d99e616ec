"""Python becomes the intermediate representation; what is broken or deep stays readable."""

from kodo.scan.ir import Assign, Call, If, Literal, Name, Node, Operation, Text, Try, Unknown, While
from kodo.scan.lower.python.comments import MIN_RUN, without_long_comments
from kodo.scan.lower.python.module import lower_python, module_name, module_paths
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, path: str = "a/b.py") -> list[Node]:
    """The top level of a file."""
    data = source.encode()
    return lower_python(parse(data, "python").root_node, SourceText(path, data)).body


def constant(source: str) -> object:
    """The value of an expression that is one literal."""
    (node,) = lower(f"x = {source}\n")
    assert isinstance(node, Assign)
    assert isinstance(node.value, Literal)
    return node.value.value


def test_literals() -> None:
    """Literals have the value that Python gives them."""
    for source in (
        "'a\\n\\x41\\u00e9\\'b'",
        "r'a\\n'",
        "b'a'",
        "'a' 'b'",
        "0x10",
        "1_000",
        "1.5",
        "True",
        "None",
        "'''a\nb'''",
        "'ä€'",
    ):
        assert constant(source) == eval(source)


def test_interpolated_text() -> None:
    """Format strings keep their parts, also nested ones in format specifiers."""
    (node,) = lower("x = f'a{b!r:>{c}}{{d}}'\n")
    assert isinstance(node, Assign)
    assert isinstance(node.value, Text)
    names = [part.name for part in node.value.parts if isinstance(part, Name)]
    texts = [part.value for part in node.value.parts if isinstance(part, Literal)]
    assert (names, texts) == (["b", "c"], ["a", "{d}"])


def test_long_chains_stay_flat() -> None:
    """Thousands of operands are one node."""
    (node,) = lower("x = " + " + ".join(["a"] * 5000) + "\n")
    assert isinstance(node, Assign)
    assert isinstance(node.value, Operation)
    assert len(node.value.operands) == 5000


def test_long_elif_chains_stay_flat() -> None:
    """Every `elif` is an arm of one `If`."""
    source = "if a == 0:\n    x\n" + "".join(f"elif a == {n}:\n    x\n" for n in range(1000))
    (node,) = lower(source)
    assert isinstance(node, If)
    assert len(node.arms) == 1001


def test_deep_nesting_is_cut_and_said() -> None:
    """What is nested too deeply becomes unknown, without a recursion error."""
    data = ("x = " + "(" * 3000 + "a" + ")" * 3000 + "\n").encode()
    module = lower_python(parse(data, "python").root_node, SourceText("a.py", data))
    assert module.partial == "nested too deeply"


def test_unknown_syntax_keeps_its_children() -> None:
    """A statement without a lowering is evaluated through its children."""
    (node,) = lower("del f(x)\n")
    assert isinstance(node, Unknown)
    assert isinstance(node.children[0], Call)


def test_broken_code_is_read_around_the_error() -> None:
    """The rest of a file with a syntax error is lowered."""
    data = b"def f(:\n    pass\n\ndef g(x):\n    return x\n"
    module = lower_python(parse(data, "python").root_node, SourceText("a.py", data))
    assert "g" in module.functions


def test_definitions_and_imports() -> None:
    """Functions are by qualified name with owner and receiver; imports are absolute."""
    data = b"""
from . import x
from ..p.q import r as s
from .m import *
import a.b, c.d as e
class C(x.B):
    @staticmethod
    def f(a): pass
    def g(self, b: int = 1, *args, k, **kw): pass
"""
    module = lower_python(parse(data, "python").root_node, SourceText("top/sub/mod.py", data))
    assert module.imports == {"x": "top.sub.x", "s": "top.p.q.r", "a": "a", "e": "c.d"}
    assert module.wildcards == ["top.sub.m"]
    assert list(module.functions) == ["C.f", "C.g"]
    assert not module.functions["C.f"].receiver
    function = module.functions["C.g"]
    assert function.receiver
    assert module.classes["C"].bases == ["x.B"]
    assert [(one.name, one.kind, one.type) for one in function.parts.parameters] == [
        ("self", "plain", ""),
        ("b", "plain", "int"),
        ("args", "rest", ""),
        ("k", "named", ""),
        ("kw", "named_rest", ""),
    ]


def test_statements() -> None:
    """Loops and handlers keep their parts."""
    loop, attempt = lower(
        "while a:\n    b\nelse:\n    c\ntry:\n    d\nexcept (E, F) as g:\n"
        "    h\nelse:\n    i\nfinally:\n    j\n"
    )
    assert isinstance(loop, While)
    assert len(loop.otherwise) == 1
    assert isinstance(attempt, Try)
    assert isinstance(attempt.handlers[0].target, Name)
    assert [len(attempt.body), len(attempt.otherwise), len(attempt.final)] == [1, 1, 1]


def test_module_names() -> None:
    """Files and dotted names lead to each other, the importer's neighbours first."""
    assert module_name("a/b/__init__.py") == "a.b"
    assert module_paths("x.y", "a/b.py")[:2] == ["a/x/y.py", "a/x/y/__init__.py"]
    assert "x/y.py" in module_paths("x.y", "a/b.py")


def test_long_runs_of_comments_become_blank() -> None:
    """The grammar would take a square of their number; nothing moves and code stays."""
    code = b"def f():\n    x = 1  # kept\n"
    run = b"    # \xc3\xa4\n\n" * MIN_RUN
    made = without_long_comments(code + run + code)
    assert made == code + run.replace(b"# \xc3\xa4", b"    ") + code
    assert without_long_comments(code * MIN_RUN) == code * MIN_RUN
