"""Folders of processes that were killed are swept; those of living ones, and others', stay."""

import subprocess
import sys
from pathlib import Path

from kodo.sandboxes.private import make_private, sweep


def test_what_a_dead_process_left_is_swept_by_the_next(tmp_path: Path) -> None:
    mine = make_private("jail", tmp_path)
    program = (
        "import os, sys; from pathlib import Path;"
        "from kodo.sandboxes.private import make_private;"
        "folder = make_private('scratch', Path(sys.argv[1]));"
        "(folder / 'closed').mkdir(); (folder / 'closed/file').touch();"
        "(folder / 'closed').chmod(0); print(folder, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    left = Path(done.stdout.strip())
    assert left.is_dir()
    count = left.name.split("-")[3]
    other_count = tmp_path / left.name.replace(f"-{count}-", "-1-")  # of another container
    linked = tmp_path / f"{left.name}-link"
    other_count.mkdir()
    linked.symlink_to(mine)
    (tmp_path / "kodo-scratch-old").mkdir()
    another = make_private("scratch", tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(
        [mine, another, other_count, linked, tmp_path / "kodo-scratch-old"]
    )
    assert sweep(tmp_path / "missing") == []
