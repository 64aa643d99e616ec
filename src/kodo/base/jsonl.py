"""JSON lines: one value a line, read and written without holding the file in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from kodo.base.errors import ConfigError

T = TypeVar("T")


def read_jsonl(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    """Yield (1-based line number, value) for every line that is not blank.

    Raises ConfigError naming the file and line where a line is not a `kind`, or where the file
    cannot be read.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    yield number, decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise ConfigError(f"{path}:{number}: {error}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from error
