"""Commands that a zygote forks are children of this process, with nothing of the zygote's."""

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from kodo.base.process import Completed, attend
from kodo.sandboxes.zygote.client import UNKNOWN_STATUS, Zygote

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="zygotes are for Linux"),
]
PLAIN = "from kodo.sandboxes.confine import become\ndef enter(plan, words): become(words)"
VARIABLES = {"PATH": os.environ["PATH"], "ONE": "1"}


async def run(zygote: Zygote, *words: str, stdin: bytes | None = None) -> Completed:
    """Run words through a zygote."""
    child = await zygote.fork(b"", words, VARIABLES, cwd="/", feeds=stdin is not None)
    return await attend(child, stdin=stdin, timeout_s=60)


@pytest.fixture
def zygote() -> Zygote:
    """Return a zygote without a jail."""
    return Zygote(PLAIN, "kodo-test: ")


async def test_a_command_is_our_child_and_leads_its_group(zygote: Zygote) -> None:
    done = await run(zygote, "sh", "-c", "echo $$ $PPID; ps -o pgid= -p $$; env; pwd")
    zygote.close()
    lines = done.output.decode().split("\n")
    pid, parent = lines[0].split()
    assert parent == str(os.getpid())
    assert lines[1].strip() == pid
    assert "ONE=1" in lines
    assert not any(line.startswith("HOME=") for line in lines)
    assert "/" in lines


async def test_exit_codes_signals_and_input(zygote: Zygote) -> None:
    assert (await run(zygote, "sh", "-c", "exit 7")).exit_code == 7
    assert (await run(zygote, "sh", "-c", "kill -9 $$")).exit_code == -9
    assert (await run(zygote, "no-such-program")).exit_code == 127
    done = await run(zygote, "wc", "-c", stdin=b"x" * 300_000)
    assert done.output.strip() == b"300000"
    zygote.close()


async def test_only_its_own_files_are_open(zygote: Zygote, tmp_path: Path) -> None:
    here, there = os.pipe()
    with (tmp_path / "other").open("w") as other:
        os.set_inheritable(other.fileno(), True)  # noqa: FBT003
        child = await zygote.fork(
            b"", ["bash", "-c", f"ls /proc/self/fd; echo x >&{there}"], VARIABLES, cwd="/",
            files=[there],
        )  # fmt: skip
        done = await attend(child, timeout_s=60)
    os.close(there)
    assert os.read(here, 9) == b"x\n"
    os.close(here)
    zygote.close()
    opened = {int(word) for word in done.output.split()}
    assert opened - {there} <= {0, 1, 2, 3}, "3 is the listing's own"


async def test_commands_run_beside_each_other(zygote: Zygote) -> None:
    seen: list[bytes] = []

    async def one(number: int) -> None:
        seen.append((await run(zygote, "echo", str(number))).output)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(one, number)
    zygote.close()
    assert sorted(seen) == [f"{number}\n".encode() for number in range(8)]


async def test_a_zygote_that_died_is_started_anew(zygote: Zygote) -> None:
    async def zygote_pid() -> int:
        done = await run(zygote, "pgrep", "-P", str(os.getpid()), "-f", "kodo.sandboxes.zygote")
        return int(done.output.split()[0])

    first = await zygote_pid()
    os.kill(first, signal.SIGKILL)
    assert (await run(zygote, "echo", "again")).output == b"again\n"
    zygote.close()


async def test_what_cannot_be_entered_says_why() -> None:
    broken = Zygote("def enter(plan, words): raise OSError('no such jail')", "kodo-test: ")
    done = await run(broken, "true")
    broken.close()
    assert (done.exit_code, done.output) == (125, b"kodo-test: no such jail\n")


async def test_a_program_that_does_not_start_is_an_error() -> None:
    broken = Zygote("raise SystemExit(3)", "kodo-test: ")
    with pytest.raises(OSError, match="died twice"):
        await run(broken, "true")
    broken.close()


@pytest.mark.full
async def test_an_answer_that_comes_late_is_not_that_of_the_next_command(tmp_path: Path) -> None:
    # Only the first zygote is slow: it stops itself before it serves.
    mark = tmp_path / "mark"
    stops = f"import os\nif not os.path.exists({str(mark)!r}):\n open({str(mark)!r}, 'w')\n"
    slow = Zygote(f"{stops} os.kill(os.getpid(), 19)\n{PLAIN}", "kodo-test: ", answer_timeout_s=10)
    with pytest.raises(OSError, match="did not answer"):
        await run(slow, "echo", "first")
    assert (await run(slow, "echo", "second")).output == b"second\n"
    slow.close()


async def test_a_child_whose_code_is_lost_has_ended_all_the_same(zygote: Zygote) -> None:
    child = await zygote.fork(b"", ["true"], VARIABLES, cwd="/")
    os.waitpid(child.pid, 0)  # noqa: ASYNC222
    with anyio.fail_after(60):
        assert await child.wait() == UNKNOWN_STATUS
    await child.aclose()
    zygote.close()
