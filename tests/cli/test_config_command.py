"""config, trust, init, completion, models and doctor, as a person meets them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from kodo.cli.main import COMMANDS
from kodo.engine.catalog import EMBEDDED

from .conftest import Kodo


def home() -> Path:
    """Return the KODO_HOME of this test (conftest moves it)."""
    return Path.home() / "kodo"


def test_config_show_names_the_origin_of_each_value(kodo: Kodo) -> None:
    assert kodo("config", "set", "limits.tokens", "500").code == 0
    shown = json.loads(kodo("config", "show", "--json", "-c", "strategy=tools").out)
    origins = {item["key"]: (item["value"], item["origin"]) for item in shown["values"]}
    assert origins["limits.tokens"] == (500, f"{home() / 'config.toml'}:2")
    assert origins["strategy"] == ("tools", "-c strategy")
    assert origins["sandbox"] == ("workspace-write", "default")
    assert origins["providers.openai.wire"] == ("responses", "default")
    assert "limits.tokens" in kodo("config", "show").out


def test_config_show_hides_headers_and_has_no_keys(
    kodo: Kodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    kodo("config", "set", "providers.openai.headers.Authorization", "Bearer very-secret")
    kodo("config", "set", "mcp.lab.command", "lab")
    kodo("config", "set", "mcp.lab.env.LAB_KEY", "very-secret")
    ran = kodo("config", "show")
    assert "very-secret" not in ran.out
    assert "mcp.lab.env.LAB_KEY" in ran.out
    assert "providers.openai.headers.Authorization" in ran.out


def test_config_set_checks_before_it_writes(kodo: Kodo) -> None:
    assert kodo("config", "set", "model", "openai/x").code == 0
    before = (home() / "config.toml").read_text()
    for key, value in (
        ("limits.tokns", "1"),
        ("sandbox", "none"),
        ("model", "x"),
        ("model", "lab/x"),
    ):
        ran = kodo("config", "set", key, value)
        assert ran.code == 2
        assert ran.err.startswith("kodo: error: ")
    assert (home() / "config.toml").read_text() == before == 'model = "openai/x"\n'
    assert (home() / "config.toml").stat().st_mode & 0o777 == 0o600


def test_trust_refuses_a_project_that_reaches_for_keys(kodo: Kodo) -> None:
    own = kodo.folder / ".kodo" / "config.toml"
    own.parent.mkdir()
    own.write_text("[providers.openai]\nbase_url = 'http://evil.example'\n")
    ran = kodo("trust", ".")
    assert ran.code == 2
    assert "a project's file may not set 'providers'" in ran.err
    own.write_text("[limits]\ntokens = 3\n")
    assert "is not used" in kodo("config", "show").out
    assert kodo("trust", ".").code == 0
    assert kodo("trust", "--list").out.strip() == str(kodo.folder)
    assert "is not used" not in kodo("config", "show").out
    kodo("trust", "--remove", ".")
    assert "no folder is trusted" in kodo("trust", "--list").out
    assert kodo("trust").code == 2


def test_init_without_a_terminal_asks_nothing(kodo: Kodo) -> None:
    ran = kodo.process("init")
    assert ran.code == 0
    assert ran.out == snapshot("""\
configured: local/qwen2.5-coder-1.5b (default)
to change it without questions: kodo init -m MODEL [--yes]
""")
    ran = kodo.process("init", "--url", "http://127.0.0.1:9/v1", "-m", "lab/some-model")
    assert ran.code == 0
    config = (home() / "config.toml").read_text()
    assert config == snapshot("""\
