"""A runner that kodo puts into the scratch copy: given its jobs, started, and its reports read.

Knows no language. Guards that both files are written through the sandbox (a test may have put a
symlink in their place), and that a report which was cut in the middle is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from kodo.base.errors import ToolError
from kodo.core.sandbox import Sandbox

MOST_OUTPUT_BYTES = 64 << 20

T = TypeVar("T")


async def run_injected(
    sandbox: Sandbox,
    words: Sequence[str],
    files: Mapping[str, bytes],
    *,
    env: Mapping[str, str],
    timeout_s: float,
) -> bytes:
    """Write the files, run the words and return the output; empty where a file is refused."""
    try:
        for name, data in files.items():
            await sandbox.write(Path(name), data)
    except ToolError:
        return b""
    result = await sandbox.exec(
        words, env=env, timeout_s=timeout_s, max_output_bytes=MOST_OUTPUT_BYTES
    )
    return result.output


def reports_in(output: bytes, mark: bytes, kind: type[T]) -> Iterator[T]:
    """Yield the reports: the lines of the output that begin with `mark`, as JSON of `kind`."""
    for line in output.split(b"\n"):
        if line.startswith(mark):
            try:
                yield msgspec.json.decode(line[len(mark) :], type=kind)
            except msgspec.DecodeError:
                continue  # cut in the middle
