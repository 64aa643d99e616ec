"""Reading a shell command: which checks its exit code tells of, if any.

Knows runners by name and runs nothing. Guards that what only looks at checks, changes files or
hides their exit code is no proof; what this cannot read counts as none.
"""

import re
import shlex
from collections.abc import Sequence

from kodo.core.messages import Value

_PREFIX = (
    r"(?:(?:\w+=\S*|env|time|nice|command|exec|sudo|timeout(?: -\S+)* \S+|xvfb-run|npx|bundle exec"
    r"|(?:uv|poetry|pdm|pipenv|hatch|rye) run|python[\d.]*(?: -\S+(?: \w+)?)*? -m"
    r"|coverage run(?: -m)?) )*"
)
_CHECK_COMMAND = (
    _PREFIX + r"(pytest|py\.test|unittest|tox|nox|npm (?:run )?(?:test|build|lint)|yarn test"
    r"|pnpm test|node --test|jest|vitest|mocha|cargo (?:test|check|clippy|build)"
    r"|go (?:test|vet|build)|mvn|gradlew?|ctest|make (?:test|check)|rspec|rake|minitest"
    r"|ruby -Itest|phpunit|dotnet test|tsc|mypy|pyright|ruff (?:check|format)"
    r"|eslint|javac|bash -n|python[\d.]* \S*manage\.py test"
    r"|python[\d.]* (?:\S*/)?(?:tests?\w*|\w+_tests?|run_?tests?)\.py"
    r"|python[\d.]* (?:\S*/)?tests?/\S+\.py)(?![\w.-])"
)
_OPERATOR = re.compile(r"[();<>|&\n]+")
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})

# What may stand before a check in one chain of `&&`; none of these changes files.
_SETTING = frozenset(
    {"cd", "pushd", "popd", "env", "export", "set", "unset", "source", ".", "ulimit"}
)
_LEAVING = frozenset({"exit", "exec", "return", "trap", "alias"})
_SHOWING = frozenset({"tail", "head", "cat", "tee", "grep"})

# Options with which a runner proves nothing: it tells of itself, only lists, or changes the files.
_NO_PROOF = (
    r"-h|-DskipTests|-Dmaven\.test\.skip|--fix.*|--(?:version|help|collect-only|co|dry-run|just-print"
    r"|recon|question|touch|no-run|list|list-tests|listTests|list-sessions|show-only|showConfig"
    r"|init|markers|setup-plan|setup-only|cache-show|print-config|unsafe-fixes|add-noqa"
    r"|install-types|watch|updateSnapshot|passWithNoTests)"
)
_NO_PROOF_OF: dict[str, str] = {
    "pytest": "-V",
    "make": r"-[bBeikrsSwR]*[nqt]",
    "go": "-n|-c|-list|-fix",
    "ctest": "-N",
    "mvn": "-v",
    "tox": "-l",
    "nox": "-l",
    "tsc": "-v|-w",
}
_GOALS: dict[str, str] = {
    "mvn": r".*\b(?:test|package|verify|install|integration-test)",
    "gradle": r".*\b(?:test|check|build)",
    "rake": "|test|spec|check",
}
_EVERYTHING = frozenset({".", "./...", "discover"})
_SELECTING = frozenset({"--lf", "--last-failed", "--ff", "--sw", "--stepwise"})


class Check(Value, frozen=True):
    """A check that a command runs: `runner` as in `cargo test`. `whole`: it runs all there is."""

    runner: str
    whole: bool

    def covers(self, earlier: "Check") -> bool:
        """Tell whether this one's passing makes an earlier failure of the same runner old news."""
        return self.runner == earlier.runner and (self.whole or not earlier.whole)


def tells_of_check(command: str) -> bool:
    """Tell whether a shell command's exit code is that of a check."""
    return bool(read_checks(command))


def read_checks(command: str) -> tuple[Check, ...]:
    """Return the checks that a shell command's exit code tells of; none where it tells of others.

    `pytest | tail` ends as `tail` does, `pytest; echo done` always well, `cat pytest.ini` checks
    nothing, and after `pytest && sed -i ...` the files are others than those that were checked.
    """
    lexer = shlex.shlex(command.strip(" \n;"), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t\r", "", True
    try:
        words = list(lexer)
    except ValueError:
        return ()
    chain: list[list[str]] = [[]]
    pipefail = False
    piped = False  # the segment only shows what the one before it says
    for word in words:
        if not _OPERATOR.fullmatch(word):
            chain[-1].append(word)
            continue
        if "<" in word or ">" in word:
            chain[-1].append(">")
            continue
        if piped and (not chain[-1] or chain.pop()[0] not in _SHOWING):
            return ()
        piped = word in ("|", "|&")
        pipefail = pipefail or (chain[-1][:1] == ["set"] and "pipefail" in chain[-1])
        if (piped and pipefail) or word == "&&" or set(word) <= {"(", ")"}:
            chain.append([])
        elif (
            piped or word in ("||", "&") or any(part[:1] and part[0] in _LEAVING for part in chain)
        ):
            return ()
        else:  # the exit code is that of what follows
            chain = [[]]
    if piped and (not chain[-1] or chain.pop()[0] not in _SHOWING):
        return ()
    return _checks_of([segment for segment in chain if segment])


def _checks_of(chain: list[list[str]]) -> tuple[Check, ...]:
    """Return the checks of a chain that holds nothing but checks and settings, a check last."""
    found: list[Check] = []
    last: tuple[Check, ...] = ()
    for segment in chain:
        last = _read_segment(segment)
        if not last and segment[0] not in _SETTING and not _assigns_only(segment):
            return ()
        found += last
    return tuple(found) if last else ()


def _assigns_only(words: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\w+=.*", word, re.DOTALL) for word in words)


def _read_segment(words: list[str]) -> tuple[Check, ...]:
    if len(words) > 2 and words[0] in _SHELLS and re.fullmatch(r"-l?c", words[1]):
        return read_checks(words[2])
    words = [words[0].rpartition("/")[2], *words[1:]]
    text = " ".join(words)
    match = re.match(_CHECK_COMMAND, text)  # compiled when there is one to read
    if match is None:
        return ()
    runner = {"py.test": "pytest", "gradlew": "gradle"}.get(match[1], match[1])
    rest = text[match.end() :].split()
    if ">" in rest:
        rest = rest[: rest.index(">")]
        rest = rest[:-1] if rest and rest[-1].isdigit() else rest  # `2>&1`
    if not _proves(runner, rest):
        return ()
    goals = _GOALS.get(runner, "(?!)")
    selects = any(
        word in _SELECTING
        or not (word.startswith("-") or word in _EVERYTHING or re.fullmatch(goals, word))
        for word in rest
    )
    return (Check(runner, whole=not selects),)


def _proves(runner: str, rest: Sequence[str]) -> bool:
    """Tell whether the runner, called with these words, judges the project and leaves it alone."""
    kind = runner.split()[0]
    for word in rest:
        if re.fullmatch(_NO_PROOF, word.partition("=")[0]):
            return False
        if re.fullmatch(_NO_PROOF_OF.get(kind, "(?!)"), word):
            return False
    if runner == "ruff format" and not {"--check", "--diff"}.intersection(rest):
        return False
    goals = _GOALS.get(kind)
    wanted = [word for word in rest if not word.startswith("-")] or [""]
    return goals is None or any(re.fullmatch(goals, word) for word in wanted)
