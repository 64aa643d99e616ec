"""A conversation folded into one item that stands in for it: `compaction`.

Knows how the item is written and read. Guards that it needs nothing of this server: any kodo can go
on from it. Its content is not secret, only opaque: it holds what the client had said itself.
"""

import base64
import binascii

from kodo.core.messages import User, user
from kodo.server.problem import bad_request

_MARK = "kodo1."

ASKING = (
    "Write down what another assistant needs to go on with this conversation from here, which will"
    " be all that it knows of it: what the user wants and has decided, what was done and found out"
    " (files, names, commands, numbers, to the letter), what failed, and what comes next. Write the"
    " notes only."
)
_BEFORE = "This conversation goes on from an earlier part of it, of which these notes are left:\n\n"


def asking() -> User:
    """Return the message that asks a model for the notes."""
    return user(ASKING)


def sealed(notes: str) -> str:
    """Return notes as the content of a compaction item."""
    return _MARK + base64.urlsafe_b64encode(notes.encode()).decode()


def opened(content: str, param: str) -> User:
    """Return a compaction item's content as a message. Raises RequestError for another server's."""
    try:
        if not content.startswith(_MARK):
            raise ValueError
        notes = base64.b64decode(content.removeprefix(_MARK), altchars=b"-_", validate=True)
        return user(_BEFORE + notes.decode())
    except (ValueError, binascii.Error) as error:
        raise bad_request(
            "this compaction was not made by kodo serve, so it cannot be read here: send the"
            " conversation itself",
            code="invalid_compaction",
            param=f"{param}.encrypted_content",
        ) from error
