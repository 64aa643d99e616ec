"""Runs inside a jail: opens the door to the gate, hands it out and becomes the command.

Run as `python -I -S handoff.py CHANNEL WORD...`; knows nothing of kodo. The listener is made here,
as a socket belongs to the network it was made in, and accepted from outside: nothing of kodo keeps
running in the jail.
"""

import _socket
import array
import os
import sys
from contextlib import suppress

PORT = 3128


def main(channel: int, words: list[str]) -> None:
    """Listen, hand the listeners over and become `words`."""
    listeners = [_listen(_socket.AF_INET, "127.0.0.1")]
    with suppress(OSError):  # no IPv6 on this host
        listeners.append(_listen(_socket.AF_INET6, "::1"))
    end = _socket.socket(fileno=channel)
    files = array.array("i", [listener.fileno() for listener in listeners])
    end.sendmsg([b"L"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    end.close()
    for listener in listeners:
        listener.close()
    try:
        os.execvp(words[0], words)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _listen(family: int, address: str) -> _socket.socket:
    listener = _socket.socket(family, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind((address, PORT))
    listener.listen(128)
    return listener


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
