"""The same patches through a codex binary, where KODO_CODEX_BINARY names one, and through ours."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from kodo.base.errors import ToolError
from kodo.tools.patch_grammar import AddFile, DeleteFile, UpdateFile, parse_patch
from kodo.tools.patch_match import apply_chunks

BINARY = os.environ.get("KODO_CODEX_BINARY", "")
CASES = int(os.environ.get("KODO_CODEX_CASES", "300"))
WORDS = ["a", "b", "  a", "a  ", "", "x = 1", "“q”", '"q"', "a—b", "a-b", "\ta", "+p", "-m", "@@ a"]

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not BINARY, reason="KODO_CODEX_BINARY names no codex binary"),
]


def _variant(line: str, dice: random.Random) -> str:
    choice = dice.random()
    if choice < 0.1:
        return line + " "
    if choice < 0.2:
        return line.strip()
    if choice < 0.25:
        return dice.choice(WORDS)
    return line


def _case(dice: random.Random) -> tuple[bytes, str]:
    lines = [dice.choice(WORDS) for _ in range(dice.randint(0, 9))]
    end = dice.choice(["\n", "\n", "\n", "\r\n"])
    text = end.join(lines)
    if lines and dice.random() < 0.8:
        text += end
    patch = ["*** Begin Patch", "*** Update File: f"]
    if dice.random() < 0.1:
        patch.append("*** Move to: g")
    at = 0
    for number in range(dice.randint(1, 3)):
        if dice.random() < 0.1:
            patch.append(dice.choice(["", " ", "junk"]))
        if lines and dice.random() < 0.3:
            at = dice.randint(min(at, len(lines) - 1), len(lines) - 1)
            patch.append(f"@@ {_variant(lines[at], dice)}")
            at += 1
        elif number or dice.random() < 0.8:
            patch.append("@@")
        for _ in range(dice.randint(0, 4)):
            sign = dice.choice(" -+")
            if sign == "+":
                patch.append("+" + dice.choice(WORDS))
            else:
                line = lines[at] if at < len(lines) else dice.choice(WORDS)
                shown = _variant(line, dice)
                patch.append(shown if not shown and sign == " " else sign + shown)
                at += 1
        if dice.random() < 0.15:
            patch.append("*** End of File")
    patch.append("*** End Patch")
    return text.encode(), "\n".join(patch)


def _ours(before: bytes, patch: str) -> dict[str, bytes] | str:
    files = {"f": before}
    try:
        for operation in parse_patch(patch):
            match operation:
                case AddFile(path, text):
                    files[path] = text.encode()
                case DeleteFile(path):
                    del files[path]
                case UpdateFile(path, chunks, move_to):
                    changed = apply_chunks(files.pop(path).decode(), chunks, path)
                    files[move_to or path] = changed.encode()
    except ToolError as error:
        return str(error)
    return files


def _theirs(folder: Path, before: bytes, patch: str) -> dict[str, bytes] | str:
    for path in folder.iterdir():
        path.unlink()
    (folder / "f").write_bytes(before)
    done = subprocess.run(
        [BINARY, "--codex-run-as-apply-patch", patch],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        return done.stderr.decode()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("seed", range(CASES if BINARY else 1))
def test_a_patch_does_what_codex_does(seed: int, tmp_path: Path) -> None:
    before, patch = _case(random.Random(seed))
    ours, theirs = _ours(before, patch), _theirs(tmp_path, before, patch)
    if isinstance(theirs, str) and isinstance(ours, str):
        return
    if "Unexpected line found in update hunk: '@@" in str(theirs):
        return  # several contexts in a row: the grammar has them, ours takes them
    assert ours == theirs, f"{before!r}\n{patch}"
