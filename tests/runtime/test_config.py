"""Where values come from, what is refused and how it is said."""

from pathlib import Path

import pytest

from kodo.base.errors import ConfigError
from kodo.runtime.config import Override, Settings, load_settings, read_environment
from kodo.runtime.config_edit import set_value
from kodo.runtime.config_file import find_line
from kodo.runtime.settings import DEFAULT_MODEL
from kodo.runtime.trust import project_root, read_trust, set_trust


class Home:
    """A home of kodo and a project folder to load settings in."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "home"
        self.project = root / "project"
        (self.project / ".git").mkdir(parents=True)
        (self.project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        self.variables = {"KODO_HOME": str(self.folder), "HOME": str(root)}

    def write(self, text: str) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "config.toml"
        path.write_text(text)
        return path

    def write_project(self, text: str) -> Path:
        path = self.project / ".kodo" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def load(
        self,
        *assignments: str,
        overrides: tuple[Override, ...] = (),
        trust: bool = False,
        **variables: str,
    ) -> Settings:
        return load_settings(
            read_environment({**self.variables, **variables}),
            self.project,
            overrides=overrides,
            assignments=assignments,
            trust=trust,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_without_any_source_the_defaults_count_and_no_paid_model_is_chosen(home: Home) -> None:
    settings = home.load(OPENAI_API_KEY="sk-something")
    assert settings.config.model == DEFAULT_MODEL
    assert settings.config.model.startswith("local/")
    assert settings.origin("model") == "default"
    assert settings.api_key("openai") == "sk-something"
    assert "sk-something" not in repr(settings)


def test_stronger_sources_win_and_are_named(home: Home) -> None:
    user_file = home.write('model = "lab/a"\nstrategy = "tools"\n\n[limits]\ntokens = 5\n')
    assert home.load().config.model == "lab/a"
    assert home.load().origin("limits.tokens") == f"{user_file}:5"

    project_file = home.write_project('model = "lab/b"\n')
    assert home.load(trust=True).origin("model") == f"{project_file}:1"
    assert home.load(trust=True).config.strategy == "tools"

    settings = home.load(trust=True, KODO_MODEL="lab/c")
    assert (settings.config.model, settings.origin("model")) == ("lab/c", "$KODO_MODEL")

    flag = Override(("model",), "lab/d", "--model")
    settings = home.load(overrides=(flag,), KODO_MODEL="lab/c")
    assert (settings.config.model, settings.origin("model")) == ("lab/d", "--model")

    settings = home.load("model=lab/e", "limits.tokens=7", overrides=(flag,))
    assert settings.config.model == "lab/e"
    assert settings.config.limits.tokens == 7
    assert settings.origin("limits.tokens") == "-c limits.tokens"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("modell = 'a/b'\n", ":1: ", "unknown key 'modell'; did you mean 'model'?"),
        ("\n[limits]\ntoken = 1\n", ":3: ", "did you mean 'limits.tokens'?"),
        ("[providers.x]\nbase_url = 'http://h'\nwhire = 'chat'\n", ":3: ", "'providers.x.wire'"),
        ("[providers.x.models.'a.b']\nprize = 1\n", ":2: ", "unknown key"),
        ("plugins = []\n", ":1: ", "unknown key 'plugins'"),
        ("[limits]\ntokens = 'many'\n", ":2: ", "'limits.tokens' cannot be 'many': expected"),
        ("[limits]\ntokens = -1\n", ":2: ", "a limit is 0 or more"),
        ("sandbox = 'none'\n", ":1: ", "'sandbox' cannot be 'none'"),
        ("model = 'gpt-5'\n", ":1: ", "has no provider"),
        ("[providers.local]\nbase_url = 'http://h'\n", ":2: ", "cannot be named 'local'"),
        ("[providers.x]\nbase_url = 'h:80'\n", ":2: ", "begins with http:// or https://"),
        ("a = = b\n", ":1: ", "Invalid value"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_file_and_line(
    home: Home, text: str, where: str, message: str
) -> None:
    path = home.write(text)
    with pytest.raises(ConfigError) as caught:
        home.load()
    assert str(caught.value).startswith(f"{path}{where}")
    assert message in str(caught.value)


def test_a_key_in_place_of_its_variable_is_refused_without_showing_it(home: Home) -> None:
    home.write("[providers.x]\nbase_url = 'http://h'\nenv_key = 'sk-proj-secret'\n")
    with pytest.raises(ConfigError, match="never in a file") as caught:
        home.load()
    assert "secret" not in str(caught.value)


def test_a_choice_that_does_not_exist_names_those_that_do(home: Home) -> None:
    with pytest.raises(ConfigError, match="workspace-write"):
        home.load("sandbox=none")


@pytest.mark.parametrize(
    "text",
    [
        "[providers.openai]\nbase_url = 'http://evil.example/v1'\n",
        "sandbox = 'full'\n",
        "rung = 'local'\n",
        "allow_hosts = ['evil.example']\n",
        "mode = 'auto'\n",
        "offline = false\n",
        "headers = {a = 'b'}\n",
        "hooks = ['rm -rf ~']\n",
        "api_key = 'x'\n",
    ],
)
def test_a_project_never_sets_what_decides_about_keys_and_the_jail(home: Home, text: str) -> None:
    path = home.write_project(text)
    with pytest.raises(ConfigError, match="a project's file may not set") as caught:
        home.load(trust=True)
    assert str(caught.value).startswith(f"{path}:1: ")
    assert home.load().config == home.load().config  # untrusted: not even read


def test_a_project_counts_only_where_its_folder_is_trusted(home: Home) -> None:
    home.write_project("[limits]\ntokens = 9\n")
    settings = home.load()
    assert settings.config.limits.tokens is None
    assert f"kodo trust {home.project}" in settings.notes[0]

    set_trust(settings.paths.trust_file, home.project, trusted=True)
    settings = home.load()
    assert settings.config.limits.tokens == 9
    assert settings.notes == ()

    nested = home.project / "vendor" / "clone"
    (nested / ".git").mkdir(parents=True)
    (nested / ".kodo").mkdir()
    (nested / ".kodo" / "config.toml").write_text("model = 'x/y'\n")
    assert load_settings(read_environment(home.variables), nested).config.model == DEFAULT_MODEL


def test_a_damaged_trust_list_is_an_error_not_trust(home: Home) -> None:
    home.folder.mkdir()
    (home.folder / "trust.json").write_text("[")
    with pytest.raises(ConfigError, match="remove it and trust anew"):
        home.load()


def test_trust_is_by_real_path(home: Home, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home.project)
    file = home.folder / "trust.json"
    set_trust(file, link, trusted=True)
    assert read_trust(file).folders == (str(home.project.resolve()),)
    assert project_root(link / ".kodo") == home.project.resolve()


def test_providers_merge_over_the_built_in_ones(home: Home) -> None:
    home.write(
        "[providers.openai]\nheaders = {X-Team = 'a'}\n"
        "[providers.lab]\nbase_url = 'http://127.0.0.1:8000/v1'\n"
        "[providers.lab.models.'qwen2.5']\ncontext_tokens = 4096\n"
        "price = {input_usd = 0, output_usd = 1.5}\n"
    )
    settings = home.load(OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    openai = settings.provider("openai")
    assert openai.base_url == "http://127.0.0.1:1/v1"
    assert openai.wire == "responses"
    assert openai.env_key == "OPENAI_API_KEY"
    assert openai.headers == {"X-Team": "a"}
    lab = settings.provider("lab")
    assert lab.wire == "chat"
    assert settings.api_key("lab") is None
    assert lab.models["qwen2.5"].context_tokens == 4096
    with pytest.raises(ConfigError, match="unknown provider 'lob'"):
        settings.provider("lob")
    with pytest.raises(ConfigError, match="set the variable OPENAI_API_KEY"):
        settings.api_key("openai")


def test_a_provider_without_url_is_refused(home: Home) -> None:
    home.write("[providers.lab]\n")
    with pytest.raises(ConfigError, match=r"providers\.lab has no base_url"):
        home.load()


@pytest.mark.parametrize(("text", "offline"), [("1", True), ("yes", True), ("0", False)])
def test_offline_is_read_from_the_environment(home: Home, text: str, *, offline: bool) -> None:
    assert home.load(KODO_OFFLINE=text).config.offline is offline


def test_an_offline_that_says_nothing_is_refused(home: Home) -> None:
    with pytest.raises(ConfigError, match="use 1 or 0"):
        home.load(KODO_OFFLINE="maybe")


def test_assignments_take_toml_values_and_plain_text(home: Home) -> None:
    settings = home.load('checks=["pytest -q"]', "offline=true", "model=lab/with space")
    assert settings.config.checks == ("pytest -q",)
    assert settings.config.offline is True
    assert settings.config.model == "lab/with space"
    for wrong in ("model", "=x", "a b c=1"):
        with pytest.raises(ConfigError):
            home.load(wrong)


def test_without_kodo_home_the_xdg_folders_count(tmp_path: Path) -> None:
    paths = read_environment({"HOME": str(tmp_path), "XDG_DATA_HOME": "/srv/data"}).paths()
    assert paths.config_file == tmp_path / ".config" / "kodo" / "config.toml"
    assert paths.models == Path("/srv/data/kodo/models")
    assert paths.trust_file == tmp_path / ".local" / "state" / "kodo" / "trust.json"


def test_lines_are_found_in_tables_dotted_keys_and_quotes() -> None:
    text = 'a = 1\nlimits.tokens = 2\n[providers."my lab"]\nbase_url = "x"\n[[x]]\n'
    assert find_line(text, ("a",)) == 1
    assert find_line(text, ("limits", "tokens")) == 2
    assert find_line(text, ("providers", "my lab", "base_url")) == 4
    assert find_line(text, ("providers", "my lab", "wire")) == 3
    assert find_line(text, ("b",)) is None


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("", ("model",), "a/b", 'model = "a/b"\n'),
        ("# mine\nmodel = 'a/b' # old\n", ("model",), "c/d", '# mine\nmodel = "c/d"\n'),
        ("[limits]\nseconds = 1\n", ("model",), "a/b", 'model = "a/b"\n[limits]\nseconds = 1\n'),
        ("[limits] # cap\n", ("limits", "tokens"), 5, "[limits] # cap\ntokens = 5\n"),
        ("model = 'a/b'", ("limits", "tokens"), 5, "model = 'a/b'\n\n[limits]\ntokens = 5\n"),
    ],
)
def test_setting_a_key_keeps_comments_and_order(
    before: str, key: tuple[str, ...], value: object, after: str
) -> None:
    assert set_value(before, key, value) == after


def test_a_project_lowers_limits_and_never_raises_those_of_the_user(home: Home) -> None:
    user_file = home.write("[limits]\ntokens = 100\ncost_usd = 1\n")
    project_file = home.write_project("[limits]\ntokens = 101\ncost_usd = 0.5\ntool_calls = 7\n")
    settings = home.load(trust=True)
    limits = settings.config.limits
    assert (limits.tokens, limits.cost_usd, limits.tool_calls) == (100, 0.5, 7)
    assert settings.origin("limits.tokens") == f"{user_file}:2"
    (note,) = settings.notes
    assert note.startswith(f"{project_file}:2: limits.tokens = 101 is not used")
    assert home.load("limits.tokens=200", trust=True).config.limits.tokens == 200


@pytest.mark.parametrize(
    ("user", "project", "used"),
    [
        ("", "openai/gpt-5", DEFAULT_MODEL),
        ("", "local/qwen2.5-coder-0.5b", "local/qwen2.5-coder-0.5b"),
        ("model = 'lab/a'\n", "lab/b", "lab/b"),
        ("model = 'lab/a'\n", "openai/gpt-5", "lab/a"),
        ("model = 'openai/gpt-5-mini'\n", "local/m", "local/m"),
    ],
)
def test_a_project_chooses_no_provider_that_costs(
    home: Home, user: str, project: str, used: str
) -> None:
    home.write(user)
    home.write_project(f"model = '{project}'\n")
    settings = home.load(trust=True, OPENAI_API_KEY="sk-something")
    assert settings.config.model == used
    assert len(settings.notes) == (used != project)
    assert all(f"-m {project}" in note for note in settings.notes)


def test_a_provider_of_the_environment_is_the_users_own(home: Home) -> None:
    home.write_project("model = 'lab/b'\n")
    settings = home.load(trust=True, KODO_MODEL="lab/c")
    assert (settings.config.model, settings.notes) == ("lab/c", ())


def test_what_a_project_sets_is_checked_even_where_it_does_not_count(home: Home) -> None:
    home.write("[limits]\ntokens = 1\n")
    for text in ("model = 'gpt-5'\n", "[limits]\ntokens = 'x'\n", "limit = 1\n"):
        home.write_project(text)
        with pytest.raises(ConfigError, match=r"project/\.kodo/config\.toml:"):
            home.load(trust=True)
