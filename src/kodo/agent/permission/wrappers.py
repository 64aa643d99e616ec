"""Commands that run another command: how far their own words go, and where the other one begins.

A table, because each wrapper has options of its own that take a value. Does not judge. Guards that
`sudo -u x env A=1 timeout 5 rm` is seen as what it runs.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Wrapper(NamedTuple):
    """Options that take a separate value, words of its own before the command, `NAME=value`s."""

    valued: frozenset[str] = frozenset()
    operands: int = 0
    assigns: bool = False


def _wrapper(valued: str = "", operands: int = 0, *, assigns: bool = False) -> Wrapper:
    return Wrapper(frozenset(valued.split()), operands, assigns)


WRAPPERS: dict[str, Wrapper] = {
    "env": _wrapper("-u --unset -C --chdir", assigns=True),
    "sudo": _wrapper(
        "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -r --role -t --type"
        " -T --command-timeout -R --chroot",
        assigns=True,
    ),
    "doas": _wrapper("-u -C"),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "time": _wrapper("-o --output -f --format"),
    "timeout": _wrapper("-s --signal -k --kill-after", 1),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c --class -n --classdata -p -P -u"),
    "chrt": _wrapper("-T -P -D", 1),
    "taskset": _wrapper("", 1),
    "stdbuf": _wrapper("-i --input -o --output -e --error"),
    "command": _wrapper(),
    "builtin": _wrapper(),
    "exec": _wrapper("-a"),
    "coproc": _wrapper(),
    "xargs": _wrapper(
        "-a --arg-file -d --delimiter -E -I --replace -L --max-lines -n --max-args -P --max-procs"
        " -s --max-chars"
    ),
    "parallel": _wrapper("-j --jobs -a --arg-file -S --sshlogin -C --colsep -N --max-args"),
    "watch": _wrapper("-n --interval"),
    "strace": _wrapper("-e -o -p -s -u"),
    "ltrace": _wrapper("-e -o -p -s -u"),
    "flock": _wrapper("-w --timeout -E", 1),
    "chroot": _wrapper("", 1),
    "unshare": _wrapper("-S -G -R -w --setuid --setgid --root --wd"),
    "nsenter": _wrapper("-t --target -S -G -W"),
    "setpriv": _wrapper("--reuid --regid --groups"),
    "runuser": _wrapper("-u -g"),
    "busybox": _wrapper(),
    "caffeinate": _wrapper("-t -w"),
    "uv": _wrapper(),
    "poetry": _wrapper(),
    "pipenv": _wrapper(),
    "direnv": _wrapper("", 1),
}
"""`uv`, `poetry`, `pipenv` and `direnv` wrap only behind their `run` or `exec`."""

_ONLY_BEHIND: dict[str, frozenset[str]] = {
    "uv": frozenset({"run"}),
    "poetry": frozenset({"run"}),
    "pipenv": frozenset({"run"}),
    "direnv": frozenset({"exec"}),
}
_REPLACES = frozenset({"xargs", "parallel"})
"""These add words that only a run could tell."""


class Wrapped(NamedTuple):
    """The index at which the inner command begins; `more` says that words will be added to it."""

    start: int
    more: bool


def wrapped(name: str, words: Sequence[str]) -> Wrapped | None:
    """Return where the command inside `words` begins; None where `name` wraps nothing here.

    A flag that is unknown and has no `=` is taken to stand alone.
    """
    wrapper = WRAPPERS.get(name)
    if wrapper is None:
        return None
    at = 1
    if name in _ONLY_BEHIND:
        if len(words) < 2 or words[1] not in _ONLY_BEHIND[name]:
            return None
        at = 2
    if name == "command" and len(words) > 1 and words[1] in {"-v", "-V"}:
        return None
    operands = wrapper.operands
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if word.startswith("-") and len(word) > 1:
            at += 2 if word in wrapper.valued else 1
        elif wrapper.assigns and "=" in word and word.partition("=")[0].isidentifier():
            at += 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    at = min(at + (operands if words[at - 1 : at] == ["--"] else 0), len(words))
    return Wrapped(at, name in _REPLACES) if at < len(words) else None


def split_string(words: Sequence[str]) -> str | None:
    """Return the text of `env -S TEXT` or `su -c TEXT` and the like; None where there is none."""
    for index, word in enumerate(words[1:], 1):
        for flag in ("-S", "--split-string", "-c", "--command"):
            if word == flag and index + 1 < len(words):
                return words[index + 1]
            if word.startswith(f"{flag}=") and flag.startswith("--"):
                return word.partition("=")[2]
            if flag == "-S" and word.startswith("-S") and len(word) > 2:
                return word[2:]
    return None


def executed_by_find(words: Sequence[str]) -> list[list[str]]:
    """Return the commands behind `-exec`, `-execdir`, `-ok`, `-okdir` of find (also fd's `-x`)."""
    found: list[list[str]] = []
    current: list[str] | None = None
    for word in words[1:]:
        if word in {"-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"}:
            current = []
            found.append(current)
        elif word in {";", "+"}:
            current = None
        elif current is not None:
            current.append(word)
    return [command for command in found if command]
