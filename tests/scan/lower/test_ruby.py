"""Ruby becomes the intermediate representation."""

import pytest

from kodo.scan.ir import (
    Assign,
    Call,
    Collection,
    Field,
    If,
    Literal,
    Module,
    Name,
    Node,
    Return,
    Text,
    Throw,
)
from kodo.scan.lower.ruby.module import lower_ruby
from kodo.scan.lower.ruby.values import with_line_anchors
from kodo.scan.text import SourceText
from kodo.syntax.tree import parse


def lower(source: str, path: str = "lib/a.rb") -> Module:
    """A file as a module."""
    data = source.encode()
    return lower_ruby(parse(data, "ruby").root_node, SourceText(path, data))


def value(source: str) -> Node:
    """What a variable is given."""
    (node,) = lower(f"x = {source}\n").body
    assert isinstance(node, Assign)
    return node.value


def body(source: str) -> list[Node]:
    """The body of a method."""
    return lower(f"def m(a)\n{source}\nend\n").functions["m"].parts.body


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        (r"'a\n'", r"a\n"),
        (r'"a\n\x41\u00e9"', "a\nA\u00e9"),
        ("%w[a b]", None),
        (":name", "name"),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("nil", None),
        ("true", True),
        ('"a" "b"', "ab"),
    ],
)
def test_literals(source: str, constant: object) -> None:
    """Literals have the value that Ruby gives them; symbols are text."""
    node = value(source)
    if source.startswith("%w"):
        assert isinstance(node, Collection)
        assert all(isinstance(one, Literal) for one in node.items)
    else:
        assert isinstance(node, Literal)
        assert node.value == constant


def test_text_of_all_kinds_keeps_its_parts() -> None:
    """Interpolation, here-documents and backticks."""
    assert isinstance(value('"a#{b}c"'), Text)
    heredoc = value("<<~SQL\n  select #{y}\nSQL")
    assert isinstance(heredoc, Text)
    assert [type(part) for part in heredoc.parts] == [Literal, Name, Literal]
    command = value("`ls #{y}`")
    assert isinstance(command, Call)
    assert isinstance(command.arguments[0], Text)


def test_the_last_value_is_the_result() -> None:
    """Whichever branch it comes from."""
    (node,) = body("if a then 1 else 2 end")
    assert isinstance(node, If)
    assert isinstance(node.arms[0].body[0], Return)
    assert isinstance(node.otherwise[0], Return)
    last = body("x = a\nx")[-1]
    assert isinstance(last, Return)


def test_guards_end_the_path() -> None:
    """`return unless`, `or raise` and `raise` are branches and throws."""
    first, second, _ = body("return unless a\na or raise 'x'\na")
    assert isinstance(first, If)
    assert isinstance(second, If)
    assert isinstance(second.arms[0].body[0], Throw)


def test_a_name_is_a_call_of_the_own_method() -> None:
    """Without parentheses too; a variable of that name hides it."""
    module = lower(
        "class A\n  def run\n    user_params\n  end\n  def hide(user_params)\n    user_params\n"
        "  end\n  def user_params\n    1\n  end\nend\n"
    )
    (run,) = module.functions["A.run"].parts.body
    assert isinstance(run, Return)
    assert isinstance(run.value, Call)
    (hide,) = module.functions["A.hide"].parts.body
    assert isinstance(hide, Return)
    assert isinstance(hide.value, Name)


def test_blocks_are_arguments() -> None:
    """And a method that yields has one."""
    node = value("list.map { |item| item + 1 }")
    assert isinstance(node, Call)
    assert isinstance(node.function, Field)
    assert [keyword.name for keyword in node.keywords] == ["&"]
    yields = lower("def each\n  yield 1\nend").functions["each"].parts
    assert [parameter.name for parameter in yields.parameters] == ["&"]


def test_anchors_of_lines_are_marked() -> None:
    """`^` and `$` are not the ends of a text in Ruby."""
    assert with_line_anchors("^[a-z^]+$") == "(?m:^)[a-z^]+(?m:$)"
    assert with_line_anchors(r"\A\w+\z") == r"\A\w+\z"


def test_deep_code_is_partial() -> None:
    """Nesting has an end."""
    assert lower("x = " + "[" * 3000 + "]" * 3000).partial
