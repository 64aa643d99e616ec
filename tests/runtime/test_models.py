"""Which model an id leads to: keys, providers, files, offline, proxies, and nothing unasked."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.runtime.spies import KeptTransport

from kodo.base.errors import ConfigError, StoreError
from kodo.core.events import Retrying
from kodo.core.model import Model
from kodo.models.anthropic import Anthropic
from kodo.models.fallback import Fallback
from kodo.models.openai_chat import OpenAIChat
from kodo.models.openai_responses import OpenAIResponses
from kodo.runtime.config import Settings, load_settings, read_environment
from kodo.runtime.models import open_model, split_id
from kodo.runtime.registry import MODELS

LAB = '[providers.lab]\nbase_url = "{url}"\nwire = "{wire}"\n'


class Host:
    """A home and a workspace to open models in."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.home.mkdir()
        self.workspace = root / "workspace"
        self.workspace.mkdir()

    def settings(self, *assignments: str, config: str = "", **variables: str) -> Settings:
        (self.home / "config.toml").write_text(config)
        environment = {"HOME": str(self.home), "KODO_HOME": str(self.home), **variables}
        return load_settings(read_environment(environment), self.workspace, assignments=assignments)

    def open(self, model: str, config: str = "", **variables: str) -> Model:
        return open_settings(self.settings(f"model={model}", config=config, **variables))


def open_settings(settings: Settings) -> Model:
    async def read_blob(name: str) -> bytes:
        raise StoreError(name)

    async def on_retry(retrying: Retrying) -> None:
        raise AssertionError

    return open_model(settings, read_blob, on_retry)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_an_id_is_provider_and_name() -> None:
    assert split_id("openrouter/qwen/qwen3-coder") == ("openrouter", "qwen/qwen3-coder")
    for wrong in ("gpt-5", "/gpt-5", "openai/"):
        with pytest.raises(ConfigError, match="has no provider"):
            split_id(wrong)


@pytest.mark.parametrize(
    ("model", "variables", "kind"),
    [
        ("openai/gpt-5", {"OPENAI_API_KEY": "sk-1"}, OpenAIResponses),
        ("anthropic/claude-x", {"ANTHROPIC_API_KEY": "sk-2"}, Anthropic),
    ],
)
def test_a_named_provider_with_its_key(
    host: Host, model: str, variables: Mapping[str, str], kind: type
) -> None:
    opened = host.open(model, **variables)
    assert isinstance(opened, kind)
    assert opened.info.id == model


@pytest.mark.parametrize(
    ("wire", "kind"), [("chat", OpenAIChat), ("messages", Anthropic), ("responses", Fallback)]
)
def test_a_provider_of_ones_own(host: Host, wire: str, kind: type) -> None:
    config = LAB.format(url="http://127.0.0.1:1/v1", wire=wire)
    opened = host.open("lab/some/model", config)
    assert isinstance(opened, kind)
    assert (opened.info.id, opened.info.provider) == ("lab/some/model", "lab")


def test_a_base_url_of_ones_own_may_speak_chat_only(host: Host) -> None:
    named = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    assert isinstance(host.open("openai/gpt-5", **named), Fallback)


def test_what_the_user_knows_better_of_a_model(host: Host) -> None:
    config = LAB.format(url="http://127.0.0.1:1/v1", wire="chat") + (
        "[providers.lab.models.m]\ncontext_tokens = 12345\n"
        "price = { input_usd = 1.0, output_usd = 2.0 }\n"
    )
    info = host.open("lab/m", config).info
    assert info.context_tokens == 12345
    assert info.price is not None
    assert info.price.output_usd == 2.0


def test_a_missing_key_and_an_unknown_provider(host: Host) -> None:
    with pytest.raises(ConfigError, match="set the variable OPENAI_API_KEY"):
        host.open("openai/gpt-5", ANTHROPIC_API_KEY="sk-2")
    with pytest.raises(ConfigError, match=r"known are local, scripted, openai, anthropic"):
        host.open("nobody/x")
    config = LAB.format(url="http://127.0.0.1:1/v1", wire="chat") + 'env_key = "LAB_KEY"\n'
    with pytest.raises(ConfigError, match="set the variable LAB_KEY"):
        host.open("lab/x", config, OPENAI_API_KEY="sk-1")
    host.open("lab/x", config, LAB_KEY="sk-3")


