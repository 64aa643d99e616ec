"""What a probe runs in a Landlock jail: it tries what must fail, and says what did not.

Run as `python -I -S landlock_trial.py OUTSIDE SECRET WORKSPACE`. Knows nothing of kodo. Harmless
where the jail does not hold: all it touches are the probe's own files.
"""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def main(outside: Path, secret: Path, workspace: Path) -> str:
    """Return `holds`, or what can be done. `outside` is a file with a byte in it."""
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("a file outside can be written", lambda: os.open(outside, os.O_WRONLY)),
        ("a file outside can be cut short", lambda: os.truncate(outside, 0)),
        ("a file outside can be renamed", lambda: outside.rename(f"{outside}-moved")),
        ("a file outside can be removed", lambda: outside.unlink()),
        ("a file can be made outside", lambda: Path(f"{outside}-folder").mkdir()),
        ("a masked secret can be read", lambda: os.open(secret, os.O_RDONLY)),
        ("a read-only workspace can be written", lambda: (workspace / ".kodo-probe").mkdir()),
        ("a network socket can be opened", lambda: socket.socket(socket.AF_INET)),
        ("a packet socket can be opened", lambda: socket.socket(17, socket.SOCK_RAW)),
        ("a unix socket can be connected", _connect),
    ]
    for what, attempt in attempts:
        try:
            attempt()
        except OSError:
            continue
        return what
    with open("/dev/null", "wb") as null:  # noqa: PTH123
        null.write(os.listdir("/usr")[0].encode())  # noqa: PTH208
    return "holds"


def _connect() -> None:
    """Connect to a name that nobody has: refused by the jail, not by the missing listener."""
    with socket.socket(socket.AF_UNIX) as end:
        try:
            end.connect("\0kodo-probe-that-nobody-listens-to")
        except ConnectionRefusedError:
            return


if __name__ == "__main__":
    print(main(*map(Path, sys.argv[1:4])))  # noqa: T201
