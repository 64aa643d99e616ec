"""What a person is asked before a command runs: the real words, what decided, what could be saved.

Knows verdicts, no face. Guards that hidden and bidirectional characters are seen, and that nothing
of a long command is left out in silence.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from kodo.agent.permission.rules import Rule
from kodo.agent.permission.verdicts import Verdict
from kodo.base.text import printable
from kodo.core.messages import Value

Answer = Literal["no", "yes", "always"]
MAX_SHOWN = 4_000
_SUBCOMMANDED_NAMES = """
    git npm pnpm yarn cargo go docker podman kubectl pip uv poetry make mvn gradle gh
    python node bundle dotnet terraform aws gcloud systemctl apt-get apt brew conda
"""
_SUBCOMMANDED = frozenset(_SUBCOMMANDED_NAMES.split())


class Question(Value, frozen=True):
    """A question for a person. `reason` names the rule; `offer` is the rule that "always" saves."""

    text: str
    reason: str
    offer: Rule | None = None


def command_question(command: str, verdict: Verdict) -> str:
    """Return the command as it is, and the words of the parts that are asked about."""
    lines = ["run this command?", *_indented(_shown(command))]
    asked = [part for part in verdict.parts if part.decision in ("ask", "deny")]
    for part in asked:
        words = msgspec.json.encode(list(part.words)).decode()
        lines.append(f"  {part.rule}: {_shown(words)}")
    if command != printable(command):
        lines.append("  careful: it holds hidden characters, shown here as \\x.. or \\u....")
    return "\n".join(lines)


def _shown(text: str) -> str:
    text = printable(text)
    if len(text) <= MAX_SHOWN:
        return text
    half = MAX_SHOWN // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _indented(text: str) -> Sequence[str]:
    return [f"  {line}" for line in text.split("\n")]


def offered_rule(command: str, verdict: Verdict) -> Rule | None:
    """Return a rule that would have answered this question, a little more general than the command.

    None where one rule cannot: several parts are asked, one is denied, or what runs is not known.
    """
    asked = [part for part in verdict.parts if part.decision in ("ask", "deny", "open")]
    if len(asked) != 1 or asked[0].decision == "deny" or not asked[0].words:
        return None
    words = asked[0].words
    kept = 2 if words[0] in _SUBCOMMANDED and len(words) > 1 else 1
    prefix = words[:kept]
    if any(word.startswith("-") or re.search(r"[$`*?{\[\s]", word) for word in prefix):
        return None
    name = "-".join(["allow", *(re.sub(r"[^a-z0-9]+", "-", word.lower()) for word in prefix)])
    example = " ".join(words) if all(re.fullmatch(r"[\w./:=@+-]+", w) for w in words) else None
    return Rule(name.strip("-")[:64], "allow", command=prefix, match=(example or " ".join(prefix),))
