"""Answers of a model kept one by one in a file of JSON lines, so that a long run can be stopped.

Knows neither questions nor models. Guards that answers given under other conditions are never
counted together: the first line says under which a file was begun.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

Answer = TypeVar("Answer", bound=msgspec.Struct)


def read_answers(file: Path, conditions: msgspec.Struct, kind: type[Answer]) -> list[Answer]:
    """Return the answers of a file, which is begun where it is not there.

    Raises ValueError where they were given under other conditions.
    """
    if not file.exists():
        keep(file, conditions)
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        file.write_bytes(whole)  # the last line was being written when it was stopped
    first, *rest = whole.splitlines() or [b"{}"]
    try:
        found = msgspec.json.decode(first, type=type(conditions))
        answers = [msgspec.json.decode(line, type=kind) for line in rest]
    except msgspec.DecodeError as error:
        raise ValueError(f"{str(file)!r} holds no answers of this benchmark: {error}") from error
    if found != conditions:
        raise ValueError(f"{str(file)!r} was begun with {found}, and not {conditions}")
    return answers


def keep(file: Path, answer: msgspec.Struct) -> None:
    """Add an answer to a file."""
    with file.open("ab") as stream:
        stream.write(msgspec.json.encode(answer) + b"\n")
