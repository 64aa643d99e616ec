"""`kodo init`: choose the embedded model, a provider with a key, or a server of one's own.

On a terminal it asks; without one it does only what options say. Guards that no key is ever read
or stored: keys stay in the environment.
"""

import argparse
import sys
from collections.abc import Callable

from kodo.base.errors import ConfigError
from kodo.cli.config import set_key
from kodo.cli.host import memory_bytes
from kodo.cli.models import pull
from kodo.cli.options import add_common, add_model, load
from kodo.engine.catalog import DEFAULT_ID, EMBEDDED, find, fits
from kodo.runtime.config import Settings
from kodo.tui.words import size

EXAMPLES = """\
examples:
  kodo init
  kodo init -m local/qwen2.5-coder-0.5b --yes
  kodo init -m openai/gpt-5
  kodo init --url http://127.0.0.1:11434/v1 --provider ollama -m ollama/qwen3-coder
"""

Read = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model, an own server, and --yes."""
    add_model(parser)
    parser.add_argument("--url", metavar="URL", help="an OpenAI-compatible server of your own")
    parser.add_argument("--provider", metavar="NAME", help="the name for that server")
    parser.add_argument("--env-key", metavar="VARIABLE", help="the variable that holds its key")
    parser.add_argument("--yes", action="store_true", help="pull without asking")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Set things up and say what comes next. Raises ConfigError, ModelError."""
    model: str | None = arguments.model
    if arguments.url:
        provider = arguments.provider or (model or "").partition("/")[0]
        if not provider:
            raise ConfigError("name the server: --provider NAME, or -m NAME/MODEL")
        _set_server(provider, arguments.url, arguments.env_key)
    arguments.model = None
    settings = load(arguments)
    if model is None and not arguments.url:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            print(f"configured: {settings.config.model} ({settings.origin('model')})")
            print("to change it without questions: kodo init -m MODEL [--yes]")
            return 0
        model = choose(settings, _ask)
    if model is not None:
        set_key("model", model)
    return _prepare(load(arguments), assume_yes=arguments.yes)


def choose(settings: Settings, ask: Read) -> str:
    """Ask which model to use and return its id; sets up a server where one is named."""
    memory = memory_bytes()
    embedded = [model for model in EMBEDDED if fits(model.memory_bytes, memory)]
    print("Which model shall kodo use?")
    for number, model in enumerate(embedded, 1):
        mark = ", the default" if model.id == DEFAULT_ID else ""
        print(f"  {number}  local/{model.id} ({size(model.size_bytes)}, runs here, no key{mark})")
    first = len(embedded) + 1
    for number, (name, word) in enumerate(
        (("openai", "OpenAI"), ("anthropic", "Anthropic")), first
    ):
        variable = settings.provider(name).env_key
        state = "is set" if settings.environment.get(variable) else "is not set yet"
        print(f"  {number}  a model of {word} (${variable} {state})")
    print(f"  {first + 2}  a server of my own (OpenAI-compatible URL)")
    answer = ask(f"1-{first + 2} [1]: ") or "1"
    if not answer.isdecimal() or not 1 <= int(answer) <= first + 2:
        raise ConfigError(f"{answer!r} is none of 1-{first + 2}; nothing was changed")
    number = int(answer)
    if number < first:
        return f"local/{embedded[number - 1].id}"
    if number == first:
        return f"openai/{ask('model [gpt-5]: ') or 'gpt-5'}"
    if number == first + 1:
        return f"anthropic/{ask('model [claude-sonnet-4-5]: ') or 'claude-sonnet-4-5'}"
    name = ask("a name for the server [lab]: ") or "lab"
    _set_server(
        name,
        ask("its URL [http://127.0.0.1:8000/v1]: ") or "http://127.0.0.1:8000/v1",
        ask("the variable with its key (empty: none): ") or None,
    )
    return f"{name}/{ask('the model it serves: ')}"


def _set_server(name: str, url: str, env_key: str | None) -> None:
    set_key(f"providers.{name}.base_url", url)
    if env_key:
        set_key(f"providers.{name}.env_key", env_key)


def _prepare(settings: Settings, *, assume_yes: bool) -> int:
    """See that the chosen model can be used, and say what is missing."""
    provider, _, name = settings.config.model.partition("/")
    if provider == "local" and name in {model.id for model in EMBEDDED}:
        code = pull(settings, find(name), assume_yes=assume_yes)
        if code != 0:
            return 0  # a model that was not pulled now can be pulled later
    elif provider not in ("local", "scripted"):
        variable = settings.provider(provider).env_key
        if variable and not settings.environment.get(variable):
            print(f"now set the key: export {variable}=…  (kodo never stores it)")
            return 0
    print('ready; try: kodo exec "what does this project do?"')
    return 0


def _ask(question: str) -> str:
    sys.stdout.write(question)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise ConfigError("the questions were not answered; nothing was changed")
    return line.strip()
