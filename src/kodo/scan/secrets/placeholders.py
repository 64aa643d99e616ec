"""What only looks like a secret: placeholders, words, examples, and files that are all example.

Knows no format. Guards against noise: a finding nobody believes hides the one that is true.
"""

import math
import re
from collections import Counter
from itertools import pairwise

_WORDS = (
    rb"(?i)example|sample|dummy|placeholder|changeme|change[_-]me|your[_-]?|my[_-]?(?:secret|pass|key"
    rb"|token)|insert|replace|redacted|not[_-]?(?:a[_-]?)?(?:real|secret|key)|fake|mock|todo|fixme"
    rb"|foo|bar(?![a-z])|baz|xxxx|\*\*\*|\.\.\.|abcdef|qwerty|12345|98765|deadbeef|lorem|hunter2"
    rb"|letmein|test|demo|undefined|null|none|secret[_-]?key|access[_-]?token"
)
_REFERENCE = (
    rb"^[<\[({%$@#&]|^\$?\{|\{\{|\$\{|\$\(|%\(|<%|^(?:env|vault|op|ssm|secret|arn|kms|file|https?):"
    rb"|process\.env|os\.environ|getenv|ENV\["
)
_EXAMPLE_PATH = (
    r"(?i)(?:^|/)(?:tests?|__tests__|specs?|testing|testdata|test[_-]?(?:data|fixtures|resources)"
    r"|fixtures?|examples?|samples?|demos?|docs?|documentation|mocks?|stubs?|benchmarks?|cassettes"
    r"|e2e|snapshots|__snapshots__|javadoc)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[_.\-](?:test|tests|spec|example|sample|dist|template)"
    r"(?:\.[^/]*)?)$|[^/a-z]Tests?\.(?:java|kt|cs)$|[a-z]Tests?\.java$|\.(?:md|rst|adoc|txt)$"
)


def is_placeholder(value: bytes) -> bool:
    """Tell whether the text stands for a secret rather than being one."""
    if re.search(_WORDS, value) or re.search(_REFERENCE, value):
        return True
    return len(set(value)) < 6 or _is_sequence(value)


def _is_sequence(value: bytes) -> bool:
    """Whether most neighbours follow each other, as in `0123456789abcdef`, or repeat."""
    steps = sum(1 for a, b in pairwise(value) if abs(b - a) <= 1)
    return steps * 2 > len(value)


def is_example_path(path: str) -> bool:
    """Tell whether a file is a test, an example or prose, where secrets are made up."""
    return re.search(_EXAMPLE_PATH, path) is not None


def bits_a_character(value: bytes) -> float:
    """Return the Shannon entropy of the text's own characters; 0 for no text."""
    if not value:
        return 0.0
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())
