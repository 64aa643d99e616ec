"""What is known of an embedded model before it is loaded, and where its file is.

Does not load llama.cpp, so that those who only ask pay nothing for it.
"""

from pathlib import Path

from kodo.base.errors import ConfigError
from kodo.core.model import Ability, ModelInfo
from kodo.engine.catalog import find
from kodo.engine.files import ModelFolder

CONTEXT_TOKENS = 16_384
OUTPUT_TOKENS = 4_096

_SMALL_BYTES = 6 << 30
_ABILITIES: frozenset[Ability] = frozenset(
    {"tools", "schema", "grammar", "seed", "sample", "custom_tools", "logprobs"}
)


def local_info(name: str) -> ModelInfo:
    """Return what is known of `local/NAME`: an id of the catalog, or a path that ends in `.gguf`.

    Raises ConfigError for an unknown id or a path where nothing is.
    """
    abilities = set(_ABILITIES)
    context_tokens = CONTEXT_TOKENS
    small = True
    if name.endswith(".gguf"):
        file = Path(name).expanduser()
        if not file.is_file():
            raise ConfigError(f"no model file at {str(file)!r} (from 'local/{name}')")
        small = file.stat().st_size < _SMALL_BYTES
    else:
        model = find(name)
        context_tokens = min(model.context_tokens, CONTEXT_TOKENS)
        if model.fill_in_the_middle:
            abilities.add("complete")
    if small:
        abilities.add("small")
    return ModelInfo(
        id=f"local/{name}",
        provider="local",
        context_tokens=context_tokens,
        output_tokens=OUTPUT_TOKENS,
        abilities=frozenset(abilities),
    )


def located(folder: Path, name: str) -> Path:
    """Return the file of `local/NAME`. Raises ModelError where it is not there or not whole."""
    if name.endswith(".gguf"):
        return Path(name).expanduser()
    return ModelFolder(folder).require(find(name))
