"""The jail as a Seatbelt profile, for `sandbox-exec` of macOS: text only.

Covered by the profile: writes outside the workspace, `.git` and `.kodo` in it, credentials, the
network, signals to others. Not covered: limits of memory and processes, survivors. kodo does not
run it yet; it says what a person may run.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kodo.sandboxes.guarded import find_guarded
from kodo.sandboxes.home import possible_credentials
from kodo.sandboxes.jail import Jail

_DEVICES = ("null", "zero", "random", "urandom", "tty", "dtracehelper")


def seatbelt_profile(jail: Jail, temporary: Path) -> str:
    """Return the profile of a jail whose commands may write in `temporary` as well.

    Later rules outweigh earlier ones, so what is denied stands at the end.
    """
    return "\n".join(_lines(jail, temporary)) + "\n"


def _lines(jail: Jail, temporary: Path) -> Iterator[str]:
    yield "(version 1)"
    if jail.profile == "full":
        yield "(allow default)"
        return
    yield "(deny default)"
    yield "(allow process-exec process-fork)"
    yield "(allow signal (target same-sandbox))"
    yield "(allow sysctl-read)"
    yield "(allow mach-lookup)"
    yield "(allow ipc-posix-sem ipc-posix-shm)"
    yield "(allow file-read*)"
    yield f"(allow file-ioctl file-write-data {_words('literal', map(_device, _DEVICES))})"
    writable = [temporary, *([jail.workspace] if jail.profile == "workspace-write" else [])]
    yield f"(allow file-write* {_words('subpath', writable)})"
    if jail.allow_net:
        yield "(allow network* system-socket)"
    else:
        yield '(allow network* (local ip "localhost:*") (remote ip "localhost:*"))'
    secrets = [*possible_credentials(jail.home), *jail.secrets]
    yield f"(deny file-read* file-write* {_words('subpath', secrets)})"
    guarded = find_guarded(jail)
    kept = {*guarded.read_only, jail.workspace / ".git", jail.workspace / ".kodo"}
    yield f"(deny file-write* {_words('subpath', sorted(kept))})"
    if guarded.pinned:
        yield f"(deny file-write-unlink {_words('literal', guarded.pinned)})"


def _device(name: str) -> Path:
    return Path("/dev") / name


def _words(kind: str, paths: Iterable[Path]) -> str:
    return " ".join(f"({kind} {_quoted(path)})" for path in paths)


def _quoted(path: Path) -> str:
    text = os.fspath(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