def test_a_key_alone_chooses_nobody(host: Host) -> None:
    settings = host.settings(OPENAI_API_KEY="sk-1", ANTHROPIC_API_KEY="sk-2")
    assert settings.config.model.startswith("local/")
    with pytest.raises(ConfigError, match="kodo models pull"):
        open_settings(settings)


def test_offline_no_provider_is_used(host: Host) -> None:
    with pytest.raises(ConfigError, match="KODO_OFFLINE"):
        host.open("openai/gpt-5", OPENAI_API_KEY="sk-1", KODO_OFFLINE="1")


def test_a_local_model_must_be_there_and_whole(host: Host) -> None:
    with pytest.raises(ConfigError, match=r"not on this machine: pull it with `kodo models pull"):
        host.open("local/smollm2-135m")
    with pytest.raises(ConfigError, match="unknown local model 'none'"):
        host.open("local/none")
    with pytest.raises(ConfigError, match="no model file at"):
        host.open("local/none.gguf")
    (host.workspace / "cut.gguf").write_bytes(b"GGUF\x03")
    with pytest.raises(ConfigError, match="only 5 bytes"):
        host.open("local/cut.gguf")
    header = b"GGUF" + (3).to_bytes(4, "little") + bytes(7) + b"\x01" + bytes(7) + b"\x01"
    (host.workspace / "whole.gguf").write_bytes(header)
    assert "small" in host.open("local/whole.gguf").info.abilities


def test_a_script_counts_from_the_workspace(host: Host) -> None:
    (host.workspace / "s.jsonl").write_text('{"text": "hi"}\n')
    assert "tools" in host.open("scripted/s.jsonl").info.abilities
    with pytest.raises(ConfigError, match="cannot read"):
        host.open("scripted/none.jsonl")
    (host.workspace / "bad.jsonl").write_text('{"text": "hi"}\n{"txt": "x"}\n')
    with pytest.raises(ConfigError, match=r"bad\.jsonl:2"):
        host.open("scripted/bad.jsonl")


PROXY = "http://127.0.0.1:3128"


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        ("https://lab.example/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://lab.example/v1", {"https_proxy": PROXY}, PROXY),
        ("https://lab.example/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://lab.example/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://lab.example/v1", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://lab.example/v1", {}, None),
        ("https://lab.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "lab.example"}, None),
        ("https://lab.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a.b, .example"}, None),
        ("https://lab.example:444/v1", {"HTTPS_PROXY": PROXY, "no_proxy": "LAB.example:444"}, None),
        ("https://lab.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("https://mylab.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "lab.example"}, PROXY),
        ("http://localhost:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://127.0.0.2:8000/v1", {"ALL_PROXY": PROXY}, None),
        ("http://[::1]:8000/v1", {"ALL_PROXY": PROXY}, None),
    ],
)
def test_the_proxy_of_the_environment(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    variables: Mapping[str, str],
    proxy: str | None,
) -> None:
    monkeypatch.setitem(MODELS, "transport", "tests.runtime.spies:KeptTransport")
    host.open("lab/m", LAB.format(url=url, wire="chat"), SSL_CERT_FILE="/ca.pem", **variables)
    assert KeptTransport.last == {"ca_file": "/ca.pem", "proxy": proxy}


def test_one_provider_imports_no_other(host: Host) -> None:
    (host.workspace / "s.jsonl").write_text('{"text": "hi"}\n')
    code = (
        "import sys; from pathlib import Path\n"
        "from kodo.runtime.config import load_settings, read_environment\n"
        "from kodo.runtime.models import open_model\n"
        "settings = load_settings(read_environment(), Path(sys.argv[1]),"
        " assignments=['model=' + sys.argv[2]])\n"
        "open_model(settings, None, None)\n"
        "print([n for n in sys.modules if n.startswith(('kodo.models.', 'kodo.engine.'))])\n"
    )

    def loaded(model: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, str(host.workspace), model],
            env={"HOME": str(host.home), "KODO_HOME": str(host.home), "OPENAI_API_KEY": "sk-1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    names = loaded("openai/gpt-5")
    assert "kodo.models.openai_responses" in names
    for other in ("kodo.engine", "anthropic", "openai_chat", "local", "scripted"):
        assert other not in names
    assert "transport" not in loaded("scripted/s.jsonl")