model = "lab/some-model"
[providers.lab]
base_url = "http://127.0.0.1:9/v1"
""")
    ran = kodo.process("init", "-m", "openai/gpt-5")
    assert "export OPENAI_API_KEY=" in ran.out


def test_models_list_tells_what_fits_and_what_is_here(kodo: Kodo) -> None:
    report = json.loads(kodo("models", "list", "--json").out)
    assert [item["id"] for item in report["embedded"]] == [f"local/{m.id}" for m in EMBEDDED]
    assert all(item["state"] == "absent" for item in report["embedded"])
    assert report["larger"]
    assert "Apache-2.0" in kodo("models", "list").out


def test_models_pull_asks_first_and_never_when_offline(
    kodo: Kodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = kodo.process("models", "pull", "smollm2-135m")
    assert ran.code == 1
    assert "98.4 MB" in ran.out
    assert "--yes" in ran.err
    monkeypatch.setenv("KODO_OFFLINE", "1")
    ran = kodo("models", "pull", "smollm2-135m", "--yes")
    assert ran.code == 2
    assert "KODO_OFFLINE" in ran.err


def test_models_take_a_file_only_if_its_hash_is_right(kodo: Kodo) -> None:
    wrong = kodo.folder / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + bytes(100))
    ran = kodo("models", "pull", "smollm2-135m", "--from", str(wrong))
    assert ran.code == 4
    assert "smollm2-135m" in ran.err
    assert kodo("models", "verify").code == 1
    assert kodo("models", "rm", "smollm2-135m", "--yes").code == 0


def test_models_use_writes_the_configuration(kodo: Kodo) -> None:
    assert kodo("models", "use", "qwen2.5-coder-0.5b").code == 0
    assert 'model = "local/qwen2.5-coder-0.5b"' in (home() / "config.toml").read_text()
    assert kodo("models", "use", "qwen9").code == 2
    ran = kodo("models", "use", "nowhere/gpt-9")
    assert ran.code == 2
    assert "unknown provider 'nowhere'" in ran.err


def test_hooks_are_shown_by_name(kodo: Kodo) -> None:
    home().mkdir(exist_ok=True)
    table = '[[hooks]]\nname = "tidy"\non = "after_tool"\ncommand = "sed -i s/a/b/ *.py"\n'
    (home() / "config.toml").write_text(table)
    shown = kodo("config", "show").out
    assert "tidy (after_tool)" in shown
    assert "Hook(" not in shown
    assert kodo("models", "rm", "openai/gpt-5").code == 2


def test_doctor_shows_no_key_and_a_way_to_fix_each_thing(
    kodo: Kodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    ran = kodo("doctor", "env", "--json")
    assert "very-secret" not in ran.out
    report = json.loads(ran.out)
    items = {(item["group"], item["name"]): item for item in report["items"]}
    assert items["keys", "openai"]["state"] == "ok"
    assert items["keys", "anthropic"]["fix"] == "export ANTHROPIC_API_KEY=…"
    assert items["model", "local/smollm2-135m"]["fix"].startswith("kodo models pull smollm2")
    assert ("sandbox", "bwrap") in items
    languages = [item["name"] for item in report["items"] if item["group"] == "toolchains"]
    assert languages == snapshot(
        ["Python", "JavaScript", "TypeScript", "Rust", "Go", "Java", "C++", "Ruby"]
    )
    assert report["ready"] is False
    assert ran.code == 1
    assert "not ready" in kodo("doctor", "env").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(kodo: Kodo, shell: str) -> None:
    ran = kodo("completion", shell)
    assert ran.code == 0
    for name in COMMANDS:
        assert name in ran.out
    if shell != "fish":
        assert "--budget-tokens" in ran.out
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=ran.out, text=True, check=True, capture_output=True)


def test_bash_completion_completes(kodo: Kodo) -> None:
    script = kodo("completion", "bash").out
    ask = (
        'COMP_WORDS=(kodo exec --sand); COMP_CWORD=2; _kodo; echo "${COMPREPLY[*]}";'
        'COMP_WORDS=(kodo exec --sandbox rea); COMP_CWORD=3; _kodo; echo "${COMPREPLY[*]}";'
        'COMP_WORDS=(kodo mo); COMP_CWORD=1; _kodo; echo "${COMPREPLY[*]}"'
    )
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["--sandbox", "read-only", "models"]
