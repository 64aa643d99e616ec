"""Which words of git are plain: they change a repository and run no program of its choosing.

An allow list of exact options; what is not on it (also an abbreviation) is not plain. Knows no
shell. Guards that no option names a program, a file to write, or another repository.
"""

import re
from collections.abc import Sequence

from kodo.core.messages import Value


class GitWords(Value, frozen=True):
    """Options of one subcommand: `letters` and `long` may stand, `valued` letters take a value.

    `first` are the words that may come first where they choose what is done (`stash push`).
    """

    letters: str = ""
    valued: str = ""
    long: frozenset[str] = frozenset()
    first: frozenset[str] | None = None


def _words(letters: str, valued: str, long: str, first: str | None = None) -> GitWords:
    chosen = None if first is None else frozenset(first.split())
    return GitWords(letters, valued, frozenset(long.split()), chosen)


_FLOW = "abort continue skip quit"
CHANGING: dict[str, GitWords] = {
    "add": _words("AunNvf", "", "all update no-all force dry-run verbose intent-to-add chmod"),
    "commit": _words(
        "avqsnoi",
        "mFC",
        "all message quiet verbose signoff no-verify amend no-edit allow-empty allow-empty-message"
        " file author date only include reset-author fixup squash reuse-message no-gpg-sign"
        " dry-run cleanup no-status porcelain short",
    ),
    "branch": _words(
        "arvqfdDl",
        "",
        "list show-current all remotes verbose force delete contains no-contains merged no-merged"
        " sort points-at no-track quiet",
    ),
    "switch": _words(
        "dfqm", "cC", "create force-create detach force discard-changes quiet merge orphan no-track"
    ),
    "checkout": _words("dfqm", "bB", "ours theirs orphan no-track detach force quiet merge"),
    "restore": _words("SWq", "s", "source staged worktree ours theirs quiet ignore-unmerged"),
    "merge": _words(
        "qvn",
        "mX",
        f"no-ff ff ff-only squash no-commit commit no-edit {_FLOW} message no-verify stat no-stat"
        " strategy-option allow-unrelated-histories quiet verbose no-gpg-sign",
    ),
    "rebase": _words(
        "qvf",
        "X",
        f"onto {_FLOW} quiet verbose root autosquash no-autosquash keep-base rebase-merges"
        " update-refs autostash no-autostash force-rebase no-verify strategy-option",
    ),
    "cherry-pick": _words(
        "xns", "mX", f"no-commit {_FLOW} mainline allow-empty keep-redundant-commits ff signoff"
    ),
    "revert": _words("ns", "mX", f"no-edit no-commit {_FLOW} mainline signoff"),
    "stash": _words(
        "uakqS",
        "m",
        "include-untracked all keep-index no-keep-index quiet message index staged stat name-only",
        "push save pop apply list show drop clear branch",
    ),
    "tag": _words("aldfv", "mFn", "annotate message file list delete force sort contains merged"),
    "rm": _words("rfnq", "", "cached force dry-run quiet ignore-unmatch"),
    "mv": _words("fknv", "", "force dry-run verbose"),
    "reset": _words("qN", "", "soft mixed hard merge keep quiet"),
    "clean": _words("dfnxXq", "e", "force dry-run quiet exclude"),
    "apply": _words(
        "3Rv",
        "pC",
        "check stat numstat summary index cached reverse 3way reject whitespace recount directory"
        " ignore-whitespace ignore-space-change unidiff-zero include exclude allow-empty",
    ),
    "am": _words("3ksq", "", f"{_FLOW} 3way keep-cr signoff keep quiet"),
    "worktree": _words(
        "dfnv",
        "bB",
        "force detach checkout no-checkout reason quiet porcelain",
        "add list remove prune lock unlock move",
    ),
    "notes": _words("f", "mF", "message file force", "add append show list remove copy"),
    "init": _words("q", "b", "initial-branch quiet"),
}
_LOOKING_NAMES = """
    status log diff show rev-parse ls-files describe shortlog rev-list merge-base ls-tree blame
    cat-file grep
"""
LOOKING = frozenset(_LOOKING_NAMES.split())
_LOOKING_REFUSED = ("--out", "--ext", "--textc", "--show-sig", "--exec", "--parseopt", "--op", "-O")
_PAGER_BEHIND = re.compile(r"-[^-]*O")
_GLOBAL = frozenset({"--no-pager", "-P", "--no-optional-locks"})


def may_change(words: Sequence[str]) -> bool:
    """Tell whether a git command may change the repository. `words` begin with `git`."""
    return _subcommand(words)[0] not in LOOKING


def why_not_plain(words: Sequence[str]) -> str:
    """Return why a git command is not plain, "" where it is. `words` begin with `git`."""
    name, rest = _subcommand(words)
    if name.startswith("-"):
        return f"git {name!r} before the subcommand; use workdir instead of -C, and no -c"
    if name in LOOKING:
        bad = [word for word in rest if word.startswith(_LOOKING_REFUSED)]
        if name == "grep":  # -O runs a program, also behind other letters: -nO
            bad += [word for word in rest if _PAGER_BEHIND.match(word)]
        return f"git {name} {bad[0]!r}" if bad else ""
    known = CHANGING.get(name)
    if known is None:
        return f"'git {name}'"
    bad_word = _unknown(rest, known)
    return f"git {name} {bad_word!r}" if bad_word is not None else ""


def _subcommand(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    for index, word in enumerate(words[1:], 1):
        if word not in _GLOBAL:
            return word, words[index + 1 :]
    return "", ()


def _unknown(rest: Sequence[str], known: GitWords) -> str | None:
    """Return the first option that is not known."""
    if known.first is not None:
        plain = [word for word in rest if not word.startswith("-")]
        if plain and rest[0] == plain[0] and plain[0] not in known.first:
            return plain[0]
    taken = False
    for word in rest:
        if taken:
            taken = False
        elif word == "--":
            return None
        elif word.startswith("--"):
            if word[2:].partition("=")[0] not in known.long:
                return word
        elif len(word) > 1 and word[0] == "-" and not word[1:].isdecimal():
            for place, letter in enumerate(word[1:], 1):
                if letter in known.valued:
                    taken = place == len(word) - 1
                    break
                if letter not in known.letters:
                    return word
    return None
