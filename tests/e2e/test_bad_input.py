"""Whatever is wrong: one clear line that names the thing and the way out, and an intact tree."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from .conftest import Kodo, calls, check_results, git, says, shell, tree, write

pytestmark = pytest.mark.anyio


def configure(kodo: Kodo, text: str) -> None:
    kodo.home.mkdir(parents=True, exist_ok=True)
    (kodo.home / "config.toml").write_text(text)


@pytest.mark.parametrize(
    ("model", "named", "way_out"),
    [
        ("nobody/nothing", "unknown provider 'nobody'", "add [providers.nobody]"),
        ("gpt-5", "'gpt-5' has no provider", "ids look like"),
        ("local/none", "unknown local model 'none'", "kodo models list"),
        ("local/none.gguf", "none.gguf'", "no model file at"),
        ("openai/gpt-5", "the provider 'openai' needs a key", "OPENAI_API_KEY"),
        ("anthropic/claude-x", "the provider 'anthropic' needs a key", "ANTHROPIC_API_KEY"),
        ("local/smollm2-135m", "'smollm2-135m' is not on this machine", "kodo models pull"),
        ("scripted/none.jsonl", "none.jsonl'", "cannot read"),
    ],
)
def test_a_model_that_cannot_be_used(
    kodo: Kodo, files: dict[str, bytes], model: str, named: str, way_out: str
) -> None:
    ran = kodo.run("exec", "-m", model, "do it")
    assert (ran.code, ran.out) == (2, "")
    assert named in ran.error()
    assert way_out in ran.error()
    assert tree(kodo.workspace) == files
    assert not kodo.store.exists()


def test_without_a_model_no_paid_one_is_taken(kodo: Kodo) -> None:
    keys = {"OPENAI_API_KEY": "sk-x", "ANTHROPIC_API_KEY": "sk-y"}
    ran = kodo.run("exec", "do it", env=keys)
    assert ran.code == 2
    assert "kodo models pull" in ran.error()
    ran = kodo.run("exec", "-m", "openai/gpt-5", "do it", env={**keys, "KODO_OFFLINE": "1"})
    assert ran.code == 2
    assert "KODO_OFFLINE" in ran.error()


def test_a_model_file_that_is_not_whole(kodo: Kodo, tmp_path: Path) -> None:
    models = kodo.home / "models"
    models.mkdir(parents=True)
    truncated = models / "smollm2-135m-instruct-q4_1.gguf"
    truncated.write_bytes(b"GGUF" + bytes(1000))
    ran = kodo.run("exec", "-m", "local/smollm2-135m", "do it")
    assert ran.code == 2
    assert str(truncated) in ran.error()
    assert "1004 bytes instead of 98362432" in ran.error()
    assert "kodo models pull" in ran.error()
    corrupt = kodo.workspace / "corrupt.gguf"
    corrupt.write_bytes(b"\x7fELF" + bytes(1000))
    # A path counts from the folder that is worked in.
    ran = kodo.run(
        *("exec", "-m", "local/corrupt.gguf", "-C", str(kodo.workspace), "do it"), cwd=tmp_path
    )
    assert ran.code == 2
    assert "corrupt.gguf" in ran.error()
    assert "not a GGUF header" in ran.error()


def test_the_hub_cannot_be_reached(kodo: Kodo) -> None:
    closed = "http://127.0.0.1:9"
    ran = kodo.run(
        *("models", "pull", "local/smollm2-135m", "--yes"),
        env={
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), closed),
            "PIP_INDEX_URL": f"{closed}/simple",
            "PIP_RETRIES": "0",
            "UV_OFFLINE": "1",
        },
    )
    assert ran.code in (1, 4)
    last = ran.err.rstrip("\n").splitlines()[-1]
    assert last.startswith("kodo: error: ")
    assert "smollm2-135m" in last
    assert "Traceback" not in ran.err
    assert not list(kodo.home.rglob("*.gguf"))


def test_pulling_offline_is_refused(kodo: Kodo) -> None:
    ran = kodo.run("models", "pull", "local/smollm2-135m", "--yes", env={"KODO_OFFLINE": "1"})
    assert ran.code == 2
    assert "KODO_OFFLINE" in ran.error()


def test_nobody_listens_at_the_url(kodo: Kodo, files: dict[str, bytes]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configure(kodo, f'[providers.lab]\nbase_url = "http://127.0.0.1:{port}/v1"\n')
    ran = kodo.run("exec", "--json", "-m", "lab/m", "--budget-model-calls", "1", "do it")
    assert ran.code == 4
    message = ran.lines[-1]["error"]["message"]
    assert "lab" in message
    assert f"127.0.0.1:{port}" in message
    assert tree(kodo.workspace) == files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = \n", "config.toml:1: "),
        ("\nstratgy = 'x'\n", "config.toml:2: unknown key 'stratgy'; did you mean 'strategy'?"),
        ("[limits]\ntokens = 'many'\n", "config.toml:2: 'limits.tokens' cannot be 'many'"),
        ("[providers.lab]\nwire = 'chat'\n", "providers.lab has no base_url"),
        ("[providers.lab]\nbase_url = 'ftp://x'\n", "begins with http:// or https://"),
    ],
)
def test_a_bad_config_file(kodo: Kodo, text: str, said: str) -> None:
    configure(kodo, text)
    ran = kodo.run("exec", "do it")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.error()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--budget-usd", "much", "x"], "--budget-usd"),
        (["--budget-tokens", "-5", "x"], "a limit is 0 or more"),
        (["--strategy", "luck", "x"], "'luck'"),
        (["--sandbox", "none", "x"], "'none'"),
        (["-C", "nowhere", "x"], "no folder 'nowhere'"),
        (["-c", "model", "x"], "-c takes key=value"),
        (["-o", "nowhere/out.txt", "x"], "no folder 'nowhere'"),
        (["-o", ".", "x"], "it is a folder"),
        (["--output-schema", "none.json", "x"], "cannot read 'none.json'"),
        (["--output-schema", "bad.json", "x"], "'bad.json' is not a JSON Schema"),
        (["-i", "none.png", "x"], "cannot read 'none.png'"),
        (["-i", "bad.json", "x"], "not an image"),
        (["--resume", "0123456789", "x"], "no thread '0123456789'"),
        (["--last", "x"], "there is no earlier session"),
        (["--rung", "docker", "x"], "docker"),
        ([], "there is no task"),
    ],
)
def test_a_bad_flag(kodo: Kodo, words: list[str], named: str) -> None:
    (kodo.workspace / "bad.json").write_text("{")
    before = tree(kodo.workspace)
    ran = kodo.run("exec", "-m", kodo.script(says("never")), *words)
    assert (ran.code, ran.out) == (2, "")
    assert named in ran.error()
    assert tree(kodo.workspace) == before


def test_a_project_may_not_choose_who_gets_the_key(kodo: Kodo) -> None:
    (kodo.workspace / ".kodo").mkdir()
    (kodo.workspace / ".kodo" / "config.toml").write_text(
        '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    ran = kodo.run("exec", "--trust", "-m", kodo.script(says("never")), "x")
    assert ran.code == 2
    assert "a project's file may not set 'providers'" in ran.error()


def test_without_git_nothing_is_committed_and_it_is_said(kodo: Kodo, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "cat", "env", "bwrap"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    model = kodo.script(write("a.txt", "x\n"), says("done"))
    ran = kodo.run("exec", "-m", model, "--commit", "make a.txt", env={"PATH": str(programs)})
    assert ran.code == 1, ran.err
    assert "git is not installed" in ran.err


def test_an_empty_repository(kodo: Kodo) -> None:
    git(kodo.workspace, "init", "-q")
    ran = kodo.exec(calls(("list", {}), ("grep", {"pattern": "x"})), says("it is empty"))
    assert (ran.code, ran.end["outcome"]) == (0, "unverified")


async def test_a_repository_of_many_files(kodo: Kodo) -> None:
    for folder in range(40):
        (kodo.workspace / f"d{folder}").mkdir()
        for number in range(100):
            (kodo.workspace / f"d{folder}" / f"f{number}.txt").write_text(f"{folder} {number}\n")
    ran = kodo.exec(
        calls(("list", {}), ("find", {"glob": "*.txt"}), ("grep", {"pattern": "39 99"})),
        write("d0/f0.txt", "changed\n"),
        says("done"),
    )
    assert ran.code == 0, ran.out
    assert ran.end["changed"] == ["d0/f0.txt"]
    (entries,) = (await kodo.threads()).values()
    listed, found, grepped, _ = check_results(entries)
    assert max(len(listed.text), len(found.text)) < 64 << 10
    assert "d39/f99.txt" in grepped.text
    assert kodo.run("undo").code == 0
    assert (kodo.workspace / "d0" / "f0.txt").read_text() == "0 0\n"


async def test_names_and_contents_that_are_not_utf8(kodo: Kodo) -> None:
    (kodo.workspace / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"na\xefve\n")
    (kodo.workspace / "latin.txt").write_bytes(b"first\nna\xefve\nlast\n")
    (kodo.workspace / "data.bin").write_bytes(bytes(range(256)))
    patch = "*** Begin Patch\n*** Update File: latin.txt\n@@\n-first\n+FIRST\n*** End Patch\n"
    ran = kodo.exec(
        calls(
            ("list", {}),
            ("find", {"glob": "*.txt"}),
            ("grep", {"pattern": "na"}),
            ("read", {"path": "latin.txt"}),
            ("read", {"path": "data.bin"}),
        ),
        shell("cat caf* data.bin"),
        calls(("apply_patch", {"patch": patch})),
        says("done"),
        task="look at caf\udce9.txt",
    )
    assert ran.code == 0, ran.out + ran.err
    (entries,) = (await kodo.threads()).values()
    results = check_results(entries)
    assert [result.text for result in results if result.outcome != "ok"] == []
    assert "na\ufffdve" in results[3].text
    assert "binary file of 256 bytes" in results[4].text
    assert tree(kodo.workspace) == {
        "caf\xe9.txt": b"na\xefve\n",
        "latin.txt": b"FIRST\nna\xefve\nlast\n",
        "data.bin": bytes(range(256)),
    }
    assert kodo.run("diff").code == 0
    assert kodo.run("undo").code == 0
    assert (kodo.workspace / "latin.txt").read_bytes() == b"first\nna\xefve\nlast\n"


async def test_paths_out_of_the_workspace_are_refused(kodo: Kodo, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the key\n")
    (kodo.workspace / "link").symlink_to(tmp_path)
    before = tree(kodo.workspace)
    patch = "*** Begin Patch\n*** Update File: link/secret.txt\n@@\n-the key\n+x\n*** End Patch\n"
    added = "*** Begin Patch\n*** Add File: ../new.txt\n+x\n*** End Patch\n"
    ran = kodo.exec(
        calls(
            ("read", {"path": str(secret)}),
            ("read", {"path": "../secret.txt"}),
            ("read", {"path": "link/secret.txt"}),
            ("list", {"path": ".."}),
            ("grep", {"pattern": "key", "path": "link"}),
            ("write", {"path": "link/secret.txt", "content": "x"}),
            ("write", {"path": "../new.txt", "content": "x"}),
            ("write", {"path": ".git/hooks/pre-commit", "content": "x"}),
            ("apply_patch", {"patch": patch}),
            ("apply_patch", {"patch": added}),
        ),
        says("I may not"),
    )
    assert ran.code == 0
    (entries,) = (await kodo.threads()).values()
    results = check_results(entries)
    assert [result.outcome for result in results] == ["error"] * 10
    assert all("outside" in result.text or ".git" in result.text for result in results)
    assert not any("the key" in result.text for result in results)
    assert tree(kodo.workspace) == before
    assert secret.read_text() == "the key\n"
    assert not (tmp_path / "new.txt").exists()


async def test_a_read_only_run_changes_nothing(kodo: Kodo, files: dict[str, bytes]) -> None:
    ran = kodo.exec(
        write("new.txt", "x"),
        shell("echo x > new.txt"),
        says("I may not"),
        options=["--sandbox", "read-only"],
    )
    assert ran.code in (0, 1), ran.err  # 1: a jail that cannot hold commands back denies them
    (entries,) = (await kodo.threads()).values()
    written, _ = check_results(entries)
    assert "read-only" in written.text
    assert tree(kodo.workspace) == files


def test_tests_that_hang_are_cut(kodo: Kodo) -> None:
    ran = kodo.exec(
        write("a.txt", "x\n"),
        says("done"),
        options=["-c", 'checks=["echo began; sleep 600"]', "--budget-seconds", "4"],
    )
    assert (ran.code, ran.end["limit"]) == (3, "seconds"), ran.out
    (check,) = ran.end["checks"]
    assert check["check"] == "finish"
    assert check["evidence"][0]["timed_out"]
    assert "sleep 600" in check["evidence"][0]["command"]


def test_a_command_that_hangs_is_cut_by_the_budget(kodo: Kodo) -> None:
    ran = kodo.exec(shell("sleep 600"), says("never"), options=["--budget-seconds", "2"])
    assert (ran.code, ran.end["limit"]) == (3, "seconds")
    assert "--budget-seconds" in ran.lines[-1]["error"]["message"]
