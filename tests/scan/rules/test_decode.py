"""A rule file with an error is refused with file, line and what was expected."""

import pytest

from kodo.base.errors import ConfigError
from kodo.scan.rules.decode import decode_rules

RULE = """\
languages: [python]
rules:
  - id: python.x
    kind: x
    cwe: 1
    message: "m"
    tests: {bad: ["a"], good: ["b"]}
    sinks:
      - calls: ["f"]
"""


def test_decodes() -> None:
    """A right file gives its rules."""
    (rule,) = decode_rules(RULE.encode(), "a.yaml").rules
    assert rule.id == "python.x"
    assert rule.sinks[0].arguments == (0,)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    cwe: 1\n", "    cwe: one\n", "a.yaml:5: Expected `int`, got `str`"),
        ("    cwe: 1\n", "", "a.yaml:3: Object missing required field `cwe`"),
        ("    kind: x\n", "    kinds: x\n", "a.yaml:3: Object contains unknown field `kinds`"),
        ('calls: ["f"]', 'call: ["f"]', "a.yaml:9: Object contains unknown field `call`"),
        ('calls: ["f"]', 'receiver: "a"', "a.yaml:3: rule 'python.x': expected one of `calls`"),
        ('calls: ["f"]', 'calls: ["f"]\n        receiver: "("', "is not a regular expression"),
        ('bad: ["a"]', "bad: []", "expected at least one `bad` and one `good` example"),
        ("languages: [python]", "languages: [python", "a.yaml:2: this is not YAML"),
        ("    sinks:\n", "    sinks: []\n    patterns:\n", "expected one of `calls`, `writes`"),
    ],
)
def test_refuses(before: str, after: str, message: str) -> None:
    """The error says where and what."""
    text = RULE.replace(before, after)
    if "patterns" in after:
        text = text.replace('calls: ["f"]', "imports_any: [x]")
    with pytest.raises(ConfigError) as caught:
        decode_rules(text.encode(), "a.yaml")
    assert message in str(caught.value)


def test_refuses_unknown_operations() -> None:
    """`does` takes the words of the table only."""
    text = 'languages: [python]\nmodels:\n  - {calls: ["f"], does: fly}\n'
    with pytest.raises(ConfigError, match=r"a.yaml:3: Invalid enum value 'fly'"):
        decode_rules(text.encode(), "a.yaml")
